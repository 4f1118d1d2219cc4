"""The token: one for all tasks of a client, fetched once, renewed once.

Rules of this file:

1. The server's 412 is the truth about a token's age; the clock is only a hint.
2. Every token has a generation. ``renew(generation)`` does nothing unless that generation is still the current one,
   so a thousand tasks that were all refused with the same token cause one request.
3. One sign-in at a time. It runs in a task of its own, so a waiter that is cancelled takes nobody with it, and all
   waiters share its result or its error. The error is kept for a moment, or a thousand waiters would sign in one after
   the other.
4. Three renewals without one accepted request between them end it: a server that refuses what it has just issued is
   not asked for ever.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable

from attrs import frozen

from airmeet_async.client.token_store import TokenStore
from airmeet_async.errors import (
    AirmeetError,
    ClientStateError,
    ConfigError,
    CredentialsError,
    NoReplyError,
    ReplyError,
    TokenRejectedError,
)
from airmeet_async.protocol.models import AuthToken
from airmeet_async.protocol.redact import Secret

SIGN_IN_SECONDS = 60.0
"""Longest time for one sign-in, its own retries included."""

_ERROR_KEPT_SECONDS = 2.0
"""How long the first error is shared; twice as long after each further one, at once longest for wrong keys, and never
shorter than a ``Retry-After``."""
_LONGEST_ERROR_KEPT_SECONDS = 30.0
_LONGEST_PAUSE = 900.0
_MOST_RENEWALS = 3
_TRUSTED_SECONDS = 60.0


@frozen
class IssuedToken:
    """A token to send with.

    Attributes:
        token: The token.
        generation: Counts up with each token that this client has had.
        issued: Loop time at which it was fetched; minus infinity for one from a store.
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
        self._unproven = 0
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
            TokenRejectedError: Token after token is refused.
            AirmeetError: As `get`.
        """
        if self._sign_in is None and (self._issued is None or self._issued.generation != generation):
            return
        if self._sign_in is None and self._unproven >= _MOST_RENEWALS:
            message = (
                f"Airmeet has refused {_MOST_RENEWALS} tokens in a row that it had just issued (412); a proxy "
                "changes the requests, or the address is not the API's"
            )
            raise TokenRejectedError(message, status=412, operation="auth", attempts=_MOST_RENEWALS)
        await self._join_sign_in()

    def accepted(self, generation: int) -> None:
        """Note that the server has taken the token of *generation*."""
        if generation == self._generation:
            self._unproven = 0

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
            self._sign_in = loop.create_task(self._fetch_newer(), name="airmeet-token")
            self.current = None
            self._sign_in.add_done_callback(self._keep)
        sign_in = self._sign_in
        try:
            outcome = await asyncio.shield(sign_in)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if sign_in.cancelled() and task is not None and not task.cancelling():
                raise ClientStateError("the client was closed while a token was being fetched") from None
            raise
        if isinstance(outcome, AirmeetError):
            raise outcome.again()
        return outcome

    async def _fetch_newer(self) -> IssuedToken | AirmeetError:
        """Return a newer token than the current one, from the store if another process has been there first.

        Errors are returned, not raised: they belong to the waiters, of whom there may be none left.
        """
        stale = self._issued.token if self._issued else None
        try:
            async with asyncio.timeout(SIGN_IN_SECONDS), self._store.lock(self._account):
                stored = await self._store.load(self._account)
                # A stored token is as good as new, unless it is the one that was refused.
                if stored is not None and stored != stale:
                    return IssuedToken(stored, self._generation + 1, -math.inf)
                answer = await self._fetch()
                self.fetched += 1
                await self._store.save(self._account, answer.token)
        except AirmeetError as error:
            return error
        except TimeoutError:
            return NoReplyError(f"no token within {SIGN_IN_SECONDS:g} s", reason="timeout")
        except OSError as error:
            return ConfigError(f"the token store failed: {error.strerror or type(error).__name__}")
        return IssuedToken(answer.token, self._generation + 1, asyncio.get_running_loop().time())

    def _keep(self, sign_in: asyncio.Task[IssuedToken | AirmeetError]) -> None:
        self._sign_in, self.current = None, self._issued
        if sign_in.cancelled() or sign_in.exception() is not None:
            return  # a fault of the caller's transport or store: those who wait get it as it is
        outcome = sign_in.result()
        if isinstance(outcome, AirmeetError):
            self._failures += 1
            doubled = min(_ERROR_KEPT_SECONDS * 2.0 ** (self._failures - 1), _LONGEST_ERROR_KEPT_SECONDS)
            kept = _LONGEST_ERROR_KEPT_SECONDS if isinstance(outcome, CredentialsError) else doubled
            if isinstance(outcome, ReplyError):  # the server may have asked for more time
                kept = max(kept, min(outcome.retry_after or 0.0, _LONGEST_PAUSE))
            self._error, self._error_until = outcome, sign_in.get_loop().time() + kept
            return
        self.current = self._issued = outcome
        self._error, self._failures = None, 0
        self._generation = outcome.generation
        self._unproven += 1
