"""The session: one token for everybody, fetched once, renewed once."""

import asyncio
import pickle

import anyio
import anyio.lowlevel
import pytest

from airmeet_async.client.token import SIGN_IN_SECONDS, IssuedToken, SharedToken
from airmeet_async.client.token_store import MemoryTokenStore
from airmeet_async.errors import (
    AirmeetError,
    ClientStateError,
    CredentialsError,
    NoReplyError,
    ServerError,
    TokenRejectedError,
)
from airmeet_async.protocol.models import AuthToken
from airmeet_async.protocol.redact import Secret


class Auth:
    """Stands in for ``POST /auth``: counts, takes its time, and fails as told."""

    def __init__(self, *errors: AirmeetError | None, seconds: float = 0.2) -> None:
        self.calls = 0
        self.seconds = seconds
        self.errors = list(errors)

    async def __call__(self) -> AuthToken:
        self.calls += 1
        number = self.calls
        await anyio.sleep(self.seconds)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return AuthToken(Secret(f"token-{number}"))


def session_of(auth: Auth, store: MemoryTokenStore | None = None) -> SharedToken:
    return SharedToken(auth, store or MemoryTokenStore(), "account")


async def run_together(n: int, job: object) -> list[object]:
    return await asyncio.gather(*(job() for _ in range(n)), return_exceptions=True)  # type: ignore[operator]


async def test_a_thousand_tasks_at_a_cold_start_make_one_auth() -> None:
    """Everybody who comes before the first token gets that one."""
    auth = Auth()
    session = session_of(auth)

    leases = await run_together(1000, session.get)

    assert auth.calls == 1
    assert {lease.generation for lease in leases if isinstance(lease, IssuedToken)} == {1}


async def test_a_token_that_ends_under_a_thousand_tasks_is_renewed_once() -> None:
    """All of them were refused with the same generation, so one request replaces it."""
    auth = Auth()
    session = session_of(auth)
    await session.get()

    await run_together(1000, lambda: session.renew(1))

    assert auth.calls == 2
    assert (await session.get()).token.reveal() == "token-2"


async def test_a_late_refusal_of_an_old_token_renews_nothing() -> None:
    """The 412 of a request that was sent with generation 1 says nothing about generation 2."""
    auth = Auth()
    session = session_of(auth)
    await session.get()
    await session.renew(1)

    await session.renew(1)

    assert auth.calls == 2


async def test_nobody_sends_with_the_old_token_while_the_new_one_is_fetched() -> None:
    """A lease that is asked for during a flight waits for it."""
    session = session_of(Auth())
    await session.get()
    async with anyio.create_task_group() as group:
        group.start_soon(session.renew, 1)
        await anyio.sleep(0.1)

        lease = await session.get()

    assert lease.generation == 2


async def test_a_cancelled_leader_fails_nobody() -> None:
    """The flight is not a part of the task that started it."""
    auth = Auth()
    session = session_of(auth)
    leader = asyncio.create_task(session.get())
    await anyio.sleep(0.1)
    followers = [asyncio.create_task(session.get()) for _ in range(10)]
    await anyio.lowlevel.checkpoint()

    leader.cancel()
    leases = await asyncio.gather(*followers)

    assert auth.calls == 1
    assert leader.cancelled()
    assert {lease.generation for lease in leases} == {1}


async def test_all_waiters_share_one_error() -> None:
    """A failing /auth is not asked once per waiter, and each waiter has an error of its own to add to."""
    auth = Auth(*[ServerError("down", status=500)] * 5)
    session = session_of(auth)

    errors = await run_together(1000, session.get)

    assert auth.calls == 1
    assert {type(error) for error in errors} == {ServerError}
    assert len({id(error) for error in errors}) == 1000


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ServerError("down", status=500), 2.0),
        (ServerError("busy", status=503, retry_after=40.0), 40.0),
        (CredentialsError("wrong", status=400), 30.0),
    ],
)
async def test_an_error_is_kept_for_a_moment_and_then_tried_again(error: AirmeetError, kept: float) -> None:
    """Late-comers within that moment do not ask /auth again; after it the session recovers by itself."""
    auth = Auth(error)
    session = session_of(auth)
    await run_together(1, session.get)
    await anyio.sleep(kept - 0.5)
    await run_together(3, session.get)
    assert auth.calls == 1
    await anyio.sleep(0.6)

    lease = await session.get()

    assert auth.calls == 2
    assert lease.generation == 1


async def test_tokens_that_are_refused_as_soon_as_they_are_issued_end_it() -> None:
    """Three fresh tokens without one accepted request between them: the fourth renewal is refused here."""
    auth = Auth()
    session = session_of(auth)
    for generation in (1, 2):
        await session.get()
        await session.renew(generation)

    with pytest.raises(TokenRejectedError):
        await session.renew(3)

    assert auth.calls == 3


async def test_an_accepted_request_resets_that_guard() -> None:
    """A token that worked and then ended is an ordinary expiry, however often it happens."""
    auth = Auth()
    session = session_of(auth)
    for generation in range(1, 20):
        await session.get()
        session.accepted(generation)
        await session.renew(generation)

    assert auth.calls == 20


async def test_an_accepted_request_of_an_older_token_does_not_reset_it() -> None:
    """What the server thought of generation 1 says nothing about 2 and 3."""
    session = session_of(Auth())
    for generation in (1, 2):
        await session.get()
        await session.renew(generation)
        session.accepted(1)

    with pytest.raises(TokenRejectedError):
        await session.renew(3)


async def test_a_flight_has_an_end() -> None:
    """An /auth that never answers fails all waiters after a minute instead of holding them for ever."""
    session = session_of(Auth(seconds=1e6))

    with pytest.raises(NoReplyError):
        await session.get()

    assert SIGN_IN_SECONDS <= anyio.current_time() < SIGN_IN_SECONDS + 1


async def test_another_clients_newer_token_is_used_instead_of_fetching_one() -> None:
    """Two clients with one store: the second renewal finds the token that the first has fetched."""
    store = MemoryTokenStore()
    first, second = Auth(), Auth()
    one, other = session_of(first, store), session_of(second, store)
    await one.get()
    await other.get()

    await one.renew(1)
    await other.renew(1)

    assert (first.calls, second.calls) == (2, 0)
    assert (await other.get()).token.reveal() == "token-2"


async def test_a_token_from_the_store_may_be_doubted_and_a_fresh_one_not() -> None:
    """A 400 can be about a cached token (A), hardly about one that was issued a moment ago, by whichever client."""
    store = MemoryTokenStore()
    await store.save("account", Secret("kept"))
    just_stored = await session_of(Auth(), store).get()
    await anyio.sleep(61)
    session = session_of(Auth(), store)
    cached = await session.get()
    await session.renew(1)

    fresh = await session.get()

    assert just_stored.issued >= 0
    assert (session.may_be_stale(cached), session.may_be_stale(fresh)) == (True, False)
    await anyio.sleep(61)
    assert session.may_be_stale(fresh)


async def test_closing_ends_a_flight_and_tells_its_waiters() -> None:
    """A waiter learns that the client was closed; it is not cancelled by somebody else's close."""
    session = session_of(Auth())
    waiter = asyncio.create_task(session.get())
    await anyio.sleep(0.1)

    await session.aclose()

    with pytest.raises(ClientStateError):
        await waiter


async def test_the_repr_shows_the_state_and_no_token() -> None:
    """One line for a log."""
    session = session_of(Auth())
    before = repr(session)
    lease = await session.get()

    assert before == "<SharedToken no token>"
    assert repr(session) == "<SharedToken generation 1>"
    assert "token-1" not in repr(lease)


async def test_a_lease_cannot_leave_the_process() -> None:
    """A token must not reach a pickle, which people write to disk and send around."""
    lease = await session_of(Auth()).get()

    with pytest.raises(TypeError):
        pickle.dumps(lease)
