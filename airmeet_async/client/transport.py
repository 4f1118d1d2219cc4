"""The seam between this library and the network: a `Request` goes in, a `Reply` comes out."""

from typing import Protocol

from attrs import frozen

from airmeet_async.api.wire import Reply, Request


@frozen
class Timeouts:
    """Seconds, each with its reason.

    Attributes:
        connect: To reach the host and agree on TLS.
        write: For one piece of the request to leave.
        read: Between two pieces of the answer. Above the 29 to 30 s after which such a gateway itself gives up, so
            that its 504 is received rather than guessed.
        total: For the whole exchange; a server that drips one byte a second never trips *read*.
    """

    connect: float = 5.0
    write: float = 10.0
    read: float = 35.0
    total: float = 45.0


class Transport(Protocol):
    """Carries requests to one base address.

    A transport follows no redirects, keeps no cookies, undoes no content encoding, and never repeats a request.
    """

    async def exchange(self, request: Request) -> Reply:
        """Send *request* and return the whole answer.

        Raises:
            NotSentError: The request certainly did not reach the server.
            NoReplyError: It may have; there is no complete answer.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...
