"""The token: one for all tasks of a client, fetched once, renewed once.

Rules of this file:

1. The server's 412 is the truth about a token's age; the clock is only a hint.
2. Every token has a generation. ``renew(generation)`` does nothing unless that generation is still the current one,
   so a thousand tasks that were all refused with the same token cause one request.
3. One sign-in at a time. It runs in a task of its own, so a waiter that is cancelled takes nobody with it, and all
   waiters share its result or its error. The error is kept for a moment, or a thousand waiters would sign in one after
   the other.
4. Three tokens refused without one accepted request between them end it: a server that refuses what it has just issued
   is not asked for ever. After a pause one more sign-in is tried, so that a process that lives long heals. The error is
   one that may pass: it says nothing of the keys, which /auth has taken.
5. A store that fails, whatever it raises or returns and however long it takes, fails no call: one warning, and this
   client signs in by itself, at most once. Stores raise and say nothing themselves. Only an `AirmeetError` of theirs
   comes out: such a store must not be used.
6. Where a new token ends the old one, processes without a common store end each other's. While the store fails, whoever
   loses a young token waits a little and asks the store again; ten such tokens in a row do not count for rule 4, and
   not as renewals of a call.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from attrs import frozen

from airmeet_async.client.token_store import StoredToken, TokenStore, TokenStoreError
from airmeet_async.errors import (
    AirmeetError,
    ClientStateError,
    CredentialsError,
    NoReplyError,
    ReplyError,
    TokenRejectedError,
)
from airmeet_async.protocol.http_messages import is_visible_ascii
from airmeet_async.protocol.models import AuthToken
from airmeet_async.protocol.redact import Secret

SIGN_IN_SECONDS = 60.0
"""Longest time for one sign-in, its own retries included."""
_STORE_SECONDS = 30.0
"""How long a store may take until it signs in, since another process may be doing that, and how long afterwards."""

_ERROR_KEPT_SECONDS = 2.0
"""How long the first error is shared; twice as long after each further one, at once longest for wrong keys, and never
shorter than a ``Retry-After``."""
_LONGEST_ERROR_KEPT_SECONDS = 30.0
_LONGEST_PAUSE = 900.0
_MOST_REFUSED = 3
_MOST_LOST = 10
_PAUSE_AFTER_REFUSALS = 30.0
_TRUSTED_SECONDS = 60.0
_PAUSE_WITHOUT_STORE = 2.0, 10.0
"""Seconds, drawn at random: whoever draws the least signs in, and the others may find the store back."""

_log = logging.getLogger("airmeet_async")


@frozen
class IssuedToken:
    """A token to send with.

    Attributes:
        token: The token.
        generation: Counts up with each token that this client has had.
        issued: Loop time at which it was fetched; minus infinity where the store does not know.
    """

    token: Secret
    generation: int
    issued: float


class SharedToken:
    """The token that all tasks of a client share.

    Args:
        fetch: Asks ``/auth`` for a token, with its own retries.
        store: Where tokens outlive the process.
        account: Names these keys at this address in the store.

    Attributes:
        current: The current token; None where there is none, or it is being replaced.
    """

    fetched: int

    def __init__(self, fetch: Callable[[], Awaitable[AuthToken]], store: TokenStore, account: str) -> None:
        self._fetch, self._store, self._account = fetch, store, account
        # The mutable state: the current token, the sign-in for the next one, the last error, and what rule 4 counts.
        self.current: IssuedToken | None = None
        self._issued: IssuedToken | None = None
        self._sign_in: asyncio.Task[IssuedToken | AirmeetError] | None = None
        self._error: AirmeetError | None = None
        self._error_until = -math.inf
        self._failures = 0
        self._generation = 0
        self._is_proven = False
        self._refused = self._lost = 0
        self._last_refused = 0
        self._rejected_until = -math.inf
        self._is_store_failing = self._has_warned = False
        self.fetched = 0
        """Tokens fetched from ``/auth`` so far."""

    def __repr__(self) -> str:
        state = "no token" if self._issued is None else f"generation {self._issued.generation}"
        return f"<SharedToken {state}{', renewing' if self._sign_in else ''}>"

    async def get(self) -> IssuedToken:
        """Return the current token; without one, wait for the sign-in that fetches it.

        Raises:
            CredentialsError: The keys are wrong or revoked.
            AirmeetError: ``/auth`` could not be reached or answered nonsense.
        """
        return self.current or await self._join_sign_in()

    async def renew(self, generation: int) -> None:
        """Replace the token of *generation*, which the server has refused; nothing if that is already done.

        Raises:
            TokenRejectedError: Token after token is refused. Half a minute later one more is fetched.
            AirmeetError: As `get`.
        """
        if self._sign_in is None and (self._issued is None or self._issued.generation != generation):
            return
        if self._sign_in is None:
            self.refused(generation)
            if asyncio.get_running_loop().time() < self._rejected_until:
                message = (
                    f"Airmeet has refused {_MOST_REFUSED} tokens in a row that it had just issued (412): a program "
                    "with the same keys ends them (let all share a token store), a proxy changes the requests, or the "
                    f"address is not the API's; one more is fetched after {_PAUSE_AFTER_REFUSALS:g} s"
                )
                raise TokenRejectedError(message, status=412, operation="auth", attempts=self._refused)
        await self._join_sign_in()

    def accepted(self, generation: int) -> None:
        """Note that the server has taken the token of *generation*."""
        if generation == self._generation:
            self._is_proven, self._refused, self._lost, self._rejected_until = True, 0, 0, -math.inf

    def refused(self, generation: int) -> None:
        """Note that the server has refused the token of *generation*; whoever needs another one calls `renew`.

        It counts for rule 4 once, unless it has worked before or falls under rule 6.
        """
        is_old_news = generation == self._last_refused or generation != self._generation or self._sign_in is not None
        if is_old_news or self._is_proven:
            return
        self._last_refused = generation
        if self.is_fought_over:
            self._lost += 1
            return
        self._refused += 1
        if self._refused >= _MOST_REFUSED:
            self._rejected_until = asyncio.get_running_loop().time() + _PAUSE_AFTER_REFUSALS

    @property
    def is_fought_over(self) -> bool:
        """Whether the current token, if it is refused, was ended by a process that could not share it."""
        issued = self._issued if self._is_store_failing else None
        return issued is not None and not self.may_be_stale(issued) and self._lost < _MOST_LOST

    def may_be_stale(self, issued: IssuedToken) -> bool:
        """Return whether a 400 may be about the token (A: bad token is 400): it was not issued a moment ago."""
        return asyncio.get_running_loop().time() - issued.issued > _TRUSTED_SECONDS

    async def aclose(self) -> None:
        """End a sign-in that nobody waits for any more."""
        if self._sign_in is not None:
            self._sign_in.cancel()
            await asyncio.wait({self._sign_in})

    async def _join_sign_in(self) -> IssuedToken:
        loop = asyncio.get_running_loop()
        if self._sign_in is None:
            if self._error is not None and loop.time() < self._error_until:
                raise self._error.again()
            self._sign_in = loop.create_task(self._fetch_and_keep(), name="airmeet-token")
            self.current = None
            self._sign_in.add_done_callback(self._end)
        sign_in = self._sign_in
        try:
            outcome = await asyncio.shield(sign_in)
        except asyncio.CancelledError:
            if sign_in.cancelled() and not _is_cancelled():
                raise ClientStateError("the client was closed while a token was being fetched") from None
            raise
        if isinstance(outcome, AirmeetError):
            raise outcome.again()
        return outcome

    async def _fetch_newer(self) -> IssuedToken:
        """Return a newer token than the current one, from the store if another process has been there first."""
        if self.is_fought_over:
            await asyncio.sleep(random.uniform(*_PAUSE_WITHOUT_STORE))
        clock = asyncio.get_running_loop().time
        stale = self._issued.token if self._issued else None
        fetch = _Fetch(self._sign_in_once)
        try:
            async with fetch.patience:
                stored = await self._store.renew(self._account, stale, fetch)
            # An /auth that issues the same token once more is not the store's fault.
            _check(stored, refused=stale if stale != fetch.token else None)
            self._is_store_failing = False
            token, issued = stored.token, clock() - stored.age
        except AirmeetError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            if fetch.failure is not None:  # of the sign-in, whatever the store has made of it
                raise fetch.failure from None
            self._warn(f"no answer within {_STORE_SECONDS:g} s" if fetch.patience.expired() else error)
            token, issued = fetch.token or await self._sign_in_once(), clock()
        return IssuedToken(token, self._generation + 1, issued)

    async def _sign_in_once(self) -> Secret:
        limit = asyncio.timeout(SIGN_IN_SECONDS)
        try:
            async with limit:
                answer = await self._fetch()
        except TimeoutError:
            if not limit.expired():  # of the caller's own transport
                raise
            raise NoReplyError(f"no token within {SIGN_IN_SECONDS:g} s", reason="timeout") from None
        self.fetched += 1
        return answer.token

    def _warn(self, reason: BaseException | str) -> None:
        self._is_store_failing = True
        if self._has_warned:
            return
        self._has_warned = True
        if isinstance(reason, BaseException) and not isinstance(reason, TokenStoreError):
            # Not its text, which may hold the password of a database.
            reason = getattr(reason, "strerror", None) or type(reason).__name__
        store = type(self._store).__name__
        _log.warning("the token cannot be shared (%s: %s); this process signs in by itself", store, reason)

    def _end(self, sign_in: asyncio.Task[IssuedToken | AirmeetError]) -> None:
        if self._sign_in is sign_in:
            self._sign_in, self.current = None, self._issued
        if not sign_in.cancelled():
            sign_in.exception()  # a fault of the caller's transport or store: those who wait get it as it is

    async def _fetch_and_keep(self) -> IssuedToken | AirmeetError:
        # Kept here and not in a callback of the task: between its end and its callbacks, whoever asks for a token would
        # get it at once and not find it in `current`; a worker that looks there would ask again without end.
        # Errors are returned, not raised: they belong to the waiters, of whom there may be none left.
        outcome: IssuedToken | AirmeetError
        try:
            outcome = await self._fetch_newer()
        except AirmeetError as error:
            outcome = error
        self._keep(outcome)
        self._sign_in = None
        return outcome

    def _keep(self, outcome: IssuedToken | AirmeetError) -> None:
        self.current = self._issued
        if isinstance(outcome, AirmeetError):
            self._failures += 1
            doubled = min(_ERROR_KEPT_SECONDS * 2.0 ** (self._failures - 1), _LONGEST_ERROR_KEPT_SECONDS)
            kept = _LONGEST_ERROR_KEPT_SECONDS if isinstance(outcome, CredentialsError) else doubled
            if isinstance(outcome, ReplyError):  # the server may have asked for more time
                kept = max(kept, min(outcome.retry_after or 0.0, _LONGEST_PAUSE))
            self._error, self._error_until = outcome, asyncio.get_running_loop().time() + kept
            return
        self.current = self._issued = outcome
        self._error, self._failures = None, 0
        self._generation, self._is_proven = outcome.generation, False


class _Fetch:
    """What a store calls for a new token; it keeps the outcome, whatever the store makes of it.

    Args:
        sign_in: Fetches a token.

    Attributes:
        patience: Ends the wait for the store; its time stands still during a sign-in.
        token: The token that was fetched last.
        failure: The error of the last sign-in, unless it went well.
    """

    def __init__(self, sign_in: Callable[[], Awaitable[Secret]]) -> None:
        self._sign_in = sign_in
        self.patience = asyncio.timeout(_STORE_SECONDS)
        self.token: Secret | None = None
        self.failure: Exception | None = None

    async def __call__(self) -> Secret:
        self.failure = None
        self._set_deadline(None)
        try:
            self.token = await self._sign_in()
        except Exception as error:
            self.failure = error
            raise
        finally:
            self._set_deadline(asyncio.get_running_loop().time() + _STORE_SECONDS)
        return self.token

    def _set_deadline(self, when: float | None) -> None:
        with suppress(RuntimeError):  # the wait is over: the store has answered, and signs in for the next time
            self.patience.reschedule(when)


def _check(stored: StoredToken, refused: Secret | None) -> None:
    """Raise `TokenStoreError` where a store's reply, which may be anything, is no token for a header, or no new one."""
    token, age = getattr(stored, "token", None), getattr(stored, "age", None)
    is_token = isinstance(token, Secret) and token.reveal() and is_visible_ascii(token.reveal())
    if not is_token or not isinstance(age, (int, float)) or not age >= 0:  # also where it is no number
        raise TokenStoreError("its token must be a Secret of visible ASCII characters, the age 0 seconds or more")
    if token == refused:
        raise TokenStoreError("it returned the token that was refused")


def _is_cancelled() -> bool:
    """Return whether it is this task that was cancelled, and not something that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
