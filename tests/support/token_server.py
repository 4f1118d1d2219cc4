"""A pretend Airmeet on loopback on which a new token ends the one before, and each ends after so many requests."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, field

_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
_TOKEN = re.compile(rb"(?i)x-airmeet-access-token: *(\S+)")
_EMAIL = re.compile(rb'"email": *"([^"]*)"')
_LINK = b'{"email":"%b","entryLink":"https://www.airmeet.com/event/x?code=5d60d4e25d60d4e25d60d4e25d60d4e2"}'


@define(eq=False)
class TokenServer:
    """What happened so far.

    Attributes:
        uses: Requests for which a token is good.
        base: The address.
        issued: Tokens so far.
        added: Adds that were carried out, each e-mail as often as it came.
        refused: Requests that were answered 412.
        may_issue: Cleared to hold the answer to a sign-in back.
        asked: Set when somebody signs in.
    """

    uses: int
    base: str = ""
    issued: int = 0
    left: int = 0
    refused: int = 0
    added: list[bytes] = field(factory=list)
    may_issue: asyncio.Event = field(factory=asyncio.Event)
    asked: asyncio.Event = field(factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                status, document = await self.answer(head, body)
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (status, len(document), document)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def answer(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        if b"/auth " in head.split(b"\r\n", 1)[0]:
            self.issued, self.left = self.issued + 1, self.uses
            token = b"token-%d" % self.issued
            self.asked.set()
            await self.may_issue.wait()
            return 200, b'{"token":"%b"}' % token
        sent = _TOKEN.search(head)
        if sent is None or sent[1] != b"token-%d" % self.issued or self.left <= 0:
            self.refused += 1
            return 412, b'{"message":"token expired"}'
        self.left -= 1
        email = _EMAIL.search(body)
        assert email is not None
        self.added.append(email[1])
        return 200, _LINK % email[1]


@asynccontextmanager
async def token_server(uses: int) -> AsyncIterator[TokenServer]:
    state = TokenServer(uses)
    state.may_issue.set()
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
    state.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/prod"
    async with server:
        yield state
