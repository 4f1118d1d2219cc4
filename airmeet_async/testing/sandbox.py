"""`Sandbox`: a simulated Airmeet for one test, with what a test stages and what it looks up afterwards.

Rules of this file:

1. Nothing here needs a running loop, except clients that are in use: fixtures can be plain functions, and work with
   every plugin and without one.
2. A client is closed on the loop that it was used on; where that loop has ended, there is nothing left to wait for.
3. The server's thread and the test share one world. Each looks and changes in one step, so no lock is needed.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from attrs import evolve

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.client.transports.base import Timeouts
from airmeet_async.optional_imports import needs_extra
from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.sandbox import Event, FaultOutcome, Faults, Person, World, community
from airmeet_async.sandbox.switches import read_switch, typed
from airmeet_async.testing.clock import VirtualTimeLoop
from airmeet_async.testing.sandbox_transport import Arrival, SandboxTransport

_SECONDS = 30

HOW_TO_VIRTUAL_TIME = """the test asks for airmeet_virtual_time, but its event loop runs on real time.
With pytest-asyncio (1.4 or newer), put this into conftest.py:

    from airmeet_async.testing import VirtualTimeLoop

    def pytest_asyncio_loop_factories(config, item):
        return {"virtual": VirtualTimeLoop}

With anyio's plugin, mark the test with @pytest.mark.anyio (or set anyio_mode = "auto").
With Starlette's TestClient, pass backend_options={"loop_factory": VirtualTimeLoop}."""


class _RecordedFaults(Faults):
    """Keeps what arrives: in process and on a port alike."""

    arrivals: list[Arrival]

    def answer(self, world: World, request: Request, now: float) -> FaultOutcome:
        self.arrivals.append(Arrival.of(request, now))
        return super().answer(world, request, now)


class _InProcess(SandboxTransport):
    """Knows the loop that its client is used on."""

    name = "sandbox"
    loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, sandbox: "Sandbox", faults: Faults, *, latency: float, hang: float) -> None:
        super().__init__(sandbox.world, faults, latency=latency, hang=hang)
        self._sandbox = sandbox

    async def exchange(self, request: Request) -> Reply:
        self.loop = asyncio.get_running_loop()
        if self._sandbox.needs_virtual_time and not isinstance(self.loop, VirtualTimeLoop):
            raise RuntimeError(HOW_TO_VIRTUAL_TIME)
        return await super().exchange(request)


class Sandbox:
    """A simulated Airmeet for one test.

    In pytest it is the fixture ``airmeet_sandbox``; elsewhere use it in a ``with`` or ``async with`` block, which
    closes the clients it has made::

        async with Sandbox() as airmeet:
            airmeet.fail_next(429, times=3, retry_after=1)
            await register(airmeet.client(), "ada@example.com")  # your code
            assert [person.email for person in airmeet.registrations()] == ["ada@example.com"]
            assert airmeet.mails("ada@example.com") == 0

    Where a method takes an event, it is an id, or None for `event_id`.

    Args:
        seed: Sandboxes of one seed give the same tokens and links.
        faults: What goes wrong by chance or by number, such as ``"500:5%,expire@100"``; docs/sandbox.md has the kinds.
        rate_limit: Requests per second; more are answered 429 with Retry-After.
        latency: Seconds between arrival and answer.

    Attributes:
        seed: As given.
        access_key: The community's access key.
        secret_key: The community's secret key.
        event_id: An event with nobody in it and no registration fields of its own, the "Spring Summit".
        requests: All requests so far, sign-ins included.
        needs_virtual_time: A request on a loop of real time raises RuntimeError.
        world: Everything else: `airmeet_async.sandbox.World`.
    """

    access_key = community.ACCESS_KEY
    secret_key = community.SECRET_KEY
    event_id = community.SUMMIT

    def __init__(
        self, *, seed: int = 0, faults: str = "", rate_limit: float | None = None, latency: float = 0.0
    ) -> None:
        self.seed = seed
        self.latency = latency
        self.world: World = World(seed=seed)
        self.requests: list[Arrival] = []
        self.needs_virtual_time = False
        self._faults = _RecordedFaults.parse(faults, seed=seed, rate_limit=rate_limit)
        self._faults.arrivals = self.requests
        self._clients: list[tuple[AirmeetClient, _InProcess]] = []
        self._url: str | None = None

    def __repr__(self) -> str:
        return f"<Sandbox {self._url or 'in process'}, {len(self.requests)} requests, {self.world!r}>"

    # Ways in.

    def client(self, **options: Any) -> AirmeetClient:
        """Return a client that talks to this sandbox in the same process, with options of `AirmeetClient`.

        It is closed together with the sandbox; closing it earlier does no harm.
        """
        timeouts = options.get("timeouts")  # of another type, the client refuses them
        hang = (timeouts if isinstance(timeouts, Timeouts) else Timeouts()).total
        transport = _InProcess(self, self._faults, latency=self.latency, hang=hang)
        keys = {"access_key": self.access_key, "secret_key": self.secret_key}
        # The address is never used. It keeps the variables about addresses out of the test.
        client = AirmeetClient(**{**keys, "base_url": "http://127.0.0.1/prod", "transport": transport, **options})
        self._clients.append((client, transport))
        return client

    @contextmanager
    def serve(self) -> Iterator[Self]:
        """Answer on a free port of 127.0.0.1, too, from a thread: for code that makes its own client, and processes.

        Raises:
            ImportError: The extra ``sandbox`` is not installed.
        """
        try:
            from airmeet_async.sandbox.server import serve
        except ImportError:
            raise ImportError(needs_extra("airmeet_server", "sandbox")) from None
        started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

        async def main() -> None:
            loop = asyncio.get_running_loop()

            def ready(url: str) -> None:
                started.set_result((url, loop, serving))

            serving = asyncio.create_task(serve(self.world, self._faults, latency=self.latency, on_ready=ready))
            with suppress(asyncio.CancelledError):
                await serving

        def run() -> None:
            try:
                asyncio.run(main())
            except BaseException as error:  # noqa: BLE001 - it belongs to the test, not to the thread
                if not started.done():
                    started.set_exception(error)

        thread = threading.Thread(target=run, name="airmeet-sandbox", daemon=True)
        thread.start()
        self._url, loop, serving = started.result(_SECONDS)
        try:
            yield self
        finally:
            self._url = None
            loop.call_soon_threadsafe(serving.cancel)
            thread.join(_SECONDS)

    @property
    def url(self) -> str:
        """The base URL, while the sandbox is being served.

        Raises:
            RuntimeError: It is not: ask for the fixture ``airmeet_server``, or enter `serve`.
        """
        if self._url is None:
            raise RuntimeError("the sandbox has no address: ask for the fixture airmeet_server, or enter serve()")
        return self._url

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that lead a program here, while the sandbox is being served."""
        keys = {"AIRMEET_ACCESS_KEY": self.access_key, "AIRMEET_SECRET_KEY": self.secret_key}
        return {"AIRMEET_URI": self.url, **keys}

    # What a test stages.

    def fail_next(
        self,
        fault: int | str,
        times: int = 1,
        *,
        retry_after: int | None = None,
        operation: str | None = None,
        body: str | None = None,
    ) -> None:
        """Let the next requests fail. Those of several calls fail one after the other.

        Args:
            fault: A status such as 429 or 500, or another kind: ``"500-after"`` (carried out, and then 500),
                ``"drop"``, ``"drop-after"``, ``"hang"``, ``"slow"`` and the others of docs/sandbox.md.
            times: How many requests.
            retry_after: Seconds of a Retry-After header; none if left out.
            operation: Only this one's requests, such as ``"attendees.add"`` or ``"auth"``, or ``"all"``.
                Default: every request but sign-ins.
            body: Only requests with this text in their body, such as somebody's address.

        Raises:
            ValueError: There is no such fault or operation.
        """
        options = {"retry": retry_after, "on": operation}
        given = "".join(f":{name}={value}" for name, value in options.items() if value is not None)
        self._faults.strike_next(f"{fault}@1+{times}{given}", body=body or "")

    def expire_tokens(self) -> None:
        """End all tokens issued so far; the next request with one of them is answered 412."""
        self.world.expire_tokens()

    def revoke_keys(self) -> None:
        """Withdraw the key pair: the next sign-in is answered 403."""
        self.world.revoke_keys(self.access_key)

    def set(self, switch: str, value: object) -> None:
        """Say how the sandbox behaves where Airmeet's behaviour is unknown; docs/sandbox.md lists the switches.

        Raises:
            ValueError: There is no such switch or value.
        """
        found = read_switch(switch, typed(frozenset(value) if isinstance(value, set | list | tuple) else value))
        self.world.switches = evolve(self.world.switches, **{switch: found})

    def add_event(self, name: str, **facts: Any) -> str:
        """Add an event and return its id. Facts are those of `airmeet_async.sandbox.Event`, such as ``quota=100``."""
        return self.world.new_event(name, **facts).uid

    def add_custom_field(
        self, label: str, event: str | None = None, *, options: Sequence[str] = (), required: bool = False
    ) -> str:
        """Add a registration field to an event, a choice if there are *options*, and return its id.

        A required field that an add leaves empty is refused only with ``set("required_fields_enforced", True)``.
        """
        fields = self._event(event).custom_fields
        words = "".join(char if char.isalnum() else " " for char in label).title().split()
        name = "".join(words)[:1].lower() + "".join(words)[1:]
        field = {
            "fieldId": f"f-{len(fields) + 1}-{name}",
            "label": label,
            "name": name,
            "options": [{"code": option, "displayValue": option} for option in options] or None,
            "type": {
                "fieldType": "SELECT" if options else "TEXT",
                "inputType": "DROPDOWN" if options else "TEXT",
                "mappedFrom": "CUSTOM",
            },
            "isRequired": required,
        }
        fields.append(field)
        return str(field["fieldId"])

    # What a test looks up.

    @property
    def event_ids(self) -> Mapping[str, str]:
        """The ids of the community's events by name, oldest first."""
        events = self.world.events.values()
        return {event.name: event.uid for event in events if event.community == community.COMMUNITY}

    def registrations(self, event: str | None = None) -> list[Person]:
        """Return everybody who was added to an event, in order of arrival.

        ``registered`` of a person is False while they are invited only, as after ``register_attendee=False``.
        """
        return self.world.people(self._event(event).uid)

    def person(self, email: str, event: str | None = None) -> Person:
        """Return somebody who was added to an event.

        Raises:
            LookupError: Nobody was added under that address.
        """
        found = self.world.person(self._event(event).uid, email)
        if found is None:
            raise LookupError(f"nobody was added as {email} to {self._event(event).name}")
        return found

    def mails(self, email: str, event: str | None = None) -> int:
        """Return how many invitations were mailed to somebody: of one event, or of all for None."""
        uids = self.world.events if event is None else (self._event(event).uid,)
        return sum(person.mails for uid in uids if (person := self.world.person(uid, email)))

    def blocked(self, event: str | None = None) -> list[str]:
        """Return the addresses of those who are blocked in an event."""
        return [person.email for person in self.registrations(event) if person.blocked]

    def _event(self, uid: str | None) -> Event:
        event = self.world.events.get(uid or self.event_id)
        if event is None:
            raise LookupError(f"the sandbox has no event {uid!r}; event_ids has them all")
        return event

    # The end.

    def close(self) -> None:
        """Close the clients that `client` has made, also after the end of the loop they were used on."""
        while self._clients:
            client, transport = self._clients.pop()
            loop = transport.loop
            if loop is None or loop.is_closed() or loop is _running_loop():
                _finish(client.aclose())
            elif loop.is_running():  # in another thread
                asyncio.run_coroutine_threadsafe(client.aclose(), loop).result(_SECONDS)
            else:  # a plugin's loop, between two tests
                loop.run_until_complete(client.aclose())

    async def aclose(self) -> None:
        """Close the clients that `client` has made."""
        while self._clients:
            client, _ = self._clients.pop()
            await client.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _finish(closing: Coroutine[Any, Any, None]) -> None:
    """Run to its end, without a loop, what has nothing to wait for; a sign-in under way has been cancelled by then."""
    try:
        with suppress(StopIteration):
            closing.send(None)
    finally:
        closing.close()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
