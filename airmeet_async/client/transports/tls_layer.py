"""TLS for the fast transport, between a socket's transport and a `Connection`, over the standard library's `ssl`.

asyncio's own layer does the same for all protocols; doing just what one request at a time needs costs a third of it.
Rules of this file:

1. Certificates, names and versions are checked by the context alone; nothing here decides about trust.
2. The connection is told that it is made when the handshake is complete, and not before: nothing is written earlier.
3. What TLS itself wants to say (alerts, new keys) is sent as soon as it is known.
4. An error of TLS after the handshake ends the exchange under way without a reply.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from airmeet_async.client.transports.base import lost
from airmeet_async.client.transports.llhttp_connection import Connection


class TlsLayer(asyncio.BufferedProtocol):
    """The protocol of the socket's transport, and the transport of *connection*.

    Attributes:
        ready: Brings None when the handshake is complete, or the reason why it never will be.
        abort: Closes the socket at once.
        get_write_buffer_size: Bytes that have not left yet.
        get_extra_info: The socket's transport's.
    """

    abort: Callable[[], None]
    get_write_buffer_size: Callable[[], int]
    get_extra_info: Callable[[str], Any]

    def __init__(self, connection: Connection, context: ssl.SSLContext, host: str) -> None:
        self._connection, self._pool = connection, connection.pool
        self.ready: asyncio.Future[OSError | None] = self._pool.loop.create_future()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._is_up = False

    # Called by the connection.

    def write(self, data: bytes) -> None:
        try:
            self._tls.write(data)
        except ssl.SSLError:
            self._connection.fail(lost("protocol", self._pool.host))
        else:
            self._transport.write(self._outgoing.read())

    # Called by the event loop.

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.abort, self.get_extra_info = transport.abort, transport.get_extra_info
        self.get_write_buffer_size = transport.get_write_buffer_size
        self._shake_hands()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's signature
        return self._pool.window

    def buffer_updated(self, nbytes: int) -> None:
        incoming, connection, pool = self._incoming, self._connection, self._pool
        incoming.write(pool.window[:nbytes])
        if not self._is_up:
            self._shake_hands()
            if not self._is_up:
                return
        try:
            while incoming.pending:
                count: Any = self._tls.read(len(pool.buffer), pool.window)
                if not count:  # the server says goodbye
                    connection.eof_received()
                    self._transport.close()
                    break
                connection.buffer_updated(count)
        except ssl.SSLWantReadError:
            pass  # a part of a record, or one that was for TLS itself
        except ssl.SSLError:
            connection.fail(lost("protocol", pool.host))
        self._send_what_tls_says()

    def eof_received(self) -> None:
        if self._is_up:
            self._connection.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_up:
            self._connection.connection_lost(error)
        else:
            self._fail(error if isinstance(error, OSError) else ConnectionResetError())

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send_what_tls_says()
        except ssl.SSLError as error:
            self._send_what_tls_says()
            self._transport.close()
            self._fail(error)
        else:
            self._send_what_tls_says()
            self._is_up = True
            self._connection.connection_made(self)
            if not self.ready.done():
                self.ready.set_result(None)

    def _send_what_tls_says(self) -> None:
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    def _fail(self, error: OSError) -> None:
        if not self.ready.done():
            self.ready.set_result(error)
