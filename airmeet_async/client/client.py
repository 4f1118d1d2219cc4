"""`Client`: the send loop, and what it ties together: credentials, token, pace and transport.

Rules of this file:

1. Every attempt takes its own place in the pace, so that retries are paced like first attempts. Signing in takes none:
   the pace waits for it.
2. The token is waited for at the head of the queue, before the place is taken: no place is held idle.
3. A token is taken in one place: just before the request leaves, so that it is the one that is valid then.
4. Only `send` and the bulk engine repeat anything; nothing below does.
"""

import asyncio
import copy
import math
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar

from attrs import define, evolve, field, frozen

from airmeet_async.calls.events import authenticate
from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.client.config import ClientOptions, Credentials, find_base, find_key
from airmeet_async.client.namespaces import Awaited, Operations
from airmeet_async.client.opentelemetry import OpenTelemetry, find_otel, under_way
from airmeet_async.client.permits import Permits
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.client.telemetry import (
    OnEvent,
    Paused,
    RateChanged,
    Telemetry,
    TokenRenewed,
    Waiting,
    check_callback,
    is_of_note,
)
from airmeet_async.client.token import IssuedToken, SharedToken
from airmeet_async.client.token_store import EncryptingTokenStore, TokenStore, account_name, choose_token_store
from airmeet_async.client.transports.base import Timeouts, Transport
from airmeet_async.client.transports.choose_transport import choose_transport
from airmeet_async.errors import ClientStateError, ConfigError, NoReplyError, NotSentError, TransportError
from airmeet_async.protocol.base_urls import Region
from airmeet_async.protocol.call import Auth, Call, Endpoint, Retry, check_retry, check_timeout
from airmeet_async.protocol.classify_reply import Kind, Verdict, judge, judge_failure
from airmeet_async.protocol.error_mapping import error_for
from airmeet_async.protocol.http_messages import Headers, Reply, Request
from airmeet_async.protocol.models import AuthToken
from airmeet_async.protocol.retry_policy import Raise, Renew, Return, Tries, Wait, decide, pause_asked
from airmeet_async.protocol.value_class import value


@value
class Attempt:
    """One request and its outcome.

    Attributes:
        verdict: What the reply, or its absence, means.
        generation: Of the token it was sent with; 0 for none.
        latency: Seconds from handing it to the transport to its end.
        reply: The raw reply, or None.
    """

    verdict: Verdict
    generation: int
    latency: float
    reply: Reply | None = field(default=None, repr=False)


T = TypeVar("T")

_AUTH_RETRY = Retry(attempts=4, free=4, cap=8.0, longest_pause=20.0)
"""Shorter than a call's: all tasks wait for a sign-in, and it has `SIGN_IN_SECONDS` altogether."""


async def _no_wait() -> None:
    pass


@frozen
class Caller:
    """Whose call or run a task works for.

    Attributes:
        retry: Its retry rules, which hold for a sign-in that it begins; None for the client's.
        listeners: Of the `with_options` client that it belongs to.
    """

    retry: Retry | None = None
    listeners: tuple[OnEvent, ...] = ()


_NOBODY = Caller()
# The task of a sign-in has a copy of the context of whoever began it.
caller: ContextVar[Caller] = ContextVar("airmeet_caller", default=_NOBODY)


class SharedParts(Protocol):
    """What the processes of a fleet share: `airmeet_async.cluster.Fleet`."""

    @property
    def tokens(self) -> TokenStore: ...
    @property
    def permits(self) -> Permits | None: ...


@define
class _Life:
    """What a client and its `with_options` siblings share: the loop they live on, and whether they are closed."""

    loop: asyncio.AbstractEventLoop | None = None
    closed: bool = False


class Client(Operations[Awaited]):
    """A client for single calls; `airmeet_async.AirmeetClient` adds the bulk engine, and documents the arguments."""

    pace: Pace
    options: ClientOptions
    transport: Transport
    token: SharedToken

    _told_rate: float | None
    telemetry: Telemetry

    async def send(self, call: Call[T], *, timeout: float | None = None, retry: Retry | int | None = None) -> T:  # noqa: ASYNC109 - a whole call with its retries
        """Send *call*, with retries, and return its typed reply.

        Args:
            call: What a function of `airmeet_async.calls` returned.
            timeout: Seconds for all attempts and waits together; ``math.inf`` for no limit. Default: the call's own,
                else the client's.
            retry: The retry rules, or a number of attempts. Default: the call's own, else the client's.

        Raises:
            AirmeetError: See `airmeet_async.errors` for the tree.
        """
        self.check_usable()
        given = (check_timeout(timeout), call.timeout, self.options.timeout)
        timeout = next((one for one in given if one is not None), math.inf)
        timeout = None if timeout == math.inf else timeout
        retry = check_retry(retry) or call.retry or self.options.retry
        limit, tries = asyncio.timeout(timeout), Tries()
        before = caller.set(Caller(retry, self.listeners))
        try:
            with self.telemetry.call_span(call.endpoint.name):
                async with limit:
                    value: T = await self._repeat(partial(self.attempt, tries=tries), call, retry, tries, timeout)
        except TimeoutError:
            if not limit.expired():  # of the caller's own transport or store
                raise
            if not (tries.under_way or tries.charged or tries.unavailable):
                message = f"{call.endpoint.name} was not sent within {timeout:g} s: it waited for a token, for a pause"
                message += " that the server had asked for, or for other requests"
                host = self.options.base.authority
                raise NotSentError(message, reason="timeout", host=host, attempts=max(tries.sent, 1)) from None
            message = f"{call.endpoint.name} had no reply within {timeout:g} s; it may have been carried out"
            raise NoReplyError(message, reason="timeout", host=self.options.base.authority) from None
        finally:
            caller.reset(before)
        return value

    async def _repeat(
        self,
        attempt_once: Callable[[Call[Any]], Awaitable[Attempt]],
        call: Call[Any],
        retry: Retry,
        tries: Tries,
        timeout: float | None = None,  # noqa: ASYNC109 - looked at before each sleep
    ) -> Any:
        """Make attempts until `decide` says that one of them is final."""
        clock = asyncio.get_running_loop().time
        deadline = math.inf if timeout is None else clock() + timeout
        if call.ready_within is not None:
            retry = evolve(retry, ready_within=call.ready_within)
        while True:
            if self.telemetry.otel is not None:
                under_way.set((call.endpoint, tries.sent, False))
            attempt = await attempt_once(call)
            tries.count(attempt.verdict)
            match decide(call.endpoint, attempt.verdict, tries, retry, random.random()):
                case Return():
                    return attempt.verdict.value
                case Renew():
                    tries.renewals *= not self.token.is_fought_over
                    await self.token.renew(attempt.generation)
                case Wait(seconds, everyone) if clock() + seconds <= deadline:
                    if everyone:
                        self.pause_all(self.pace, call.endpoint.name, attempt.verdict, seconds)
                    waiting = Waiting(
                        operation=call.endpoint.name,
                        cause=attempt.verdict.kind.value,
                        wait_s=seconds,
                        attempts=tries.sent,
                        status=attempt.verdict.status,
                    )
                    if call.endpoint.auth is Auth.KEYS:  # all wait for the token
                        self.telemetry.emit_to_all(waiting, *caller.get().listeners)
                    else:
                        self.telemetry.emit(waiting, *self.listeners)
                    await asyncio.sleep(seconds)
                case Wait() | Raise():  # the true reason at once says more than "no answer" later
                    if seconds := pause_asked(attempt.verdict, retry):  # it holds for the others all the same
                        self.pause_all(self.pace, call.endpoint.name, attempt.verdict, seconds)
                    raise error_for(call, attempt.verdict, tries)

    def pause_all(self, pace: Pace, operation: str, verdict: Verdict, seconds: float) -> None:
        """Pause *pace* and all above it, as the server asked for; one pause is told once, not by each reply."""
        before = pace.statistics().paused_s
        pace.pause(seconds)
        if seconds - before > seconds / 2:
            paused = Paused(operation=operation, wait_s=seconds, status=verdict.status)
            self.telemetry.emit_to_all(paused, *caller.get().listeners)

    async def attempt(self, call: Call[Any], *, tries: Tries | None = None) -> Attempt:
        """Send *call* exactly once. Failures of the network are verdicts, not exceptions.

        Args:
            call: What to send.
            tries: Where to note that it has left the queue.

        Raises:
            AirmeetError: No token can be had; nothing was sent.
        """
        self.check_usable()
        with_token = call.endpoint.auth is Auth.TOKEN
        if (with_token and self.token.current is None) or not self.pace.try_acquire():
            await self.pace.acquire(Priority.INTERACTIVE, self.token.get if with_token else _no_wait)
        try:
            # Nearly always at once; it waits where the token was replaced after the queue.
            issued = await self.token.get() if with_token else None
            if tries is not None:
                tries.under_way = True
            attempt = await self._once(call, issued)
        finally:
            self.pace.release()
        if tries is not None:
            tries.under_way = False
        if attempt.reply is not None:
            verdict = attempt.verdict
            self.pace.feedback(
                throttled=verdict.is_throttling, latency=attempt.latency, is_success=verdict.kind is Kind.OK
            )
        return attempt

    async def _once(self, call: Call[Any], issued: IssuedToken | None) -> Attempt:
        method, target, headers = self.request_head(call.endpoint, call.target, issued)
        request = Request(method, target, headers, call.payload, call.endpoint.reply_limit)
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            outcome: Reply | TransportError = await self.transport.exchange(request)
        except TransportError as error:
            outcome = error
        return self.judge_outcome(call, outcome, issued, clock() - started)

    def judge_outcome(
        self, call: Call[Any], outcome: Reply | TransportError, issued: IssuedToken | None, latency: float
    ) -> Attempt:
        """Return what came of one exchange, and let the token know.

        Args:
            call: What was sent.
            outcome: The reply, or the error of an exchange without one.
            issued: The token that it was sent with.
            latency: Seconds from handing it to the transport to its end.
        """
        generation = issued.generation if issued else 0
        if isinstance(outcome, TransportError):
            return Attempt(judge_failure(outcome), generation, latency)
        verdict = judge(call, outcome)
        if verdict.kind is not Kind.OK:  # an unhappy server may have repeated our own credentials
            verdict = judge(call, outcome, self._credentials.secrets(issued))
        if issued is not None:
            verdict = self._revised(call, verdict, issued)
        return Attempt(verdict, generation, latency, outcome)

    def _revised(self, call: Call[Any], verdict: Verdict, issued: IssuedToken) -> Verdict:
        """Return a verdict, revised by the age of the token, which `judge` does not know."""
        kind = verdict.kind
        if kind is Kind.EXPIRED and call.endpoint.prepares and not self.token.may_be_stale(issued):
            # One third party says that a report that is not ready may answer 412 (D); the token is a fresh one.
            verdict = evolve(verdict, kind=Kind.NOT_READY)
            kind = Kind.NOT_READY
        if kind is Kind.EXPIRED:
            self.token.refused(issued.generation)
        elif kind in {Kind.OK, Kind.FATAL, Kind.NOT_READY} or (kind is Kind.REJECTED and not verdict.blames_token):
            self.token.accepted(issued.generation)
        if verdict.blames_token and not self.token.may_be_stale(issued):
            verdict = evolve(verdict, blames_token=False)
        return verdict

    def request_head(
        self, endpoint: Endpoint[Any], target: str, issued: IssuedToken | None
    ) -> tuple[str, str, Headers]:
        """Return method, whole target and headers of a request; the headers are the same object for the same token."""
        if issued is not None and endpoint.auth is Auth.TOKEN:
            headers = self._credentials.of_token(issued)
        else:
            headers = self._credentials.of_keys(endpoint.auth)
        return endpoint.method, self.options.base.prefix + target, headers

    async def exchange(self, call: Call[Any]) -> Reply:
        """Send *call* once and return the raw reply, whatever its status.

        Raises:
            TransportError: There is none.
        """
        if self.telemetry.otel is not None:
            under_way.set((call.endpoint, 0, False))
        before = caller.set(Caller(self.options.retry, self.listeners))
        try:
            attempt = await self.attempt(call)
        finally:
            caller.reset(before)
        if attempt.reply is None:
            raise error_for(call, attempt.verdict, Tries(sent=1))
        return attempt.reply

    async def _sign_in(self) -> AuthToken:
        """Fetch a token: outside the pace, which waits for it, and by the rules of the call that needs it first."""
        begun_by = caller.get()
        retry = (begun_by.retry or self.options.retry).over(_AUTH_RETRY)
        clock = asyncio.get_running_loop().time
        started = clock()
        answer: AuthToken = await self._repeat(partial(self._once, issued=None), authenticate(), retry, Tries())
        renewed = TokenRenewed(operation="auth", number=self.token.fetched + 1, duration_s=clock() - started)
        self.telemetry.emit_to_all(renewed, *begun_by.listeners)
        return answer

    def _rate_changed(self) -> None:
        rate, told = self.pace.permits.rate, self._told_rate
        if is_of_note(rate, told):
            self._told_rate = rate
            self.telemetry.emit_to_all(RateChanged(rate=rate, previous_rate=told))

    # Set-up and life.

    def __init__(
        self,
        access_key: str | None = None,
        secret_key: str | None = None,
        *,
        region: Region | str | None = None,
        base_url: str | None = None,
        transport: Any = None,
        token_store: "TokenStore | Literal['memory', 'file'] | None" = None,
        rate: AskedRate = None,
        fleet: SharedParts | None = None,
        permits: Permits | None = None,
        max_in_flight: int = 64,
        retry: Retry | int | None = None,
        timeout: float | None = None,
        timeouts: Timeouts | None = None,
        on_event: OnEvent | None = None,
        telemetry: OpenTelemetry | Literal["otel", "off"] | None = None,
    ) -> None:
        try:
            if not isinstance(timeouts, Timeouts | None):
                said = f"timeouts must be Timeouts(connect=..., read=...), not {timeouts!r:.40}"
                raise ConfigError(f"{said}; timeout= takes a number of seconds")  # noqa: TRY301 - as all the others
            if fleet is None and token_store is None and permits is None:
                fleet, rate = self._find_fleet(os.environ, rate)
            if fleet is not None:
                token_store = fleet.tokens if token_store is None else token_store
                permits = fleet.permits if permits is None else permits
            self.options = ClientOptions(
                base=find_base(base_url, region, os.environ),
                access_key=find_key(access_key, "AIRMEET_ACCESS_KEY", os.environ),
                secret_key=find_key(secret_key, "AIRMEET_SECRET_KEY", os.environ),
                max_in_flight=max_in_flight,
                retry=check_retry(retry) or Retry(),
                timeout=check_timeout(timeout),
                timeouts=timeouts or Timeouts(),
            )
            keys = self.options.access_key, self.options.secret_key
            account = account_name(str(self.options.base), *keys)
            self.pace = Pace(rate, max_in_flight, permits=permits and permits.for_account(account))
            self.options = evolve(self.options, rate=self.pace.rate)
            store = choose_token_store(token_store, os.environ)
            if isinstance(store, EncryptingTokenStore):
                store = store.for_account(account, self.options.secret_key)
            self.telemetry = Telemetry(on_event, otel := find_otel(telemetry))
            self.transport, self._owns_transport = choose_transport(transport, self.options)
        except Exception as error:  # noqa: BLE001 - raised again
            # Test runners and error trackers print the locals of each frame: no key and no environment may be among
            # them.
            del self, access_key, secret_key, fleet, permits, token_store
            raise error.with_traceback(None) from None
        self.token = SharedToken(self._sign_in, store, account)
        self._life = _Life()
        self._credentials = Credentials(self.options)
        if otel is not None:
            self.transport = otel.traced(self.transport, self.options.base)
        self.listeners: tuple[OnEvent, ...] = ()
        self._told_rate = self.pace.permits.rate
        self.pace.permits.watch(self._rate_changed)

    def _find_fleet(self, environ: Mapping[str, str], rate: AskedRate) -> tuple[SharedParts | None, AskedRate]:  # noqa: ARG002
        """Return the fleet that the environment names, and the rate that is left for the client alone."""
        return None, rate

    def with_options(
        self,
        *,
        retry: Retry | int | None = None,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
    ) -> Self:
        """Return a client that shares everything with this one except what is given.

        Args:
            retry: The retry rules of its calls and runs, and of the sign-ins that they begin, or a number of attempts.
            timeout: Seconds for each call, and for each row of a run, with retries and waits; ``math.inf`` for no
                limit.
            on_event: Called, beside this client's own, with the events of its calls and runs, and with the pauses and
                sign-ins that they cause.

        Raises:
            ConfigError: One of them cannot be used.
        """
        check_callback("on_event", on_event)
        sibling = copy.copy(self)
        sibling.options = evolve(
            self.options,
            retry=check_retry(retry) or self.options.retry,
            timeout=check_timeout(timeout) or self.options.timeout,
        )
        if on_event is not None:
            sibling.listeners = (*self.listeners, on_event)
        return sibling

    async def aclose(self) -> None:
        """Close the connections. The client cannot be used again."""
        self._life.closed = True
        self.pace.notify()  # bulk runs look at once
        await self.token.aclose()
        await self.pace.permits.aclose()
        if self._owns_transport:
            await self.transport.aclose()

    def check_usable(self) -> None:
        """Check that the client is open, and on the event loop that it was used on first.

        Raises:
            ClientStateError: It is not.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            message = "airmeet-async needs a running asyncio event loop; trio is not supported"
            raise ClientStateError(message) from None
        if self._life.closed:
            raise ClientStateError("this client is closed; create a new one")
        if self._life.loop is None:
            self._life.loop = loop
        elif self._life.loop is not loop:
            raise ClientStateError(
                "this client belongs to another event loop; create one client per loop (per asyncio.run), "
                "or use airmeet_async.sync"
            )

    @property
    def transport_name(self) -> str:
        """The transport in use: ``httpx``, ``fast``, or the name of your own class."""
        name: str = getattr(self.transport, "name", type(self.transport).__name__)
        return name

    def __repr__(self) -> str:
        state = "closed" if self._life.closed else repr(self.token)
        return f"<{type(self).__name__} {self.options.base} {state}>"

    async def __aenter__(self) -> Self:
        self.check_usable()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
