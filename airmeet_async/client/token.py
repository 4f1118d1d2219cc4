"""The session: one token for everybody, fetched once, renewed once.

Rules of this file:

1. The server's 412 is the truth about a token's age; the clock is only a hint.
2. Every token has a generation. ``renew(generation)`` does nothing unless that
   generation is still the current one, so a thousand tasks that were all refused
   with the same token cause one request.
3. One flight at a time. It runs in a task of its own, so a waiter that is cancelled
   takes nobody with it, and all waiters share its result or its error. The error is
   kept for a moment, or a thousand waiters would fly one after the other.
4. Three renewals without one accepted request between them end it: a server that
   refuses what it has just issued is not asked for ever.
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
    TokenRejectedError,
)
from airmeet_async.protocol.models import AuthToken
from airmeet_async.protocol.redact import Secret

FLIGHT_SECONDS = 60.0
"""Longest time for one flight, its own retries included."""

_ERROR_KEPT = 2.0
_LONGEST_ERROR_KEPT = 30.0
_MOST_RENEWALS = 3
_TRUSTED_SECONDS = 60.0


@frozen
class Lease:
    """A token to send with.

    Attributes:
        token: The token.
        generation: Counts up with each token this session has had.
        issued: Loop time at which this session fetched it; minus infinity for one from a store.
    """

    token: Secret
    generation: int
    issued: float


class TokenSession:
    """Share one token among all tasks of a client.

    Args:
        fetch: Asks ``/auth`` for a token, with its own retries.
        store: Where tokens outlive the process.
        account: Names these keys at this address in the store.
    """

    def __init__(self, fetch: Callable[[], Awaitable[AuthToken]], store: TokenStore, account: str) -> None:
        self._fetch = fetch
        self._store = store
        self._account = account
        # The mutable state: the current token, the flight for the next one, the last error, and the loop guard.
        self._lease: Lease | None = None
        self._flight: asyncio.Task[Lease | AirmeetError] | None = None
        self._error: AirmeetError | None = None
        self._error_until = -math.inf
        self._failures = 0
        self._generation = 0
        self._unproven = 0
        self.fetched = 0
        """Tokens fetched from ``/auth`` so far."""

    def __repr__(self) -> str:
        state = "no token" if self._lease is None else f"generation {self._lease.generation}"
        return f"<TokenSession {state}{', renewing' if self._flight else ''}>"

    @property
    def current(self) -> Lease | None:
        """The current token; None where there is none, or it is being replaced."""
        return self._lease if self._flight is None else None

    async def lease(self) -> Lease:
        """Return the current token; without one, wait for the flight that fetches it.

        Raises:
            CredentialsError: The keys are wrong or revoked.
            AirmeetError: ``/auth`` could not be reached or answered nonsense.
        """
        if self._lease is not None and self._flight is None:
            return self._lease
        return await self._join()

    async def renew(self, generation: int) -> None:
        """Replace the token of *generation*, which the server has refused; nothing if that is already done.

        Raises:
            TokenRejectedError: Token after token is refused.
            AirmeetError: As `lease`.
        """
        if self._flight is None and (self._lease is None or self._lease.generation != generation):
            return
        if self._flight is None and self._unproven >= _MOST_RENEWALS:
            raise _refused_for_good()
        await self._join()

    def accepted(self, generation: int) -> None:
        """Note that the server has taken the token of *generation*."""
        if generation == self._generation:
            self._unproven = 0

    def may_doubt(self, lease: Lease) -> bool:
        """Return whether a 400 may be about the token (A: bad token is 400): it was not issued a moment ago."""
        return asyncio.get_running_loop().time() - lease.issued > _TRUSTED_SECONDS

    async def aclose(self) -> None:
        """End a flight that nobody waits for any more."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait({self._flight})

    async def _join(self) -> Lease:
        loop = asyncio.get_running_loop()
        if self._flight is None:
            if self._error is not None and loop.time() < self._error_until:
                raise self._error.again()
            self._flight = loop.create_task(self._fly(), name="airmeet-token")
            self._flight.add_done_callback(self._landed)
        flight = self._flight
        try:
            outcome = await asyncio.shield(flight)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if flight.cancelled() and task is not None and not task.cancelling():
                message = "the client was closed while a token was being fetched"
                raise ClientStateError(message) from None
            raise
        if isinstance(outcome, AirmeetError):
            raise outcome.again()
        return outcome

    async def _fly(self) -> Lease | AirmeetError:
        """Return a newer token than the current one, from the store if another process has been there first.

        Errors are returned, not raised: they belong to the waiters, of whom there may be none left.
        """
        stale = self._lease.token if self._lease else None
        try:
            async with asyncio.timeout(FLIGHT_SECONDS), self._store.lock(self._account):
                stored = await self._store.load(self._account)
                if stored is not None and stored != stale:
                    return Lease(stored, self._generation + 1, -math.inf)
                answer = await self._fetch()
                self.fetched += 1
                await self._store.save(self._account, answer.token)
        except AirmeetError as error:
            return error
        except TimeoutError:
            return NoReplyError(f"no token within {FLIGHT_SECONDS:g} s", reason="timeout")
        except OSError as error:
            return ConfigError(f"the token store failed: {error.strerror or type(error).__name__}")
        return Lease(answer.token, self._generation + 1, asyncio.get_running_loop().time())

    def _landed(self, flight: asyncio.Task[Lease | AirmeetError]) -> None:
        self._flight = None
        if flight.cancelled() or flight.exception() is not None:
            return  # a fault of the caller's transport or store: those who wait get it as it is
        outcome = flight.result()
        if isinstance(outcome, AirmeetError):
            self._failures += 1
            doubled = min(_ERROR_KEPT * 2.0 ** (self._failures - 1), _LONGEST_ERROR_KEPT)
            kept = _LONGEST_ERROR_KEPT if isinstance(outcome, CredentialsError) else doubled
            self._error, self._error_until = outcome, flight.get_loop().time() + kept
            return
        self._lease, self._error, self._failures = outcome, None, 0
        self._generation = outcome.generation
        self._unproven += 1


def _refused_for_good() -> TokenRejectedError:
    message = (
        f"Airmeet has refused {_MOST_RENEWALS} tokens in a row that it had just issued (412); something between here "
        "and Airmeet changes the requests, or the address is not the API's"
    )
    return TokenRejectedError(message, status=412, operation="auth", attempts=_MOST_RENEWALS)
