"""`retry=` and `timeout=` are taken by the client, by `with_options`, by each operation and by runs, and obeyed."""

import inspect
import math
from typing import Any
from uuid import UUID

import anyio
import pytest

from airmeet_async import (
    AirmeetError,
    Attendee,
    ConfigError,
    InputError,
    InvalidInputError,
    NoReplyError,
    NotSentError,
    Participant,
    Reply,
    Request,
    Retry,
    RowStatus,
    ServerError,
    calls,
)
from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.client.namespaces import Namespace
from tests.cases import case
from tests.support.worlds import EVENT, add, client_of, people, person, sends, transport_of


class Answers:
    """Answers all of one kind of request so, after a while, and counts them; the others with a token."""

    def __init__(self, status: int, *, auth: int = 200, seconds: float = 0.0) -> None:
        self.status, self.auth, self.seconds = status, auth, seconds
        self.asked = self.signed_in = 0

    async def exchange(self, request: Request) -> Reply:
        if request.target.endswith("/auth"):
            self.signed_in += 1
            return Reply(self.auth, {}, b'{"token": "t"}')
        self.asked += 1
        await anyio.sleep(self.seconds)
        return Reply(self.status)

    async def aclose(self) -> None:
        """Do nothing."""


def test_each_operation_takes_both():
    """Keyword-only, with a docstring."""
    for group in dir(AirmeetClient):
        space = getattr(AirmeetClient, group)
        if inspect.isclass(space) and issubclass(space, Namespace):
            for name, member in vars(space).items():
                if hasattr(member, "__wrapped__"):
                    with case(group, name):
                        parameters = inspect.signature(member).parameters
                        kinds = {parameters[one].kind for one in ("retry", "timeout")}
                        assert kinds == {inspect.Parameter.KEYWORD_ONLY}
                        assert "retry: " in member.__doc__
                        assert "timeout: " in member.__doc__


@pytest.mark.parametrize("where", ["client", "client, as a number", "with_options", "call", "builder", "send", "list"])
async def test_a_number_of_attempts_is_kept_to(where):
    """Wherever it is given; the nearest one counts."""
    transport = Answers(500)
    on_client = {"client": Retry(attempts=2), "client, as a number": 2}.get(where, 4)
    async with client_of(transport, retry=on_client) as client:
        with pytest.raises(ServerError):
            match where:
                case "with_options":
                    await client.with_options(retry=2).airmeets.info(EVENT)
                case "call":
                    await client.airmeets.info(EVENT, retry=2)
                case "builder":
                    await client.send(calls.get_airmeet(EVENT, retry=Retry(attempts=2)))
                case "send":
                    await client.send(calls.get_airmeet(EVENT, retry=3), retry=2)
                case "list":
                    await client.participants.list(EVENT, retry=2)
                case _:
                    await client.airmeets.info(EVENT)

    assert transport.asked == 2


async def test_a_sign_in_obeys_the_client():
    for retry, signed_in in ((Retry(attempts=2), 2), (None, 4)):
        with case(retry):
            transport = Answers(200, auth=500)
            async with client_of(transport, retry=retry) as client:
                with pytest.raises(AirmeetError):
                    await client.airmeets.info(EVENT)

            assert transport.signed_in == signed_in


@pytest.mark.parametrize("where", ["client", "with_options", "run, as a number", "run"])
async def test_a_run_obeys_a_number_of_attempts(where):
    """Of the client, else its own."""
    transport = Answers(500)
    client_retry = Retry(attempts=2) if where == "client" else None
    wanted: dict[str, Any] = {"run": Retry(attempts=2, base=0.1), "run, as a number": 2}
    own: Any = {"retry": wanted[where]} if where in wanted else {}
    async with client_of(transport, retry=client_retry) as client:
        used = client.with_options(retry=2) if where == "with_options" else client
        report = await used.bulk.run(
            [person()], lambda one: calls.add_attendee(EVENT, one, send_email_invite=False), rate=None, **own
        )

    assert (transport.asked, report.attempts) == (2, 2)


@pytest.mark.parametrize("where", ["client", "with_options", "call", "list"])
async def test_a_timeout_ends_a_call_with_its_retries(where):
    transport = Answers(200, seconds=100)
    async with client_of(transport, timeout=3 if where == "client" else None) as client:
        started = anyio.current_time()
        with pytest.raises(NoReplyError, match="within 3 s"):
            match where:
                case "with_options":
                    await client.with_options(timeout=3).airmeets.info(EVENT)
                case "call":
                    await client.airmeets.info(EVENT, timeout=3)
                case "list":
                    await client.booths.list(EVENT, timeout=3.0)
                case _:
                    await client.airmeets.info(EVENT)

        assert anyio.current_time() - started == pytest.approx(3)


async def test_a_timeout_of_a_client_can_be_lifted():
    async with client_of(transport_of(latency=5), timeout=3) as client:
        assert (await client.airmeets.info(EVENT, timeout=math.inf)).id == EVENT


async def test_a_row_ends_when_its_time_is_over():
    """Within a request as well as between two; the others go on."""
    slow = transport_of()
    exchange = slow.exchange

    async def hang(request: Request) -> Reply:
        if b"person-1@" in request.body:
            await anyio.sleep(1000)
        return await exchange(request)

    slow.exchange = hang  # type: ignore[method-assign]
    async with client_of(slow) as client:
        report = await add(client, people(30), timeout=10, retry=9)
    (row,) = report.failed
    assert (row.key, row.status, row.http_status) == ("person-1@example.com", RowStatus.UNKNOWN, None)
    assert row.latency_s == pytest.approx(10, abs=0.5)
    assert (report.succeeded, report.stop_reason) == (29, None)

    throttled = Answers(429)
    async with client_of(throttled) as client:
        report = await client.bulk.run([person()], lambda one: calls.block_attendee(EVENT, one), timeout=20)
    assert report.results
    (row,) = report.results
    assert (row.status, row.http_status) == (RowStatus.FAILED, 429)
    assert 0 < (row.latency_s or 0) <= 20


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"retry": 0}, "retry must be"),
        ({"retry": True}, "retry must be"),
        ({"retry": 2.5}, "retry must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": "5"}, "timeout must be"),
        ({"timeout": math.nan}, "timeout must be"),
        ({"timeouts": 5}, r"timeouts must be Timeouts.*; timeout= takes a number of seconds"),
    ],
)
async def test_what_cannot_be_one_is_refused_at_once(given, said):
    with pytest.raises(ConfigError, match=said):
        client_of(transport_of(), **given)
    if "timeouts" not in given:
        async with client_of(transport_of()) as client:
            for use in (
                client.with_options,
                lambda **one: client.airmeets.info(EVENT, **one),
                lambda **one: client.bulk.add_attendees(EVENT, [], send_email_invite=False, **one),
            ):
                with pytest.raises(ConfigError, match=said):
                    use(**given)


def test_a_fault_of_the_input_is_none_of_the_set_up():
    """It names the field and has a word for machines; whoever catches `InputError` has it, too."""
    client = client_of(transport_of())
    ada = Attendee("ada@example.com", "Ada", "Ay")

    def add_one(attendee: Any) -> Any:
        return client.attendees.add(EVENT, attendee, send_email_invite=False)

    for use, field, code in [
        (lambda: client.attendees.block(EVENT, "ada"), "email", "invalid_email"),
        (lambda: client.attendees.block("..", ada), "airmeet_id", "invalid_id"),
        (lambda: client.attendees.block(EVENT, 7), "email", "invalid_email"),  # type: ignore[arg-type]
        (lambda: add_one(Attendee("ada@example.com", "", "Ay")), "first_name", "missing_field"),
        (lambda: add_one(Attendee("ada@", "A", "Ay")), "email", "invalid_email"),
        (lambda: add_one("ada@example.com"), "attendee", "invalid"),
        (lambda: client.airmeets.list(size=0), "size", "out_of_range"),
        (lambda: client.airmeets.set_status(EVENT, "OPEN"), "status", "invalid_choice"),
        (lambda: client.webhooks.register("trigger.airmeet.polls", "https://x.example", name="x"), "airmeet_id",
         "missing_field"),
        (lambda: client.bulk.add_attendees("no id!", [], send_email_invite=False), "airmeet_id", "invalid_id"),
    ]:  # fmt: skip
        with case(field, code):
            with pytest.raises(InvalidInputError) as caught:
                _ = use()
            assert (caught.value.field, caught.value.code) == (field, code)
            assert isinstance(caught.value, InputError)
            assert not isinstance(caught.value, ConfigError)


async def test_a_person_or_an_address_will_do_and_so_will_a_uuid():
    for who in ("ada@example.com", Attendee("ada@example.com", "A", "Ay"), Participant("ada@example.com")):
        with case(who):
            assert calls.block_attendee(EVENT, who) == calls.block_attendee(EVENT, "ada@example.com")
            assert calls.remove_attendee(EVENT, who).path["email"] == "ada@example.com"
    uuid = UUID(EVENT)
    assert calls.get_airmeet(uuid) == calls.get_airmeet(EVENT)
    transport = transport_of()
    async with client_of(transport) as client:
        report = await client.bulk.add_attendees(uuid, people(2), send_email_invite=False)
        blocked = await client.bulk.block_attendees(uuid, ["person-0@example.com"])

    assert (report.succeeded, blocked.succeeded, len(sends(transport))) == (2, 1, 2)


async def test_a_row_that_could_not_be_sent_in_its_time_ends_no_run():
    """That nobody was reached for it concerns this row alone."""
    transport = transport_of()
    exchange = transport.exchange

    async def lose(request: Request) -> Reply:
        if b"person-1@" in request.body:
            raise NotSentError("no way", reason="connect", host="x")
        return await exchange(request)

    transport.exchange = lose  # type: ignore[method-assign]
    async with client_of(transport) as client:
        report = await add(client, people(30), timeout=10)

    assert [(row.key, row.status) for row in report.failed] == [("person-1@example.com", RowStatus.FAILED)]
    assert (report.succeeded, report.stop_reason) == (29, None)
