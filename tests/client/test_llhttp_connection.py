"""One connection of the fast transport, byte by byte, without a socket: what it takes for a reply, and when it ends."""

import asyncio
import socket
from collections.abc import Iterator

import httptools
import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async import NoReplyError, Reply, TransportError
from airmeet_async.client.transports.llhttp_connection import Connection
from tests.cases import case
from tests.protocol.samples import same_every_time
from tests.support.connection_pool import FakePool


@define(eq=False)
class FakeTransport:
    """Keeps what is written, and never tells the protocol anything by itself."""

    sock: socket.socket
    written: list[bytes] = field(factory=list)
    pending: int = 0
    aborted: bool = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.pending

    def abort(self) -> None:
        self.aborted = True

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self.sock


@define(eq=False)
class Line:
    """A connection between two fakes, and what its server says."""

    pool: FakePool
    transport: FakeTransport
    connection: Connection

    def ask(self, limit: int = 100) -> "asyncio.Future[Reply | TransportError]":
        return self.connection.exchange(b"request", limit, self.pool.now)

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            place = self.connection.get_buffer(-1)
            place[:1] = piece[:1]
            place[1:][: len(piece) - 1] = piece[1:]  # as TLS does it, record by record
            self.connection.buffer_updated(len(piece))

    def outcome(self, *pieces: bytes, limit: int = 100) -> Reply | TransportError | None:
        """Ask, answer, and return what the caller gets, or None while there is nothing."""
        waiter = self.ask(limit)
        self.say(*pieces)
        return waiter.result() if waiter.done() else None


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


Ends = tuple[socket.socket, socket.socket]


def connect(loop: asyncio.AbstractEventLoop, ends: Ends) -> Line:
    pool, transport = FakePool(loop), FakeTransport(ends[0])
    connection = Connection(pool)
    connection.connection_made(transport)
    assert pool.open == [connection]
    return Line(pool, transport, connection)


@pytest.fixture
def line(loop: asyncio.AbstractEventLoop, ends: Ends) -> Line:
    return connect(loop, ends)


HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
WHOLE = {
    "a length": (HI, 200, b"hi"),
    "no body": (b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, b""),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
    "the highest status": (b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nhi", 999, b"hi"),
    "no reason": (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\nX: y\r\n\r\n",
        200,
        b"hi",
    ),
    "early hints": (b"HTTP/1.1 103 Hints\r\nContent-Encoding: br\r\n\r\n" * 2 + HI, 200, b"hi"),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + HI, 200, b"hi"),
}


def test_a_whole_reply_is_one_however_it_is_cut(line: Line) -> None:
    """And the same connection carries the next one."""
    for name, (data, status, body) in WHOLE.items():
        cuts = [(data,), tuple(data[n : n + 1] for n in range(len(data)))]
        cuts += [(data[:n], data[n:]) for n in range(1, len(data))]
        for pieces in cuts:
            with case(name, pieces):
                reply = line.outcome(*pieces)

                assert isinstance(reply, Reply)
                assert (reply.status, reply.body) == (status, body)
                assert "content-encoding" not in reply.headers
                assert reply.at > 1e9
                assert line.connection.finish(line.pool.now)
    assert not line.transport.aborted


LAST = {
    "it says so": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "chunks": b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "another reply begins": HI + b"HTTP/1",
    "another reply": HI + HI,
    "bytes": HI + b"\x00",
}


def test_a_reply_may_be_the_last_of_its_connection(loop: asyncio.AbstractEventLoop, ends: Ends) -> None:
    """The server closes it, or sent more than was asked for."""
    for name, data in LAST.items():
        with case(name):
            line = connect(loop, ends)
            reply = line.outcome(data)

            assert isinstance(reply, Reply)
            assert reply.body == b"hi"
            assert not line.connection.finish(line.pool.now)


def test_a_connection_is_not_free_before_its_request_has_left(line: Line) -> None:
    """A reply may overtake it."""
    line.transport.pending = 1
    assert isinstance(line.outcome(HI), Reply)
    assert not line.connection.finish(line.pool.now)

    line.transport.pending = 0
    assert line.connection.finish(line.pool.now)


def test_a_connection_without_a_whole_reply_is_never_free(line: Line) -> None:
    """Whatever came."""
    assert line.outcome(HI[:-1]) is None
    assert not line.connection.finish(line.pool.now)


HEADERS = (
    b"HTTP/1.1 200 OK\r\nX-A:  one \t\r\nx-a: two\r\nX-Empty:\r\nX-B: \xe4\r\nContent-Length: 10\r\n\r\n\r\nX-Body: "
)


def test_headers_are_read_when_they_are_asked_for(line: Line) -> None:
    """Names in lower case, the last of equal ones, values without blanks; nothing of the body."""
    reply = line.outcome(HEADERS)

    assert isinstance(reply, Reply)
    assert reply.headers == {"x-a": "two", "x-empty": "", "x-b": "\xe4", "content-length": "10"}
    assert (len(reply.headers), next(iter(reply.headers))) == (4, "x-a")
    assert "x-a" in reply.headers
    assert "x-empty" in reply.headers
    assert not any(name in reply.headers for name in ("x-body", "x-", "a", "", "x.a", 7))
    assert reply.headers.get("x-body") is None
    with pytest.raises(KeyError):
        reply.headers["X-A"]


NAMES = st.sampled_from([b"X-A", b"x-a", b"Date", b"CONTENT-ENCODING", b"a", b"x.b!"])
VALUES = st.binary(max_size=6).map(lambda value: value.translate(None, b"\r\n\x00")) | st.sampled_from(
    [b"", b"a: b", b"\t"]
)


class Listener:
    """What llhttp itself tells of a head."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self.found[name.lower().decode("latin-1")] = value.strip().decode("latin-1")


@same_every_time
@given(st.lists(st.tuples(NAMES, st.sampled_from([b": ", b":", b":\t", b" : ", b""]), VALUES), max_size=4))
def test_headers_are_the_ones_that_the_parser_saw(
    loop: asyncio.AbstractEventLoop, ends: Ends, lines: list[tuple[bytes, bytes, bytes]]
) -> None:
    """There is one reading of a head, not two."""
    data = b"".join(b"%b%b%b\r\n" % parts for parts in lines)
    data = b"HTTP/1.1 200 OK\r\n%bContent-Length: 2\r\n\r\nhi" % data
    listener = Listener()
    try:
        httptools.HttpResponseParser(listener).feed_data(data)
        found: dict[str, str] | None = listener.found
    except httptools.HttpParserError:
        found = None
    reply = connect(loop, ends).outcome(data)

    assert (dict(reply.headers) if isinstance(reply, Reply) else None) == found
    assert not isinstance(reply, Reply) or all(name in reply.headers for name in listener.found)


def head_of(size: int) -> bytes:
    """Return a reply without a body whose head has *size* bytes before its empty line."""
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
    return start + b"x" * (size - len(start)) + b"\r\n\r\n"


REFUSED = {
    "a switch of protocols": b"HTTP/1.1 101 Switching\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nhi",
    "a version": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "an old version": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "another protocol": b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "an empty line first": b"\r\n" + HI,
    "an empty line after early hints": b"HTTP/1.1 103 Hints\r\n\r\n\r\n" + HI,
    "another version after early hints": b"HTTP/1.1 103 Hints\r\n\r\nHTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "two codings": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two codings in two lines": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhi\r\n0\r\n\r\n",
    "a head over the limit": head_of(32 * 1024 + 1),
    "a body over the limit": b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,
    "no HTTP": b"\x16\x03\x01",
}


def test_what_could_be_read_in_two_ways_is_refused(loop: asyncio.AbstractEventLoop, ends: Ends) -> None:
    """At once, and the connection ends."""
    for name, data in REFUSED.items():
        for pieces in [(data,), (data[:20], data[20:])] if len(data) < 1000 else [(data,)]:
            with case(name, pieces[1:]):
                line = connect(loop, ends)
                error = line.outcome(*(piece for piece in pieces if piece))

                assert isinstance(error, NoReplyError)
                assert error.reason == "protocol"
                assert line.transport.aborted
                assert not line.connection.finish(line.pool.now)
                assert ("larger than 100 bytes" in str(error)) is (name == "a body over the limit")


def test_a_head_may_have_32_kilobytes(line: Line) -> None:
    """And not one more."""
    assert isinstance(line.outcome(head_of(32 * 1024)), Reply)


def test_an_endless_head_is_refused_while_it_comes(line: Line) -> None:
    """Give or take one reading."""
    waiter = line.ask()
    line.say(b"HTTP/1.1 200 OK\r\nX: ".ljust(32 * 1024, b"x"))
    assert not waiter.done()

    line.say(b"x")
    assert isinstance(waiter.result(), NoReplyError)


def test_a_body_may_have_its_limit(line: Line) -> None:
    """In one piece and in many."""
    body = b"x" * 100
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"a\r\nxxxxxxxxxx\r\n" * 10
    for pieces in [(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + body,), (chunks, b"0\r\n\r\n")]:
        reply = line.outcome(*pieces)

        assert isinstance(reply, Reply)
        assert reply.body == body
        assert line.connection.finish(line.pool.now)


def test_a_body_over_its_limit_is_refused_while_it_comes(line: Line) -> None:
    """Not when it is whole, which may be never."""
    waiter = line.ask()
    line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x" * 60, b"x" * 40)
    assert not waiter.done()

    line.say(b"x")
    assert "larger than 100 bytes" in str(waiter.result())
    assert line.transport.aborted


def test_bytes_around_a_body_have_a_limit(line: Line) -> None:
    """Chunks of one byte are allowed; extensions that never end are not."""
    waiter = line.ask(limit=10_000)
    line.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1;abc\r\nx\r\n" * 1000] * 9)
    assert not waiter.done()

    line.say(b"1;", *[b"x" * 10_000] * 2)
    assert not waiter.done()

    line.say(*[b"x" * 10_000] * 2)
    assert isinstance(waiter.result(), NoReplyError)


def test_a_body_without_a_length_ends_with_the_connection(loop: asyncio.AbstractEventLoop, ends: Ends) -> None:
    """Only such a one does, and only with a head."""
    ended = {
        b"HTTP/1.1 200 OK\r\n\r\nab": b"ab",
        b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n": b"",
        b"HTTP/1.0 200 OK\r\n\r\nab": b"ab",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nab": b"ab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab": None,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nab": None,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n": None,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n": None,
        b"HTTP/1.1 200 OK\r\n": None,
        b"HTTP/1.1 103 Hints\r\n\r\n": None,
    }
    for data, body in ended.items():
        with case(data):
            line = connect(loop, ends)
            waiter = line.ask()
            line.say(data)
            assert not waiter.done()
            line.connection.eof_received()
            line.connection.connection_lost(None)
            outcome = waiter.result()

            assert (outcome.body if isinstance(outcome, Reply) else None) == body
            assert isinstance(outcome, Reply) or outcome.reason == "protocol"
            assert not isinstance(outcome, Reply) or (outcome.status, outcome.at > 1e9) == (200, True)
            assert not line.connection.finish(line.pool.now)
            assert line.pool.gone == [line.connection]


def test_an_end_that_comes_twice_changes_nothing(line: Line) -> None:
    """Nor does one that comes after the caller has gone."""
    waiter = line.ask()
    line.say(b"HTTP/1.1 200 OK\r\n\r\nab")
    line.connection.eof_received()
    line.connection.eof_received()
    assert isinstance(waiter.result(), Reply)


def test_the_end_of_a_free_connection_is_no_event(line: Line) -> None:
    """It is not used again."""
    assert isinstance(line.outcome(HI), Reply)
    assert line.connection.finish(line.pool.now)
    line.connection.eof_received()
    assert not line.connection.is_reusable


def test_a_reset_is_no_reply(line: Line) -> None:
    """The reason says which end it was."""
    waiter = line.ask()
    line.connection.connection_lost(ConnectionResetError())
    outcome = waiter.result()

    assert isinstance(outcome, NoReplyError)
    assert (outcome.reason, line.pool.gone) == ("reset", [line.connection])


def test_bytes_that_nobody_asked_for_end_the_connection(loop: asyncio.AbstractEventLoop, ends: Ends) -> None:
    """Before a request, after a reply, and after the caller has gone."""
    fresh, used, left = (connect(loop, ends) for _ in range(3))
    assert isinstance(used.outcome(HI), Reply)
    used.connection.finish(used.pool.now)
    left.ask().cancel()
    for line in (fresh, used, left):
        line.say(HI)

        assert line.transport.aborted
        assert not line.connection.is_reusable


def test_a_reply_and_an_end_of_its_connection_are_one_reply(line: Line) -> None:
    """What comes first counts."""
    reply = line.outcome(HI)
    line.connection.connection_lost(ConnectionResetError())

    assert isinstance(reply, Reply)


def test_a_request_is_written_once(line: Line) -> None:
    """In one piece."""
    assert isinstance(line.outcome(HI), Reply)
    assert line.transport.written == [b"request"]


def at(line: Line, seconds: float) -> None:
    """Let time pass, and the timer go off."""
    line.pool.now = 100.0 + seconds
    line.connection.check_timeouts(line.pool.now)


def test_a_silent_server_meets_the_read_timeout(line: Line) -> None:
    """Which is another one than that of the whole exchange."""
    waiter = line.ask()
    at(line, 29.9)
    assert not waiter.done()

    at(line, 30)
    assert str(waiter.result()) == "the connection to api.example went silent before the reply was complete"
    assert line.transport.aborted


def test_each_piece_of_a_reply_is_given_the_read_timeout(line: Line) -> None:
    """From when it came."""
    waiter = line.ask()
    line.pool.now = 109.0
    line.say(HI[:10])
    at(line, 38.9)
    assert not waiter.done()

    at(line, 39)
    assert "went silent" in str(waiter.result())


def test_a_request_that_is_not_taken_meets_the_write_timeout(line: Line) -> None:
    """Each piece that leaves is given it anew."""
    waiter = line.ask()
    line.transport.pending = 50
    at(line, 1)
    line.transport.pending = 40
    at(line, 9)
    at(line, 18.9)
    assert not waiter.done()

    at(line, 19)
    assert "went silent" in str(waiter.result())


def test_a_slow_exchange_meets_the_total_timeout(line: Line) -> None:
    """However busy it is."""
    waiter = line.ask()
    line.pool.now = 120.0
    line.say(HI[:10])
    at(line, 39.9)
    assert not waiter.done()

    at(line, 40)
    assert str(waiter.result()) == "api.example did not reply within 40 s"
    assert line.transport.aborted


def test_a_free_connection_is_kept_for_fifteen_seconds(line: Line) -> None:
    """Counted from the end of its last exchange."""
    assert isinstance(line.outcome(HI), Reply)
    line.pool.now = 105.0
    assert line.connection.finish(105.0)
    at(line, 19.9)
    assert not line.transport.aborted

    at(line, 20)
    assert line.transport.aborted


def test_a_new_connection_is_as_young_as_it_is(line: Line) -> None:
    """Connecting may have taken long; the read time-out begins when the connection is there."""
    waiter = line.connection.exchange(b"request", 100, 100.0 - 8.0)
    at(line, 29.9)
    assert not waiter.done()

    at(line, 30)
    assert waiter.done()


def test_input_is_seen_before_it_is_read(line: Line, ends: Ends) -> None:
    """Also before the event loop has had its turn."""
    assert not line.connection.has_input()
    ends[1].send(b"x")
    assert line.connection.has_input()
    ends[0].recv(1)
    assert not line.connection.has_input()
