"""Ten kinds of answers, on real sockets: what each means for its row, at full speed, whatever the transport."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from airmeet_async import Attendee, RowStatus
from tests.support.fault_server import Act, Peer, answer, fault_server, raw, reset
from tests.support.worlds import add, client_of

pytestmark = pytest.mark.real_time

S = RowStatus
PLAIN = 24  # rows before: the run is at full speed when the others come


def body_of(email: str) -> bytes:
    return json.dumps({"email": email, "entryLink": f"https://x.example/{email[:3]}"}).encode()


def chunked(body: bytes) -> Act:
    parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    return raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n", close=False)


def halves(body: bytes) -> Act:
    async def act(peer: Peer) -> None:
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        for part in (whole[:9], whole[9:40], whole[40:]):
            await peer.send(part)
            await asyncio.sleep(0.02)

    return act


def continued(body: bytes) -> Act:
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
    return raw(head % (len(body), body), close=False)


def closing(body: bytes) -> Act:
    return raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def acts_for(number: int, email: str) -> Iterator[Act]:
    """What the server does with the attempts of a row."""
    body, fine = body_of(email), answer(body_of(email))
    kinds: list[list[Act]] = [
        [chunked(body)],
        [halves(body)],
        [continued(body)],
        [closing(body)],
        [answer(b'{"statusMessage": "no"}', "500 Internal Server Error"), fine],
        [answer(b"{}", "429 Too Many Requests", b"Retry-After: 0\r\n"), fine],
        [answer(b'{"message": "no"}', "422 Unprocessable Entity")],
        [reset, fine],
        [answer(body_of("somebody-else@example.com"))] * 9,
        [answer(b"")] * 9,
    ]
    return iter(kinds[number - PLAIN] if number >= PLAIN else [fine])


# Status, attempts, replayed, whether there is a link.
EXPECTED: list[tuple[RowStatus, int, bool, bool]] = [
    *[(S.SUCCEEDED, 1, False, True)] * 4,
    (S.SUCCEEDED, 2, True, True),
    (S.SUCCEEDED, 2, False, True),
    (S.REJECTED, 1, False, False),
    (S.SUCCEEDED, 2, True, True),
    (S.UNKNOWN, 3, True, False),
    (S.UNKNOWN, 3, True, False),
]


@pytest.mark.parametrize("journaled", [False, True], ids=["in memory", "with a journal"])
@pytest.mark.parametrize("transport", ["httpx", "fast"])
async def test_ten_kinds_of_answers(tmp_path: Path, transport: str, journaled: bool) -> None:
    people = [Attendee(f"p{n}@example.com", "Ada", "Ay") for n in range(PLAIN + len(EXPECTED))]
    acts = {one.email: acts_for(n, one.email) for n, one in enumerate(people)}
    sent = Counter[str]()

    async def serve(peer: Peer) -> None:
        head, _, body = server.requests[-1].partition(b"\r\n\r\n")  # nothing waits since it was read
        if b"/auth " in head:
            return await answer(b'{"token": "t"}')(peer)
        email = json.loads(body)["email"]
        sent[email] += 1
        return await next(acts[email])(peer)

    async with (
        fault_server(serve) as server,
        client_of(transport, base_url=f"http://127.0.0.1:{server.port}/prod") as client,
    ):
        report = await add(client, people, max_in_flight=4, journal=tmp_path / "launch.job" if journaled else None)

    assert report.results is not None
    told = [(one.status, one.attempts, one.replayed, bool(one.entry_link)) for one in report.results]
    assert told == [*[(S.SUCCEEDED, 1, False, True)] * PLAIN, *EXPECTED]
    assert [one.attempts for one in report.results] == [sent[one.key] for one in report.results]
    assert report.attempts == sent.total()
