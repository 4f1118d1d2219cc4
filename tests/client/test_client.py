"""The client: the send loop, the session and the pace together, against a pretend Airmeet in virtual time."""

import asyncio
import copy
import itertools
import json
import logging
import math
import pickle
import re
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import anyio
import httpx
import pytest

from airmeet_async import (
    AirmeetClient,
    AirmeetError,
    Call,
    ClientStateError,
    ConfigError,
    CredentialsError,
    DecodeError,
    Endpoint,
    MemoryTokenStore,
    NoReplyError,
    NotFoundError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    Reply,
    Request,
    Retry,
    ServerError,
    Timeouts,
    TokenRejectedError,
    TransportError,
    calls,
)
from airmeet_async.calls.events import authenticate
from airmeet_async.client.adaptive_rate import Adaptive
from airmeet_async.errors import AmbiguousOutcomeError
from airmeet_async.protocol.classify_reply import Kind
from airmeet_async.protocol.models import Acknowledgement
from airmeet_async.sandbox import KeyPair, community
from airmeet_async.testing import Sandbox
from tests.cases import case
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, SENTINEL_TOKEN, leaks
from tests.support.worlds import EVENT, add, auths, client_of, person, sends, transport_of


class Script:
    """A transport that answers /auth by itself and everything else from a list."""

    def __init__(self, *answers: Reply | TransportError) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    async def exchange(self, request: Request) -> Reply:
        await anyio.sleep(0.01)
        if request.target.endswith("/auth"):
            return Reply(200, {}, b'{"token": "%s"}' % SENTINEL_TOKEN.encode())
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, TransportError):
            raise answer
        return answer

    async def aclose(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("envelope", [False, True])
async def test_a_person_is_added_whichever_shape_the_token_comes_in(envelope: bool) -> None:
    """Flat as in production (B, C), or under data as in the help article (A)."""
    transport = transport_of(auth_envelope=envelope)
    async with client_of(transport) as client:
        access = await client.attendees.add(EVENT, person(), send_email_invite=True)

    assert access.email == "person-1@example.com"
    assert access.entry_link.startswith("https://")
    assert transport.world.statistics().adds == 1


async def test_every_operation_of_the_table_goes_through() -> None:
    """Add, block, unblock, fields, info and list against one world."""
    async with client_of(transport_of()) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)
        blocked = await client.attendees.block(EVENT, "person-1@example.com")
        unblocked = await client.attendees.unblock(EVENT, "person-1@example.com")
        fields = await client.custom_fields.list(community.WITH_FIELDS)
        info = await client.airmeets.info(EVENT)
        events = [event.name async for event in client.airmeets.list(size=2)]

    assert (blocked.success, unblocked.success) == (True, True)
    assert [field.label for field in fields] == ["Company size", "T-shirt size"]
    assert info.name == "Spring Summit"
    assert events[:2] == ["Spring Summit", "Hybrid Days"]
    assert len(events) == len(set(events)) == 7


@pytest.mark.slow
async def test_a_thousand_cold_calls_make_one_auth() -> None:
    """The token is shared by all tasks from the first moment on."""
    transport = transport_of(latency=0.2)
    async with client_of(transport) as client:
        await asyncio.gather(*(client.attendees.add(EVENT, person(n), send_email_invite=True) for n in range(1000)))

    assert auths(transport) == 1
    assert transport.world.statistics().adds == 1000


@pytest.mark.slow
async def test_an_expiry_under_a_thousand_running_calls_makes_one_auth() -> None:
    """Each call is sent at most twice, and every one of them succeeds."""
    transport = transport_of("expire@400", latency=0.2)
    async with client_of(transport, max_in_flight=1000) as client:
        await asyncio.gather(*(client.attendees.add(EVENT, person(n), send_email_invite=True) for n in range(1000)))

    assert auths(transport) == 2
    assert max(sends(transport).values()) == 2


async def test_no_request_leaves_with_an_old_token_once_the_new_one_is_there() -> None:
    """Of all requests that arrive after the second /auth, none is answered 412."""
    transport = transport_of("expire@100")
    async with client_of(transport, max_in_flight=8, rate=200) as client:
        await asyncio.gather(*(client.attendees.add(EVENT, person(n), send_email_invite=True) for n in range(300)))

    refused = transport.world.statistics().statuses.get(412, 0)
    assert 1 <= refused <= 8


async def test_two_clients_that_end_each_others_tokens_come_to_rest() -> None:
    """A server that keeps one token per key pair makes each client renew, not play ping-pong."""
    transport = transport_of(reauth_kills_old=True)
    one, other = client_of(transport), client_of(transport)
    async with one, other:
        for n in range(10):
            await one.attendees.add(EVENT, person(n), send_email_invite=True)
        await other.attendees.add(EVENT, person("x"), send_email_invite=True)
        await one.attendees.add(EVENT, person("y"), send_email_invite=True)

    assert auths(transport) == 3


async def test_a_server_that_refuses_every_token_is_not_asked_for_ever() -> None:
    """412 to all, fresh tokens included: a bounded number of /auth and one clear error."""
    script = Script(Reply(412, {}, b""))
    async with client_of(script) as client:
        with pytest.raises(TokenRejectedError, match="just issued"):
            await client.attendees.add(EVENT, person(), send_email_invite=True)

    assert len(script.requests) == 3


async def test_renewed_calls_carry_the_new_token() -> None:
    """The header of the second send is not the first one's."""
    transport = transport_of("expire@3")
    seen: list[str | None] = []
    exchange = transport.exchange

    async def spy(request: Request) -> Reply:
        seen.append(request.header("X-Airmeet-Access-Token"))
        return await exchange(request)

    transport.exchange = spy  # type: ignore[method-assign]
    async with client_of(transport) as client:
        for n in range(3):
            await client.attendees.add(EVENT, person(n), send_email_invite=True)

    tokens = [token for token in seen if token]
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3]


async def test_a_cached_token_that_is_called_bad_is_replaced_once() -> None:
    """400 means a bad token (A): worth one new token if ours is old, and an error if ours is fresh."""
    script = Script(Reply(400, {}, b'{"message": "invalid token"}'))
    async with client_of(script) as client:
        with pytest.raises(RejectedError):
            await client.attendees.add(EVENT, person(), send_email_invite=True)
        fresh = len(script.requests)
        await anyio.sleep(61)
        with pytest.raises(RejectedError):
            await client.attendees.add(EVENT, person(), send_email_invite=True)

    assert (fresh, len(script.requests)) == (1, 3)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (("wrong", "wrong"), "AIRMEET_SECRET_KEY"),
        ((community.REVOKED_ACCESS_KEY, community.REVOKED_SECRET_KEY), "revoked"),
    ],
)
async def test_wrong_and_revoked_keys_are_two_errors_after_one_request(keys: tuple[str, str], words: str) -> None:
    """Neither is retried, and each says what to do."""
    transport = transport_of()
    async with client_of(transport, access_key=keys[0], secret_key=keys[1]) as client:
        with pytest.raises(CredentialsError, match=words):
            await client.attendees.add(EVENT, person(), send_email_invite=True)

    assert auths(transport) == 1


async def test_an_auth_that_fails_for_a_while_is_survived() -> None:
    """Three 500 and then a token: the call knows nothing of it."""
    transport = transport_of("500@1+3:on=auth")
    async with client_of(transport) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=True)

    assert auths(transport) == 4


async def test_an_auth_that_fails_for_good_costs_few_requests_whoever_waits() -> None:
    """A thousand waiters share one error after a handful of tries."""
    transport = transport_of("500:100%:on=auth")
    async with client_of(transport) as client:
        outcomes = await asyncio.gather(
            *(client.attendees.add(EVENT, person(n), send_email_invite=True) for n in range(1000)),
            return_exceptions=True,
        )

    assert {type(outcome) for outcome in outcomes} == {ServerError}
    assert auths(transport) <= 5


@pytest.mark.parametrize(
    "body",
    [
        b"{}", b"null", b'{"success": false}', b'{"token": null}', b'{"token": 123}', b'{"token": ""}',
        b'{"token": "' + b"x" * 9000 + b'"}', b'{"token": "a\\r\\nX-Evil: 1"}', '{"token": "tökén"}'.encode(),
        b'{"token": "\\ud800"}', b"<html>", b"[" * 100_000, b"\xef\xbb\xbf{}", b'{"token": NaN}',
        b'{"token": ' + b"9" * 5000 + b"}", b"", b'"text"', b"[]", b'{"data": null}', b'{"data": {"token": null}}',
    ],
)  # fmt: skip
async def test_a_senseless_answer_of_auth_is_an_error_of_this_library(body: bytes) -> None:
    """Nothing is kept, nothing of the answer is shown, and no Python error comes through."""

    class Odd(Script):
        async def exchange(self, request: Request) -> Reply:
            self.requests.append(request)
            return Reply(200, {}, body)

    odd = Odd()
    async with client_of(odd) as client:
        with pytest.raises(AirmeetError) as caught:
            await client.airmeets.info(EVENT)

    assert isinstance(caught.value, (DecodeError, RejectedError, CredentialsError))
    assert len(odd.requests) <= 4
    assert "xxxx" not in str(caught.value)


async def test_an_auth_that_answers_412_is_not_asked_for_a_new_token() -> None:
    """Renewing cannot be helped by renewing."""

    class Odd(Script):
        async def exchange(self, request: Request) -> Reply:
            self.requests.append(request)
            return Reply(412, {}, b"")

    odd = Odd()
    async with client_of(odd) as client:
        with pytest.raises(AirmeetError):
            await client.airmeets.info(EVENT)

    assert len(odd.requests) == 1


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (community.NOWHERE, NotFoundError),
        (community.FOREIGN, PermissionDeniedError),
    ],
)
async def test_a_wrong_event_is_an_error_at_once(event: str, error: type[AirmeetError]) -> None:
    """404 and 401 are not retried, and say what to check."""
    transport = transport_of()
    async with client_of(transport) as client:
        with pytest.raises(error, match="event"):
            await client.attendees.add(event, person(), send_email_invite=True)

    assert len(sends(transport)) == 1


OK = Reply(200, {}, b'{"success": true}')
CREATE: Endpoint[Acknowledgement] = Endpoint(
    "things.create", "POST", "/thing", Acknowledgement, "test", repeatable=False
)


@pytest.mark.parametrize(
    "first",
    [Reply(500), Reply(502, {}, b"<html>"), Reply(504), Reply(408), NoReplyError("lost"), Reply(200, {}, b"<html>")],
)
async def test_an_unclear_outcome_is_repeated_where_that_is_safe(first: Reply | TransportError) -> None:
    """Blocking twice is blocking once."""
    script = Script(first, OK)
    async with client_of(script) as client:
        done = await client.attendees.block(EVENT, "a@example.com")

    assert done.success
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    "first",
    [Reply(500), Reply(502, {}, b"<html>"), Reply(504), Reply(408), NoReplyError("lost"), Reply(200, {}, b"")],
)
async def test_an_unclear_outcome_is_never_repeated_where_it_could_do_it_twice(first: Reply | TransportError) -> None:
    """A second event is worse than a question."""
    script = Script(first, OK)
    async with client_of(script) as client:
        with pytest.raises(AmbiguousOutcomeError, match="dashboard"):
            await client.send(Call(CREATE))

    assert len(script.requests) == 1


@pytest.mark.parametrize("first", [NotSentError("refused"), Reply(429), Reply(412)])
async def test_what_was_certainly_not_done_is_repeated_in_any_case(first: Reply | TransportError) -> None:
    """Not sent, throttled, token too old: a create that met one of these has not happened."""
    script = Script(first, OK)
    async with client_of(script) as client:
        await client.send(Call(CREATE))

    assert len(script.requests) == 2


@pytest.mark.parametrize("said", [b"", b'{"message": "the passed token is bad"}'])
async def test_a_plain_400_renews_an_old_token_also_for_a_call_that_may_not_be_repeated(said: bytes) -> None:
    """Nothing was done, so nothing is done twice. With a fresh token it is about the call."""
    script = Script(Reply(400, {}, said), OK, Reply(400, {}, said))
    async with client_of(script) as client:
        await client.token.get()
        await anyio.sleep(61)
        done = await client.send(Call(CREATE))
        renewed = len(script.requests), client.token.fetched
        with pytest.raises(RejectedError):
            await client.send(Call(CREATE))
        refused = len(script.requests), client.token.fetched

    assert done.success
    assert (renewed, refused) == ((2, 2), (3, 2))


async def test_patience_has_an_end() -> None:
    """Five unclear outcomes by default, and the error counts them."""
    script = Script(Reply(500))
    async with client_of(script) as client:
        with pytest.raises(ServerError) as caught:
            await client.attendees.block(EVENT, "a@example.com")

    assert len(script.requests) == caught.value.attempts == 5


async def test_a_retry_after_makes_everybody_wait() -> None:
    """All senders stop for as long as the server asked, not only the one that was told."""
    transport = transport_of("429@5:retry=30")
    async with client_of(transport, max_in_flight=2) as client:
        await asyncio.gather(*(client.attendees.add(EVENT, person(n), send_email_invite=True) for n in range(50)))

    times = [arrival.at for arrival in transport.arrivals]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 29.9 <= max(gaps) <= 33.1
    assert sum(gap > 1 for gap in gaps) == 1
    # The sign-in, four people, the one who was told, and the one who was under way beside it: nobody else came before.
    assert gaps.index(max(gaps)) <= 6


async def test_a_very_long_retry_after_is_told_instead_of_waited_for() -> None:
    """The caller decides about an hour."""
    async with client_of(Script(Reply(429, {"retry-after": "3600"}))) as client:
        with pytest.raises(RateLimitedError) as caught:
            await client.attendees.block(EVENT, "a@example.com")

    assert caught.value.retry_after == 3600


@pytest.mark.parametrize("limits", [{"timeout": 5}, {"retry": Retry(free=1)}], ids=["time", "attempts"])
async def test_a_pause_holds_for_other_calls_also_where_the_refused_one_is_given_up(limits: dict[str, Any]) -> None:
    transport = transport_of("429@1:retry=20")
    async with client_of(transport) as client:
        with pytest.raises(RateLimitedError):
            await client.airmeets.info(EVENT, **limits)
        await client.airmeets.info(EVENT)

    times = [arrival.at for arrival in transport.arrivals]
    assert times[-1] - times[-2] >= 20


@pytest.mark.parametrize(
    ("sign_ins", "use"),
    [
        (1, lambda client: client.with_options(retry=1).airmeets.info(EVENT)),
        (1, lambda client: client.airmeets.info(EVENT, retry=1)),
        (1, lambda client: add(client, [person()], retry=1)),
        (1, lambda client: add(client.with_options(retry=1), [person()])),
        (5, lambda client: client.airmeets.info(EVENT, retry=5)),
        (5, lambda client: client.with_options(retry=5).airmeets.info(EVENT)),
        (4, lambda client: client.airmeets.info(EVENT)),
    ],
    ids=["client", "call", "run", "client of run", "five", "client with five", "none"],
)
async def test_a_sign_in_keeps_to_the_retry_rules_of_whoever_begins_it(sign_ins: int, use: Any) -> None:
    async with Sandbox() as sandbox:
        client = sandbox.client()
        sandbox.fail_next(500, times=30, operation="auth")
        with pytest.raises(AirmeetError):
            await use(client)
        assert sum(arrival.operation == "auth" for arrival in sandbox.requests) == sign_ins


async def test_a_call_that_never_left_the_queue_within_its_timeout_was_not_sent() -> None:
    """It waited for a pause or for a token: that it may have been carried out would be wrong."""
    transport = transport_of("429@1:retry=20")
    async with client_of(transport) as client:
        with pytest.raises(RateLimitedError):
            await client.airmeets.info(EVENT, timeout=5)
        with pytest.raises(NotSentError, match="was not sent within 5 s"):
            await client.airmeets.info(EVENT, timeout=5)
    assert len(transport.arrivals) == 2


async def test_a_timeout_covers_all_attempts_and_waits() -> None:
    """It ends as an error of this library that says that the outcome is open."""
    transport = transport_of(latency=30.0)
    async with client_of(transport) as client:
        with pytest.raises(NoReplyError, match="may have been carried out"):
            await client.send(calls.block_attendee(EVENT, "a@example.com"), timeout=45)

    assert anyio.current_time() < 46


async def test_nobody_sleeps_into_a_deadline() -> None:
    """A wait that is longer than what is left ends the call at once, with the cause and not with a time-out."""
    async with client_of(Script(Reply(429, {"retry-after": "200"}))) as client:
        with pytest.raises(RateLimitedError):
            await client.send(calls.block_attendee(EVENT, "a@example.com"), timeout=10)

    assert anyio.current_time() < 1


async def test_options_of_a_sibling_client_leave_the_first_alone() -> None:
    """It shares session and connections, and only its patience differs."""
    script = Script(Reply(500))
    async with client_of(script) as client:
        hasty = client.with_options(retry=Retry(attempts=1))
        with pytest.raises(ServerError):
            await hasty.attendees.block(EVENT, "a@example.com")
        after_hasty = len(script.requests)
        with pytest.raises(ServerError):
            await client.attendees.block(EVENT, "a@example.com")

    assert (after_hasty, len(script.requests)) == (1, 6)


async def test_a_closed_client_says_so() -> None:
    """Also through a sibling."""
    client = client_of(transport_of())
    sibling = client.with_options(retry=Retry())
    await client.aclose()

    for one in (client, sibling):
        with pytest.raises(ClientStateError, match="closed"):
            await one.airmeets.info(EVENT)


def test_a_client_on_another_loop_says_so() -> None:
    """Otherwise the error would be asyncio's, and about something else."""
    client = client_of(transport_of())

    async def use() -> None:
        await client.airmeets.info(EVENT)

    asyncio.run(use())
    with pytest.raises(ClientStateError, match="one client per loop"):
        asyncio.run(use())


def test_making_a_client_needs_no_loop_and_does_nothing() -> None:
    """Web frameworks make their clients at import time."""
    transport = transport_of()

    client = client_of(transport)

    assert repr(client) == "<AirmeetClient https://sandbox.example/prod <SharedToken no token>>"
    assert transport.arrivals == []


def test_a_transport_of_the_wrong_kind_is_refused() -> None:
    """The message names the right kinds."""
    with pytest.raises(ConfigError, match=r"httpx\.AsyncClient"):
        client_of(object())


def test_a_setting_of_the_wrong_kind_is_an_error_that_names_it() -> None:
    """When it is made, and not when the first request is."""
    mistakes: dict[str, Callable[[], Any]] = {
        "Retry: attempts must be a whole number from 1, not 0": lambda: Retry(attempts=0),
        "Retry: attempts must be a whole number from 1, not None": lambda: Retry(attempts=None),  # type: ignore[arg-type]
        "Retry: free must be a whole number from 1, not 2.5": lambda: Retry(free=2.5),  # type: ignore[arg-type]
        "Retry: cap must be a number of seconds from 0, not -1": lambda: Retry(cap=-1),
        "Retry: ready_within must be a number of seconds from 0, not nan": lambda: Retry(ready_within=math.nan),
        "Timeouts: connect must be a number of seconds above 0, not -1": lambda: Timeouts(connect=-1),
        "Timeouts: total must be a number of seconds above 0, not '5'": lambda: Timeouts(total="5"),  # type: ignore[arg-type]
        "not a class; write MemoryTokenStore(...)": lambda: client_of(transport_of(), token_store=MemoryTokenStore),
        "not a class; write AsyncClient(...)": lambda: client_of(httpx.AsyncClient),
        "timeouts must be Timeouts(connect=..., read=...), not 5": lambda: Sandbox().client(timeouts=5),
    }
    for words, make in mistakes.items():
        with case(words), pytest.raises(ConfigError, match=re.escape(words)):
            make()


async def test_the_raw_answer_can_be_had() -> None:
    """For what the models do not know yet."""
    script = Script(Reply(418, {"x-odd": "1"}, b"tea"))
    async with client_of(script) as client:
        reply = await client.exchange(calls.get_airmeet(EVENT))

    assert (reply.status, reply.body) == (418, b"tea")


ECHO = f'{{"message": "token {SENTINEL_TOKEN} of {SENTINEL_ACCESS_KEY} and {SENTINEL_SECRET_KEY}"}}'.encode()
LINK = b'{"message": "see https://events.example/e/launch?code=SENTINEL-link-7a1f now"}'
WRONG = b'{"email": "other@example.com", "entryLink": "https://events.example/e/launch?code=SENTINEL-link-7a1f"}'


# As servers escape what they repeat, in a sentence or a page.
SLASHES = json.dumps({"message": f"token {SENTINEL_TOKEN.replace('-', chr(92) + '-')}"}).encode()
CODES = json.dumps({"message": "".join(f"\\u{ord(char):04x}" for char in SENTINEL_TOKEN)}).encode()
PERCENT = b"x" * 3950 + "".join(f"%{ord(char):02X}" for char in SENTINEL_TOKEN).encode()


def unescaped(text: str) -> str:
    """Return *text* as its reader can read it."""
    return unquote(text.replace("\\", "").replace("u00", "%"))


@pytest.mark.parametrize(
    "answer",
    [
        Reply(400, {}, SLASHES),
        Reply(500, {}, CODES),
        Reply(422, {}, PERCENT),
        Reply(422, {}, PERCENT[3900:]),
        Reply(400, {}, ECHO),
        Reply(500, {}, ECHO),
        Reply(422, {}, LINK),
        Reply(200, {}, WRONG),
        Reply(401, {}, ECHO),
    ],
)
async def test_secrets_show_nowhere_when_things_go_wrong(answer: Reply, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the message, the repr, the attributes, the traceback with its locals, a pickle, nor a log at any level."""
    caplog.set_level(logging.DEBUG)
    async with client_of(Script(answer)) as client:
        with pytest.raises(AirmeetError) as caught:
            await client.attendees.add(EVENT, person(), send_email_invite=True)
        shown: list[Any] = [client, client.token, client.options, client.pace]

    error = caught.value
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    texts = [
        str(error), repr(error), repr(vars(error)), repr(pickle.loads(pickle.dumps(error))), repr(copy.copy(error)),
        "".join(trace.format()), caplog.text, *map(repr, shown),
    ]  # fmt: skip
    assert leaks("\n".join(texts)) == []
    assert leaks(unescaped("\n".join(texts))) == []


async def test_a_link_is_in_the_answer_and_not_in_its_repr() -> None:
    """The caller gets it by name; a log line that shows the object does not."""
    transport = transport_of()
    async with client_of(transport) as client:
        access = await client.attendees.add(EVENT, person(), send_email_invite=True)

    assert access.entry_link
    assert "code=" not in repr(access)


async def test_two_accounts_in_one_process_never_mix_their_tokens() -> None:
    """Interleaved expiries of two communities: every request is answered as its own account's."""
    transport = transport_of("expire/130")
    transport.world.add_keys(KeyPair("second-key", "second-secret", community.FOREIGN_COMMUNITY))
    one, other = client_of(transport), client_of(transport, access_key="second-key", secret_key="second-secret")
    async with one, other:
        await asyncio.gather(
            *(one.attendees.add(EVENT, person(n), send_email_invite=True) for n in range(50)),
            *(other.attendees.add(community.FOREIGN, person(n), send_email_invite=True) for n in range(50)),
        )

    assert transport.world.statistics().adds == 100
    assert 401 not in transport.world.statistics().statuses


async def test_a_cancelled_call_gives_its_place_back() -> None:
    """Short deadlines around calls do not use the client up."""
    transport = transport_of(latency=1.0)
    async with client_of(transport, max_in_flight=3) as client:
        for n in range(20):
            with anyio.move_on_after(0.5):
                await client.attendees.add(EVENT, person(n), send_email_invite=True)

        await client.attendees.add(EVENT, person("last"), send_email_invite=True)

    assert isinstance(client, AirmeetClient)
    assert transport.world.person(EVENT, "person-last@example.com") is not None


async def test_what_came_of_an_exchange_is_judged_with_its_token() -> None:
    """The token is told what took it; one that is fresh is not blamed for a 400."""
    fine = Reply(200, {}, b'{"email": "person-1@example.com", "entryLink": "https://x.example/1"}')
    blames = Reply(400, {}, b'{"message": "bad token"}')
    transport = Script(fine)
    call = calls.add_attendee(EVENT, person(), send_email_invite=False)
    async with client_of(transport) as client:
        issued = await client.token.get()
        attempt = client.judge_outcome(call, fine, issued, 0.25)
        refused = client.judge_outcome(call, blames, issued, 0.25)
        lost = client.judge_outcome(call, NoReplyError("lost"), issued, 0.5)
        echoed = client.judge_outcome(call, Reply(422, {}, b'{"message": "%s"}' % SENTINEL_TOKEN.encode()), issued, 0)

        assert (attempt.verdict.kind, attempt.generation, attempt.latency, attempt.reply) == (Kind.OK, 1, 0.25, fine)
        assert (refused.verdict.kind, refused.verdict.blames_token) == (Kind.REJECTED, False)
        assert (lost.verdict.kind, lost.generation, lost.latency, lost.reply) == (Kind.AMBIGUOUS, 1, 0.5, None)
        assert SENTINEL_TOKEN not in echoed.verdict.message
        await anyio.sleep(3600)
        assert client.judge_outcome(call, blames, issued, 0.25).verdict.blames_token


async def test_the_head_of_a_request_is_made_once_per_token() -> None:
    transport = Script(Reply(412))
    call = calls.add_attendee(EVENT, person(), send_email_invite=False)
    async with client_of(transport) as client:
        first = await client.token.get()
        method, target, headers = client.request_head(call.endpoint, call.target, first)
        again = client.request_head(call.endpoint, call.target, first)
        await client.token.renew(first.generation)
        other = client.request_head(call.endpoint, call.target, await client.token.get())
        keys = client.request_head(authenticate().endpoint, "/auth", None)

    assert (method, target) == ("POST", f"/prod/airmeet/{EVENT}/attendee")
    assert again[2] is headers
    assert other[2] is not headers
    assert SENTINEL_TOKEN.encode() in dict(headers).values()
    assert keys[:2] == ("POST", "/prod/auth")
    assert SENTINEL_TOKEN.encode() not in dict(keys[2]).values()


async def test_one_attempt_is_one_request_whatever_comes_of_it() -> None:
    """Its place is given back, and the pace is told."""
    transport = Script(Reply(500), NoReplyError("lost"), Reply(429))
    call = calls.add_attendee(EVENT, person(), send_email_invite=False)
    async with client_of(transport) as client:
        kinds = [(await client.attempt(call)).verdict.kind for _ in range(3)]
        assert client.pace.statistics().in_flight == 0

    assert kinds == [Kind.AMBIGUOUS, Kind.AMBIGUOUS, Kind.THROTTLED]
    assert len(transport.requests) == 3


async def test_a_request_without_a_reply_says_nothing_about_the_rate() -> None:
    lost, fine = Script(NoReplyError("lost")), Script(Reply(422))
    call = calls.add_attendee(EVENT, person(), send_email_invite=False)
    rates = []
    for transport in (lost, fine):
        async with client_of(transport, rate=Adaptive(initial=10)) as client:
            for _ in range(30):
                await client.attempt(call)
            rates.append(client.pace.rate)

    assert rates[0] == 10
    assert rates[1] is not None
    assert rates[1] > 12
