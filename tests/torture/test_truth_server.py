"""The truth server does what its faults say, and writes down what it did. Real sockets."""

import asyncio
import json

import pytest

from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, leaks
from tests.torture.history import read_truth
from tests.torture.truth_server import truth_server

pytestmark = pytest.mark.real_time

KEYS = f"X-Airmeet-Access-Key: {SENTINEL_ACCESS_KEY}\r\nX-Airmeet-Secret-Key: {SENTINEL_SECRET_KEY}\r\n"


async def ask(port, path, body=None, headers=""):
    """Send one request over a connection of its own; return status, head and body, or None without a whole answer."""
    data = b"" if body is None else json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"POST /prod{path} HTTP/1.1\r\n{headers}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
        size = int(head.lower().partition("content-length: ")[2].partition("\r")[0])
        answer = await asyncio.wait_for(reader.readexactly(size), 5)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    finally:
        writer.close()
    return int(head.split(" ")[1]), head, json.loads(answer)


async def token(port):
    answer = await ask(port, "/auth", headers=KEYS)
    assert answer is not None
    return answer[2]["data"]["token"]


async def put(port, given, number=1, email=None):
    """Add somebody; return the status, or None without an answer."""
    person = {
        "email": email or f"p{number}@example.com",
        "firstName": "Ada",
        "lastName": "Ay",
        "sendEmailInvite": False,
    }
    answer = await ask(port, "/airmeet/ev-1/attendee", person, f"X-Airmeet-Access-Token: {given}\r\n")
    return None if answer is None else answer[0]


@pytest.mark.parametrize(
    ("faults", "status", "applied"),
    [
        ("", 200, True),
        ("reset-before@1", None, False),
        ("reset-after@1", None, True),
        ("cut@1:bytes=30", None, True),
        ("hang@1", None, False),
        ("hang-after@1", None, True),
        ("drip@1:gap=0.0001", 200, True),
        ("slow@1:for=0.01", 200, True),
        ("expire@1", 412, False),
        ("429@1", 429, False),
        ("500@1", 500, False),
        ("503-after@1", 503, True),
        ("blackout@1:for=0.05", None, False),
        ("refuse@1:for=0.05", None, False),
    ],
)
async def test_a_fault_shows_and_is_written_down(tmp_path, faults, status, applied):
    log = tmp_path / "truth.jsonl"
    async with truth_server(log, faults=faults, hang=0.05) as server:
        given = await token(server.port)
        seen = await put(server.port, given)
        await asyncio.sleep(0.1)
        renewed = await token(server.port)
        after = await put(server.port, renewed)
    first, second = [sent for sent in read_truth(log.read_text().splitlines()).requests if sent.kind == "add"]

    assert (seen, first.status, first.applied, first.gone) == (status, status, applied, False)
    assert (after, second.applied, second.gen, server.applied) == (200, True, 2, {"p1@example.com": 1 + applied})
    assert leaks(log.read_text()) == []


async def test_the_rules_of_the_house(tmp_path):
    """Keys, tokens, mandatory fields, poison, refusals, unknown places."""
    async with truth_server(tmp_path / "truth.jsonl") as server:
        given = await token(server.port)
        found = [
            (await ask(server.port, "/auth") or (0,))[0],
            await put(server.port, "nonsense"),
            await put(server.port, given, email="p+poison@example.com"),
            await put(server.port, given, email="p+reject@example.com"),
            (await ask(server.port, "/airmeet/ev-1/attendee", {}, f"X-Airmeet-Access-Token: {given}\r\n") or (0,))[0],
            (await ask(server.port, "/elsewhere") or (0,))[0],
        ]

    assert found == [400, 400, 500, 422, 400, 404]


async def test_a_rate_limit_answers_429_above_it(tmp_path):
    async with truth_server(tmp_path / "truth.jsonl", rate_limit=10) as server:
        given = await token(server.port)
        found = [await put(server.port, given, number) for number in range(5)]

    assert found[0] == 200
    assert 429 in found


async def test_a_client_that_goes_away_is_written_down_as_gone(tmp_path):
    log = tmp_path / "truth.jsonl"
    async with truth_server(log, faults="hang@1") as server:
        given = await token(server.port)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(put(server.port, given), 0.05)
        while server.open_now:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    assert [(sent.gone, sent.status) for sent in read_truth(log.read_text().splitlines()).adds] == [(True, None)]
