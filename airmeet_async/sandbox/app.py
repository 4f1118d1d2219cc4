"""The sandbox as a web application.

A thin shell: it reads the request, asks the desk, waits if told to, and sends,
or does not. Dropping a connection needs the transport, which the server puts
into the scope (see `serve`).
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from attrs import asdict

from airmeet_async.api.wire import WRITE_LIMIT, Reply, Request

from . import openapi
from .desk import Desk, Outcome
from .faults import Ending
from .replies import JSON_TYPE, refuse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TRANSPORT: Final = "airmeet_async.sandbox.transport"
OWN_PATH: Final = "/_sandbox/"


class App:
    """An ASGI application around a desk.

    Args:
        desk: The world and its faults.
        latency: Seconds that every answer takes.
    """

    def __init__(self, desk: Desk, *, latency: float = 0.0) -> None:
        self.desk = desk
        self.latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = await _read(receive)
        if body is None:
            await _send(send, refuse(413, f"The body is over {WRITE_LIMIT} bytes", "message"), close=True)
        elif scope["path"].startswith(OWN_PATH):
            await _send(send, self._own(scope))
        elif scope["path"] in openapi.PATHS and scope["method"] == "GET":
            await _send(send, _show(openapi.document()))
        else:
            outcome = self.desk.answer(_request(scope, body), time.monotonic())
            if delay := self.latency + outcome.delay_s:
                await asyncio.sleep(delay)
            await _end(outcome, scope, receive, send)

    def _own(self, scope: Scope) -> Reply:
        match (scope["method"], scope["path"].removeprefix(OWN_PATH).split("/")):
            case "GET", ["statistics"]:
                return _show(self.desk.statistics())
            case "GET", ["people", airmeet_id] if airmeet_id in self.desk.world.events:
                return _show({"people": [asdict(person) for person in self.desk.world.people(airmeet_id)]})
            case "POST", ["expire-tokens"]:
                self.desk.world.expire_tokens()
                return _show({"expired": True})
        return refuse(404, f"Here are {OWN_PATH}statistics, people/AIRMEET_ID and POST expire-tokens", "message")


def _show(body: dict[str, object]) -> Reply:
    return Reply(200, {"content-type": JSON_TYPE}, json.dumps(body, indent=1).encode())


async def _read(receive: Receive) -> bytes | None:
    """Read the body, or return None as soon as it is too long."""
    chunks, length, more = [], 0, True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > WRITE_LIMIT:
            return None
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _request(scope: Scope, body: bytes) -> Request:
    query = scope["query_string"].decode("latin-1")
    target = scope["raw_path"].decode("latin-1") + ("?" + query if query else "")
    return Request(scope["method"], target, tuple(scope["headers"]), body)


async def _end(outcome: Outcome, scope: Scope, receive: Receive, send: Send) -> None:
    if outcome.ending is Ending.ANSWER and outcome.reply is not None:
        await _send(send, outcome.reply)
        return
    if outcome.ending is Ending.PARTIAL and outcome.reply is not None:
        await _send(send, outcome.reply, cut=True)
    if outcome.ending is not Ending.HANG:
        scope[TRANSPORT].abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, reply: Reply, *, cut: bool = False, close: bool = False) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = reply.body[: len(reply.body) // 2] if cut else reply.body
    await send({"type": "http.response.body", "body": body, "more_body": cut})
