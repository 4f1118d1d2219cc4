"""What a connection of the fast transport belongs to, without a socket."""

import asyncio
from collections.abc import Callable

from attrs import define, field

from airmeet_async import Timeouts
from airmeet_async.client.transports.llhttp_connection import Connection


@define(eq=False, slots=False)
class FakePool:
    """What a connection needs of its transport, with a clock that is set by hand."""

    loop: asyncio.AbstractEventLoop
    now: float = 100.0
    host: str = "api.example"
    timeouts: Timeouts = field(factory=lambda: Timeouts(connect=5, write=10, read=30, total=40))
    buffer: bytearray = field(factory=lambda: bytearray(64 * 1024))
    window: memoryview = field(init=False)
    open: list[Connection] = field(factory=list)
    gone: list[Connection] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.window = memoryview(self.buffer)

        self.clock: Callable[[], float] = lambda: self.now

    def opened(self, connection: Connection) -> None:
        self.open.append(connection)

    def closed(self, connection: Connection) -> None:
        self.gone.append(connection)
