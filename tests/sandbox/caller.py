"""A caller of the sandbox for tests: small words for requests, JSON for answers."""

import json
from collections.abc import Callable
from typing import Any

from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.sandbox import Switches, World, community

JSON = {"Content-Type": "application/json"}


def request(method: str, path: str, body: Any = None, **headers: str) -> Request:
    """Build a request below the base path; header names are written with underscores, bytes are sent as they are."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = tuple((name.encode(), value.encode()) for name, value in named.items())
    return Request(method, f"/prod{path}", pairs, content)


def auth(access: str = community.ACCESS_KEY, secret: str = community.SECRET_KEY, body: Any = None) -> Request:
    """Build a request for a token."""
    return request("POST", "/auth", body, X_Airmeet_Access_Key=access, X_Airmeet_Secret_Key=secret)


def content(reply: Reply) -> Any:
    """Return the JSON of an answer."""
    return json.loads(reply.body)


def value_error(call: Callable[..., object], *args: Any, **options: Any) -> str:
    """Return the message of the ValueError that a call raises, or nothing if it raises none."""
    try:
        call(*args, **options)
    except ValueError as error:
        return str(error)
    return ""


class Caller:
    """Somebody with a token, and a clock that stands still."""

    def __init__(self, world: World | None = None, **switches: Any) -> None:
        self.world = world or World(Switches(**switches))
        self.now = 0.0
        self.token = self.login()

    def login(self, access: str = community.ACCESS_KEY, secret: str = community.SECRET_KEY) -> str:
        body = content(self.world.handle(auth(access, secret), self.now))
        return str((body.get("data") or body)["token"])

    def reply(self, method: str, path: str, body: Any = None) -> Reply:
        return self.world.handle(request(method, path, body, X_Airmeet_Access_Token=self.token), self.now)

    def hook(
        self,
        method: str,
        path: str,
        body: Any = None,
        access: str = community.ACCESS_KEY,
        secret: str = community.SECRET_KEY,
    ) -> Reply:
        """Send a request with the key pair as webhooks want it, and no token."""
        return self.world.handle(request(method, path, body, x_access_key=access, x_secret_key=secret), self.now)

    def status(self, method: str, path: str, body: Any = None) -> int:
        return self.reply(method, path, body).status

    def get(self, path: str) -> Any:
        reply = self.reply("GET", path)
        assert reply.status == 200, reply.body
        return content(reply)

    def send(self, path: str, body: Any, method: str = "POST") -> Any:
        reply = self.reply(method, path, body)
        assert reply.status == 200, reply.body
        return content(reply)

    def add(self, email: str = "ada@example.com", event: str = community.SUMMIT, **fields: Any) -> Reply:
        body = {"email": email, "firstName": "Ada", "lastName": "Lovelace"} | fields
        return self.reply("POST", f"/airmeet/{event}/attendee", body)

    def change(self, verb: str, email: str = "ada@example.com", event: str = community.SUMMIT) -> Reply:
        return self.reply("PUT", f"/airmeet/{event}/attendee/{verb}", {"attendeeEmail": email})

    def person(self, email: str = "ada@example.com", event: str = community.SUMMIT) -> Any:
        return self.world.person(event, email)
