"""`Client`: credentials, session, pace and transport, and the send loop that ties them together."""

import asyncio
import copy
import math
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from attrs import define, evolve, field, frozen

from airmeet_async.calls.auth import authenticate
from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.client.config import Credentials, Options, environment, find_base, find_key
from airmeet_async.client.namespaces import Operations
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.client.token import Lease, TokenSession
from airmeet_async.client.token_store import MemoryTokenStore, TokenStore, account_name
from airmeet_async.client.transports.base import Timeouts
from airmeet_async.client.transports.choose import choose_transport
from airmeet_async.errors import ClientStateError, NoReplyError, TransportError
from airmeet_async.protocol.base_urls import Region
from airmeet_async.protocol.call import Auth, Call, encode
from airmeet_async.protocol.classify_reply import Kind, Verdict, judge, judge_failure
from airmeet_async.protocol.error_mapping import error_for
from airmeet_async.protocol.http_messages import Reply
from airmeet_async.protocol.models import AuthToken
from airmeet_async.protocol.redact import without
from airmeet_async.protocol.retry_policy import Raise, Renew, Retry, Return, Tries, Wait, decide
from airmeet_async.protocol.value_class import value


@value
class Attempt:
    """One request and what came of it.

    Attributes:
        verdict: What the answer means.
        generation: Of the token it was sent with.
        latency: Seconds from handing it to the transport to its end.
        reply: The raw answer, or None.
    """

    verdict: Verdict
    generation: int
    latency: float
    reply: Reply | None = field(default=None, repr=False)


@frozen
class Waiting:
    """A wait that a call has before it, for those who show progress.

    Attributes:
        operation: The operation's name.
        cause: ``not ready``, ``throttled``, ``not sent``, ``ambiguous`` and so on: a `Kind`.
        seconds: How long.
        attempts: Requests so far.
    """

    operation: str
    cause: str
    seconds: float
    attempts: int


OnWait = Callable[[Waiting], None]


T = TypeVar("T")

_AUTH_RETRY = Retry(attempts=4, free=4, cap=8.0, longest_pause=20.0)


async def _ready() -> None:
    """Be ready at once: there is nothing to wait for."""


@define
class _Life:
    """What a client and its `with_options` siblings share: the loop they live on, and whether they are closed."""

    loop: asyncio.AbstractEventLoop | None = None
    closed: bool = False


class Client(Operations):
    """An asynchronous client for single calls; `airmeet_async.AirmeetClient` adds the bulk engine.

    It does no I/O until the first call. Use it as ``async with … as client:``, on one event loop, and share it: all
    tasks have one token, one rate and one set of connections.

    Args:
        access_key: ``X-Airmeet-Access-Key``; by default from the environment's ``AIRMEET_ACCESS_KEY``.
        secret_key: ``X-Airmeet-Secret-Key``; by default from ``AIRMEET_SECRET_KEY``.
        region: The community's region; by default from ``AIRMEET_REGION``, else the global one.
        base_url: The whole base address (``https://…/prod``); wins over *region*; by default from ``AIRMEET_URI``.
        transport: ``"auto"``, ``"httpx"``, ``"llhttp"`` (extra *fast*), a `Transport`, or your own
            ``httpx.AsyncClient``, which you close.
        token_store: Where tokens outlive this client; by default they do not.
        rate: Requests per second; ``"auto"`` or an `Adaptive` to find them; None for no limit. Airmeet publishes none.
        max_in_flight: Requests under way, and connections open, at once.
        retry: Patience of a single call.
        timeouts: Seconds.

    Raises:
        ConfigError: A setting is missing or cannot be used.
    """

    def __init__(
        self,
        access_key: str | None = None,
        secret_key: str | None = None,
        *,
        region: Region | str | None = None,
        base_url: str | None = None,
        transport: Any = "auto",
        token_store: TokenStore | None = None,
        rate: AskedRate = None,
        max_in_flight: int = 64,
        retry: Retry | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        environ = environment()
        self.pace = Pace(rate, max_in_flight)
        self.options = Options(
            base=find_base(base_url, region, environ),
            access_key=find_key(access_key, "AIRMEET_ACCESS_KEY", environ),
            secret_key=find_key(secret_key, "AIRMEET_SECRET_KEY", environ),
            rate=self.pace.rate,
            max_in_flight=max_in_flight,
            retry=retry or Retry(),
            timeouts=timeouts or Timeouts(),
        )
        self._transport, self._owns_transport = choose_transport(transport, self.options)
        account = account_name(str(self.options.base), self.options.access_key, self.options.secret_key)
        self.session = TokenSession(self._authenticate, token_store or MemoryTokenStore(), account)
        self._life = _Life()
        self._credentials = Credentials(self.options)
        self._on_wait: OnWait | None = None
        self._bind(self)

    def __repr__(self) -> str:
        state = "closed" if self._life.closed else repr(self.session)
        return f"<{type(self).__name__} {self.options.base} {state}>"

    async def __aenter__(self) -> Self:
        self._check_life()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def transport_name(self) -> str:
        """Which transport is in use: ``httpx``, ``llhttp``, or the class of your own."""
        name: str = getattr(self._transport, "name", type(self._transport).__name__)
        return name

    async def aclose(self) -> None:
        """Close the connections. The client cannot be used afterwards."""
        self._life.closed = True
        await self.session.aclose()
        if self._owns_transport:
            await self._transport.aclose()

    def with_options(self, *, retry: Retry | None = None, on_wait: OnWait | None = None) -> Self:
        """Return a client that shares everything with this one but its patience.

        Args:
            retry: How patient its calls are.
            on_wait: Called before each wait of a call: a report that is not ready, throttling, a retry.
        """
        sibling = copy.copy(self)
        sibling.options = evolve(self.options, retry=retry or self.options.retry)
        sibling._on_wait = on_wait or self._on_wait
        sibling._bind(sibling)
        return sibling

    async def send(self, call: Call[T], *, timeout: float | None = None, retry: Retry | None = None) -> T:  # noqa: ASYNC109 - a whole call with its retries
        """Send *call* until it is answered, and return its typed answer.

        Args:
            call: What a function of `airmeet_async.calls` returned.
            timeout: Seconds for all attempts and waits together; None for no limit.
            retry: Patience; by default the client's.

        Raises:
            AirmeetError: See `airmeet_async.errors` for the tree.
        """
        try:
            async with asyncio.timeout(timeout):
                value: T = await self._until_settled(call, self.attempt, retry or self.options.retry, timeout)
        except TimeoutError:
            message = f"{call.endpoint.name} had no answer within {timeout:g} s; it may have been carried out"
            raise NoReplyError(message, reason="timeout", host=self.options.base.authority) from None
        return value

    async def exchange(self, call: Call[Any]) -> Reply:
        """Send *call* once and return the raw answer, whatever it is.

        Raises:
            TransportError: There is none.
        """
        attempt = await self.attempt(call)
        if attempt.reply is None:
            raise error_for(call, attempt.verdict, Tries(sent=1))
        return attempt.reply

    async def attempt(
        self,
        call: Call[Any],
        *,
        pace: Pace | None = None,
        priority: Priority = Priority.INTERACTIVE,
        on_send: Callable[[], Awaitable[None] | None] | None = None,
    ) -> Attempt:
        """Send *call* exactly once, and say what came of it. The network's failures are verdicts, not exceptions.

        Args:
            call: What to send.
            pace: A pace of one's own within the client's.
            priority: Who goes first when many wait.
            on_send: Called when all other waiting is over, just before the request leaves; what it returns is awaited,
                and what it raises comes out.

        Raises:
            AirmeetError: No token can be had; nothing was sent.
        """
        self._check_life()
        pace = pace or self.pace
        with_token = call.endpoint.auth is Auth.TOKEN
        lease = self.session.current if with_token else None
        if (with_token and lease is None) or not pace.take_now():
            await pace.acquire(priority, self.session.lease if with_token else _ready)
            lease = None
        try:
            if with_token and lease is None:
                lease = await self.session.lease()
            if on_send is not None and (waiting := on_send()) is not None:
                await waiting
                if with_token and lease is not self.session.current:  # it was replaced meanwhile
                    lease = await self.session.lease()
            attempt = await self._once(call, lease)
        finally:
            pace.release()
        kind = attempt.verdict.kind
        if attempt.reply is not None:
            pace.feedback(throttled=kind is Kind.THROTTLED, latency=attempt.latency)
        if kind is not Kind.OK:
            return evolve(attempt, verdict=self._second_look(call, attempt.verdict, lease))
        if lease is not None:
            self.session.accepted(lease.generation)
        return attempt

    async def _until_settled(
        self,
        call: Call[Any],
        attempt_once: Callable[[Call[Any]], Awaitable[Attempt]],
        retry: Retry,
        timeout: float | None = None,  # noqa: ASYNC109 - looked at before each sleep
    ) -> Any:
        tries, clock = Tries(), asyncio.get_running_loop().time
        deadline = math.inf if timeout is None else clock() + timeout
        if call.ready_within is not None:
            retry = evolve(retry, ready_within=call.ready_within)
        while True:
            attempt = await attempt_once(call)
            tries.count(attempt.verdict)
            match decide(call.endpoint, attempt.verdict, tries, retry, random.random()):
                case Return():
                    return attempt.verdict.value
                case Renew():
                    await self.session.renew(attempt.generation)
                case Wait(seconds, _) if clock() + seconds > deadline:
                    raise error_for(call, attempt.verdict, tries)
                case Wait(seconds, everyone):
                    if everyone:
                        self.pace.back_off(seconds, named=bool(attempt.verdict.retry_after))
                    if self._on_wait:
                        self._on_wait(Waiting(call.endpoint.name, attempt.verdict.kind.value, seconds, tries.sent))
                    await asyncio.sleep(seconds)
                case Raise():
                    raise error_for(call, attempt.verdict, tries)

    async def _once(self, call: Call[Any], lease: Lease | None) -> Attempt:
        clock = asyncio.get_running_loop().time
        creds = self._credentials
        headers = creds.of_token(lease) if lease else creds.of_keys(call.endpoint.auth)
        generation = lease.generation if lease else 0
        request = encode(call, self.options.base, headers)
        started = clock()
        try:
            reply = await self._transport.exchange(request)
        except TransportError as error:
            return Attempt(judge_failure(error), generation, clock() - started)
        took, verdict = clock() - started, judge(call, reply)
        if verdict.kind is not Kind.OK:  # an unhappy server may have repeated our own credentials
            verdict = judge(call, without(reply, self._credentials.secrets(lease)))
        return Attempt(verdict, generation, took, reply)

    async def _authenticate(self) -> AuthToken:
        """Fetch a token for the session: outside the pace, which waits for it, and outside the 412 rule."""
        answer: AuthToken = await self._until_settled(authenticate(), self._attempt_auth, _AUTH_RETRY)
        return answer

    async def _attempt_auth(self, call: Call[Any]) -> Attempt:
        return await self._once(call, None)

    def _second_look(self, call: Call[Any], verdict: Verdict, lease: Lease | None) -> Verdict:
        """Weigh an unhappy verdict with what only the session knows."""
        if lease is None:
            return verdict
        if verdict.kind is Kind.EXPIRED and call.endpoint.prepares and not self.session.may_doubt(lease):
            # One third party says that a report that is not ready may answer 412 (D); the token is a fresh one.
            verdict = evolve(verdict, kind=Kind.NOT_READY)
        if verdict.kind in {Kind.FATAL, Kind.NOT_READY} or (verdict.kind is Kind.REJECTED and not verdict.blames_token):
            self.session.accepted(lease.generation)
        if verdict.blames_token and not self.session.may_doubt(lease):
            verdict = evolve(verdict, blames_token=False)
        return verdict

    def _check_life(self) -> None:
        loop = asyncio.get_running_loop()
        if self._life.closed:
            message = "this client is closed; make a new one"
            raise ClientStateError(message)
        if self._life.loop is None:
            self._life.loop = loop
        elif self._life.loop is not loop:
            message = "this client belongs to another event loop; make one client per loop (per asyncio.run)"
            raise ClientStateError(message)
