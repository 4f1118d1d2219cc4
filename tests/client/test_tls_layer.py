"""The fast transport's TLS, without a socket: a server's side in memory, and what each of its doings means."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress

import pytest
import trustme
from attrs import define, field

from airmeet_async import NoReplyError, Reply, TransportError
from airmeet_async.client.transports.llhttp_connection import Connection
from airmeet_async.client.transports.tls_layer import TlsLayer
from tests.cases import case
from tests.support.connection_pool import FakePool

HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@define(eq=False)
class Wire:
    """The socket's transport of the layer, and the server at its other end."""

    server: ssl.SSLObject
    to_server: ssl.MemoryBIO
    from_server: ssl.MemoryBIO
    layer: TlsLayer
    connection: Connection
    pool: FakePool
    events: list[str] = field(factory=list)

    # What a transport has.

    def write(self, data: bytes) -> None:
        assert data
        self.events.append("write")
        self.to_server.write(data)

    def abort(self) -> None:
        self.events.append("abort")

    def close(self) -> None:
        self.events.append("close")

    def get_write_buffer_size(self) -> int:
        return 7

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return OURS

    # What a server does.

    def feed(self, data: bytes) -> None:
        """Let the layer read bytes from its socket."""
        place = self.layer.get_buffer(-1)
        place[: len(data)] = data
        self.layer.buffer_updated(len(data))

    def flush(self) -> bytes:
        return self.from_server.read()

    def shake_hands(self) -> None:
        """Go on until both sides are done, or one has refused."""
        for _ in range(4):
            with suppress(ssl.SSLWantReadError):
                self.server.do_handshake()
            if data := self.flush():
                self.feed(data)

    def request(self) -> bytes:
        return self.server.read()

    def encrypted(self, *pieces: bytes) -> bytes:
        """Return a record for each piece."""
        for piece in pieces:
            self.server.write(piece)
        return self.flush()

    def ask(self) -> "asyncio.Future[Reply | TransportError]":
        return self.connection.exchange(b"request", 100_000, 100.0)


OURS, THEIRS = socket.socketpair()
OURS.setblocking(False)


def connect(
    loop: asyncio.AbstractEventLoop,
    authority: trustme.CA,
    name: str = "api.example",
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> Wire:
    """Put a layer and a server face to face; the handshake has begun."""
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    theirs.maximum_version = version
    authority.issue_cert(name).configure_cert(theirs)
    authority.configure_trust(ours)
    to_server, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    pool = FakePool(loop)
    connection = Connection(pool)
    layer = TlsLayer(connection, ours, "api.example")
    server = theirs.wrap_bio(to_server, from_server, server_side=True)
    wire = Wire(server, to_server, from_server, layer, connection, pool)
    layer.connection_made(wire)
    return wire


@pytest.fixture
def wire(loop: asyncio.AbstractEventLoop, authority: trustme.CA) -> Wire:
    wire = connect(loop, authority)
    wire.shake_hands()
    wire.events.clear()
    return wire


VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def test_the_connection_is_made_by_the_handshake(loop: asyncio.AbstractEventLoop, authority: trustme.CA) -> None:
    """And not before; then it carries requests."""
    for version in VERSIONS:
        with case(version):
            wire = connect(loop, authority, version=version)
            assert (wire.pool.open, wire.layer.ready.done(), wire.events) == ([], False, ["write"])

            wire.shake_hands()
            assert (wire.pool.open, wire.layer.ready.result()) == ([wire.connection], None)
            assert (wire.layer.get_write_buffer_size(), wire.layer.get_extra_info("socket")) == (7, OURS)
            for _ in range(3):
                waiter = wire.ask()
                assert wire.request() == b"request"
                wire.feed(wire.encrypted(HI))
                assert isinstance(reply := waiter.result(), Reply)
                assert reply.body == b"hi"
                wire.connection.finish(100.0)
                assert not wire.connection.has_input()


def test_a_reply_may_come_with_the_end_of_the_handshake(loop: asyncio.AbstractEventLoop, authority: trustme.CA) -> None:
    """In one reading: then nobody has asked for it."""
    wire = connect(loop, authority, version=ssl.TLSVersion.TLSv1_2)
    for _ in range(2):
        try:
            wire.server.do_handshake()
        except ssl.SSLWantReadError:
            wire.feed(wire.flush())
    wire.feed(wire.flush() + wire.encrypted(HI))

    assert wire.layer.ready.result() is None
    assert wire.events[-1] == "abort"


def test_a_reply_in_many_records_is_one(wire: Wire) -> None:
    """Whole ones, parts of them, and several at once."""
    body = bytes(range(256)) * 300
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    data = wire.encrypted(head, body[:100], body[100:20_000], body[20_000:])
    for size in (60_000, 16_000, 997):
        with case(size):
            waiter = wire.ask()
            for at in range(0, len(data), size):
                wire.feed(data[at : at + size])
            reply = waiter.result()

            assert isinstance(reply, Reply)
            assert reply.body == body
            wire.connection.finish(100.0)
        data = wire.encrypted(head, body[:100], body[100:20_000], body[20_000:])


def test_a_server_that_is_not_the_right_one_is_refused(loop: asyncio.AbstractEventLoop, authority: trustme.CA) -> None:
    """It is told so, and the connection is never made."""
    for name, signer in [("other.example", authority), ("api.example", trustme.CA())]:
        with case(name):
            wire = (
                connect(loop, authority, name) if signer is authority else connect_to_stranger(loop, authority, signer)
            )
            with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
                wire.shake_hands()

            assert isinstance(wire.layer.ready.result(), ssl.SSLCertVerificationError)
            assert (wire.pool.open, wire.events) == ([], ["write", "write", "close"])
            wire.layer.eof_received()
            wire.layer.connection_lost(None)
            assert wire.pool.gone == []


def connect_to_stranger(loop: asyncio.AbstractEventLoop, authority: trustme.CA, stranger: trustme.CA) -> Wire:
    wire = connect(loop, authority)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stranger.issue_cert("api.example").configure_cert(theirs)
    wire.server = theirs.wrap_bio(wire.to_server, wire.from_server, server_side=True)
    return wire


def test_a_handshake_that_is_cut_off_is_an_error(loop: asyncio.AbstractEventLoop, authority: trustme.CA) -> None:
    """Of the system, or none in particular; one of a caller that has gone is nobody's."""
    for error, kind in [
        (None, ConnectionResetError),
        (BrokenPipeError(), BrokenPipeError),
        (ValueError(), ConnectionResetError),
    ]:
        with case(error):
            wire = connect(loop, authority)
            wire.layer.eof_received()
            wire.layer.connection_lost(error)

            assert type(wire.layer.ready.result()) is kind
            assert wire.pool.gone == []
    wire = connect(loop, authority)
    wire.layer.ready.cancel()
    wire.layer.connection_lost(None)
    wire = connect(loop, authority)
    wire.layer.ready.cancel()
    wire.shake_hands()


def test_something_else_than_tls_is_an_error(loop: asyncio.AbstractEventLoop, authority: trustme.CA) -> None:
    """A server that speaks plain HTTP, for one."""
    wire = connect(loop, authority)
    wire.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert isinstance(wire.layer.ready.result(), ssl.SSLError)
    assert wire.events[-1] == "close"


def test_a_body_without_a_length_ends_with_the_goodbye(loop: asyncio.AbstractEventLoop, authority: trustme.CA) -> None:
    """Or without one."""
    for says_goodbye in (True, False):
        with case(says_goodbye):
            wire = connect(loop, authority)
            wire.shake_hands()
            waiter = wire.ask()
            wire.request()
            wire.feed(wire.encrypted(b"HTTP/1.1 200 OK\r\n\r\nab"))
            assert not waiter.done()
            if says_goodbye:
                with pytest.raises(ssl.SSLWantReadError):
                    wire.server.unwrap()
                wire.feed(wire.flush())
                assert wire.events[-1] == "close"
            else:
                wire.layer.eof_received()
            reply = waiter.result()

            assert isinstance(reply, Reply)
            assert reply.body == b"ab"
            wire.layer.connection_lost(None)
            assert wire.pool.gone == [wire.connection]


def test_a_record_after_the_reply_ends_the_connection(wire: Wire) -> None:
    """In the same reading, the reply counts."""
    waiter = wire.ask()
    wire.feed(wire.encrypted(HI, HI))

    assert isinstance(waiter.result(), Reply)
    assert wire.events[-1] == "abort"
    assert not wire.connection.finish(100.0)


def test_input_on_the_socket_is_seen(wire: Wire) -> None:
    """As without TLS."""
    assert not wire.connection.has_input()
    THEIRS.send(b"x")
    assert wire.connection.has_input()
    OURS.recv(1)


def test_a_broken_record_is_no_reply(wire: Wire) -> None:
    """The server is told, and nothing is read any more."""
    waiter = wire.ask()
    data = bytearray(wire.encrypted(HI))
    data[-1] ^= 1
    wire.events.clear()
    wire.feed(bytes(data))
    outcome = waiter.result()

    assert isinstance(outcome, NoReplyError)
    assert (outcome.reason, wire.events) == ("protocol", ["abort", "write"])


def test_a_request_that_tls_refuses_is_no_reply(wire: Wire) -> None:
    """Nothing is raised at the one who writes."""
    data = bytearray(wire.encrypted(HI))
    data[-1] ^= 1
    wire.feed(bytes(data))
    outcome = wire.ask().result()

    assert isinstance(outcome, NoReplyError)
    assert outcome.reason == "protocol"


def test_a_lost_connection_is_told(wire: Wire) -> None:
    """With its reason."""
    waiter = wire.ask()
    wire.layer.connection_lost(ConnectionResetError())
    outcome = waiter.result()

    assert isinstance(outcome, NoReplyError)
    assert (outcome.reason, wire.pool.gone) == ("reset", [wire.connection])
