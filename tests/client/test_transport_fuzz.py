"""Bytes of all sorts, in pieces of all sorts, as answers: each is the right reply or a transport's error.

Never another exception, never a hang, and the next request never gets anything of the last one's. No example has a
deadline of its own, which a busy machine could miss: a hang meets the transport's time-outs, and then the test's.
"""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from airmeet_async import Reply, TransportError
from tests.support.fault_server import Act, Peer, answer
from tests.support.transports import MAKERS, Make, between, post

pytestmark = [pytest.mark.slow, pytest.mark.real_time, pytest.mark.timeout(600)]


@frozen
class Stream:
    """What a server says: bytes, where they are cut, and what they mean if they are well-formed."""

    data: bytes
    cuts: tuple[int, ...]
    status: int | None = None
    body: bytes = b""

    def pieces(self) -> Sequence[bytes]:
        """Return the bytes as they are sent."""
        edges = [0, *sorted({cut for cut in self.cuts if cut < len(self.data)}), len(self.data)]
        return [self.data[start:end] for start, end in pairwise(edges)]


BODIES = st.binary(max_size=60) | st.just(b'{"ok": true}') | st.just(b"HTTP/1.1 200 OK\r\n\r\n") | st.just(b"x" * 4096)
STATUSES = st.sampled_from([200, 201, 202, 301, 400, 412, 429, 500, 504])
HEADERS = st.sampled_from([b"", b"X-A: b\r\n", b"Connection: keep-alive\r\n", b"X-Empty:\r\n", b"Set-Cookie: a=b\r\n"])
CUTS = st.lists(st.integers(1, 400), max_size=12).map(tuple) | st.just(tuple(range(1, 400)))


@st.composite
def well_formed(draw: st.DrawFn) -> Stream:
    """Draw an answer in any legal framing, perhaps after early hints."""
    status, body, extra = draw(STATUSES), draw(BODIES), draw(HEADERS)
    head = b"HTTP/1.1 %d Some Reason\r\n%b" % (status, extra)
    match draw(st.sampled_from(["length", "chunks", "close"])):
        case "length":
            text = head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        case "chunks":
            size = draw(st.integers(1, 50)) if len(body) < 100 else 1000
            parts = [body[at : at + size] for at in range(0, len(body), size)]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
            trailer = draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"]))
            text = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"
        case _:
            text = b"HTTP/1.1 %d Some Reason\r\nX-Y: z\r\n\r\n%b" % (status, body)
    hints = draw(
        st.sampled_from([b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
    )
    return Stream(hints + text, draw(CUTS), status, body)


EDITS = st.tuples(
    st.sampled_from(["cut", "drop", "put", "twice"]), st.integers(0, 300), st.binary(min_size=1, max_size=3)
)
NASTY = st.sampled_from(
    [
        b"\r\n", b"\n", b"\x00", b"Content-Length: 5\r\n", b"Content-Length: 99999999999999999999\r\n", b": ",
        b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Upgrade: ws\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
        b"X: " + b"y" * 100_000, b"A: b\r\n" * 6000, b"ffffffff\r\n", b"-1\r\n", b"\xff\xfe",
    ]
)  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn) -> Stream:
    """Draw an answer that was cut off, changed, repeated in part, or added to; or no answer at all."""
    if draw(st.integers(0, 9)) == 0:
        return Stream(draw(st.binary(max_size=200)), draw(CUTS))
    data = draw(well_formed()).data
    for edit, at, some in draw(st.lists(EDITS, min_size=1, max_size=3)):
        place = at % (len(data) + 1)
        match edit:
            case "cut":
                data = data[:place]
            case "drop":
                data = data[:place] + data[place + len(some) :]
            case "put":
                data = data[:place] + (some if at % 2 else draw(NASTY)) + data[place:]
            case _:
                data = data[:place] + data[max(0, place - at) :]
    return Stream(data, draw(CUTS))


async def _let_others_run() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def said(stream: Stream, done: asyncio.Event, *, stays: bool) -> Act:
    """Send the pieces one after another, so that the other side reads them one by one."""

    async def act(peer: Peer) -> None:
        try:
            for piece in stream.pieces():
                await peer.send(piece)
                await _let_others_run()
        finally:
            if not stays:
                peer.writer.close()
            done.set()

    return act


def outcome(make: Make, stream: Stream, *, stays: bool = False) -> Reply | TransportError:
    """Return what a transport makes of *stream*, once the next request has been seen to get its own answer."""

    async def once() -> Reply | TransportError:
        done = asyncio.Event()
        async with between(make, said(stream, done, stays=stays), answer(b"own"), connections=1) as (_, transport):
            first: Reply | TransportError
            try:
                first = await transport.exchange(post())
            except TransportError as error:
                first = error
            await done.wait()
            await _let_others_run()
            assert (await transport.exchange(post())).body == b"own"
            return first

    return asyncio.run(once())


@pytest.mark.parametrize("kind", ["httpx-lanes", "llhttp"])
@settings(max_examples=100, deadline=None)
@given(stream=well_formed())
def test_a_well_formed_answer_is_understood_however_it_is_cut(kind: str, stream: Stream) -> None:
    """Status and body are the ones that were written."""
    reply = outcome(MAKERS[kind], stream)

    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (stream.status, stream.body)


@settings(max_examples=200, deadline=None)
@given(stream=spoiled())
def test_a_spoiled_answer_is_an_error_or_what_both_transports_read(stream: Stream) -> None:
    """Two parsers that know nothing of each other never read two different answers."""
    fast, lanes = outcome(MAKERS["llhttp"], stream), outcome(MAKERS["httpx-lanes"], stream)

    if isinstance(fast, Reply) and isinstance(lanes, Reply):
        assert (fast.status, fast.body, fast.headers) == (lanes.status, lanes.body, lanes.headers)


@settings(max_examples=60, deadline=None)
@given(stream=well_formed().filter(lambda stream: b"X-Y" not in stream.data), extra=st.binary(min_size=1, max_size=40))
def test_bytes_that_come_with_the_end_of_an_answer_reach_no_other(stream: Stream, extra: bytes) -> None:
    """The server goes on and holds the connection open."""
    cuts = tuple(cut for cut in stream.cuts if cut < len(stream.data))
    reply = outcome(MAKERS["llhttp"], Stream(stream.data + extra, cuts), stays=True)

    assert isinstance(reply, Reply)
    assert reply.body == stream.body
