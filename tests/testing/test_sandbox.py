"""`Sandbox`: what a test stages happens, and what it looks up is true. Each on virtual time, in this process."""

import itertools
import threading

import anyio
import anyio.from_thread
import pytest

from airmeet_async import (
    AirmeetClient,
    Attendee,
    ClientStateError,
    CredentialsError,
    NoReplyError,
    Retry,
    ServerError,
    Timeouts,
)
from airmeet_async.testing import Sandbox, VirtualTimeLoop

ADA = Attendee("ada@example.com", "Ada", "Lovelace")
BOB = Attendee("bob@example.com", "Bob", "Babbage")


@pytest.fixture
def airmeet(airmeet_sandbox: Sandbox) -> Sandbox:
    return airmeet_sandbox


@pytest.fixture
def client(airmeet_client: AirmeetClient) -> AirmeetClient:
    return airmeet_client


async def add(airmeet, client, person=ADA, event=None, invite=False):
    return await client.attendees.add(event or airmeet.event_id, person, send_email_invite=invite)


def operations(airmeet):
    return [one.operation for one in airmeet.requests if one.operation != "auth"]


async def test_requests_fail_as_often_as_was_said(airmeet, client):
    """Then they go well again; the wait that was asked for is kept."""
    airmeet.fail_next(429, times=3, retry_after=2)
    await add(airmeet, client)

    times = [one.at for one in airmeet.requests if one.operation == "attendees.add"]
    assert [round(later - earlier) for earlier, later in itertools.pairwise(times)] == [2, 2, 2]
    assert operations(airmeet) == ["attendees.add"] * 4
    assert len(airmeet.registrations()) == 1


async def test_faults_of_several_calls_come_one_after_the_other(airmeet):
    client = airmeet.client(retry=Retry(attempts=1))
    airmeet.fail_next(500)
    airmeet.fail_next(504, operation="airmeets.info")
    airmeet.fail_next(502)
    statuses = []
    for _ in range(3):
        with pytest.raises(ServerError) as caught:
            await client.airmeets.info(airmeet.event_id)
        statuses.append(caught.value.status)

    assert statuses == [500, 504, 502]
    assert (await client.airmeets.info(airmeet.event_id)).name == "Spring Summit"


async def test_a_fault_is_bound_to_an_operation_or_a_person(airmeet, client):
    airmeet.fail_next("drop", operation="attendees.block")
    airmeet.fail_next(429, body="bob@example.com")
    await add(airmeet, client)
    assert operations(airmeet) == ["attendees.add"]

    await add(airmeet, client, BOB)
    await client.attendees.block(airmeet.event_id, BOB.email)
    assert operations(airmeet) == ["attendees.add"] * 3 + ["attendees.block"] * 2


async def test_a_fault_that_comes_after_the_work(airmeet, client):
    """The person is there, though the first answer was lost."""
    airmeet.fail_next("500-after")
    await add(airmeet, client)

    assert airmeet.person(ADA.email).adds == 2


async def test_a_hang_ends_with_the_clients_timeout(airmeet):
    client = airmeet.client(timeouts=Timeouts(total=3.0), retry=Retry(attempts=1))
    airmeet.fail_next("hang")
    with pytest.raises(NoReplyError):
        await client.airmeets.info(airmeet.event_id)

    assert 3 <= anyio.current_time() < 3.1


async def test_tokens_expire_and_keys_are_revoked(airmeet, client):
    await add(airmeet, client)
    airmeet.expire_tokens()
    await add(airmeet, client)
    assert [one.operation for one in airmeet.requests].count("auth") == 2

    airmeet.revoke_keys()
    with pytest.raises(CredentialsError):
        await airmeet.client().airmeets.info(airmeet.event_id)


async def test_who_is_there_mailed_and_blocked(airmeet, client):
    access = await add(airmeet, client, invite=True)
    await add(airmeet, client, BOB)
    await client.attendees.block(airmeet.event_id, BOB.email)

    assert [person.email for person in airmeet.registrations()] == [ADA.email, BOB.email]
    assert airmeet.person("ADA@example.com").entry_link == access.entry_link
    assert (airmeet.mails(ADA.email), airmeet.mails(BOB.email), airmeet.mails("nobody@example.com")) == (1, 0, 0)
    assert airmeet.blocked() == [BOB.email]
    with pytest.raises(LookupError, match=r"nobody was added as eve@example\.com to Spring Summit"):
        airmeet.person("eve@example.com")


async def test_mails_of_one_event_and_of_all(airmeet, client):
    other = airmeet.add_event("Other")
    await add(airmeet, client, invite=True)
    await add(airmeet, client, event=other, invite=True)

    assert (airmeet.mails(ADA.email), airmeet.mails(ADA.email, other)) == (2, 1)


async def test_an_added_event_has_its_quota_and_its_fields(airmeet, client):
    event = airmeet.add_event("Workshop", quota=1)
    size = airmeet.add_custom_field("T-shirt size", event, options=["S", "M"], required=True)
    diet = airmeet.add_custom_field("Diet", event)
    rows = [
        {"email": "ada@example.com", "first_name": "Ada", "last_name": "L", "T-shirt size": "M", "Diet": "none"},
        {"email": "bob@example.com", "first_name": "Bob", "last_name": "B", "T-shirt size": "S"},
    ]
    flags = {"send_email_invite": False, "register_attendee": True}
    await client.bulk.add_attendees(event, rows[:1], **flags)
    report = await client.bulk.add_attendees(event, rows[1:], **flags)

    assert airmeet.event_ids["Workshop"] == event
    assert [field["isRequired"] for field in airmeet.world.events[event].custom_fields] == [True, False]
    answers = airmeet.person(ADA.email, event).details["customFieldMapping"]
    assert {answer["fieldId"]: answer["value"] for answer in answers} == {size: ["M"], diet: ["none"]}
    assert report.succeeded == 0  # the quota
    assert [person.email for person in airmeet.registrations(event)] == [ADA.email]
    with pytest.raises(LookupError, match="no event 'nowhere'"):
        airmeet.registrations("nowhere")


async def test_switches_are_set(airmeet, client):
    airmeet.set("replay_mails", True)
    airmeet.set("error_shape", "empty")
    airmeet.set("refused_timezones", {"Asia/Kolkata"})
    airmeet.set("not_ready_times", 2)
    await add(airmeet, client, invite=True)
    await add(airmeet, client, invite=True)

    assert airmeet.mails(ADA.email) == 2
    assert airmeet.world.switches.refused_timezones == {"Asia/Kolkata"}
    for wrong in [("replay_males", True), ("error_shape", "round"), ("not_ready_times", "many")]:
        with pytest.raises(ValueError, match=r"did you mean|the values of"):
            airmeet.set(*wrong)


@pytest.mark.parametrize("wrong", [{"fault": "fire"}, {"fault": 429, "operation": "tea"}, {"fault": 429, "times": 0}])
def test_a_fault_that_there_is_not_is_refused(airmeet, wrong):
    with pytest.raises(ValueError, match=r"fault|fire"):
        airmeet.fail_next(**wrong)


async def test_a_seed_decides_the_links():
    links = []
    for seed in (1, 1, 2):
        async with Sandbox(seed=seed) as airmeet:
            links.append((await add(airmeet, airmeet.client())).entry_link)

    assert links[0] == links[1] != links[2]


async def test_clients_are_closed_with_the_sandbox():
    async with Sandbox() as airmeet:
        client = airmeet.client()
    with pytest.raises(ClientStateError, match="closed"):
        await client.airmeets.info(airmeet.event_id)


def test_clients_are_closed_after_the_end_of_their_loop():
    """Also one whose sign-in was cut off."""
    with Sandbox(latency=60) as airmeet:
        client = airmeet.client()

        async def cut_off():
            with anyio.move_on_after(1):
                await client.airmeets.info(airmeet.event_id)

        anyio.run(cut_off, backend_options={"loop_factory": VirtualTimeLoop})
        assert "closed" not in repr(client)
    assert "closed" in repr(client)


def test_clients_are_closed_between_two_uses_of_their_loop():
    """As a plugin with one loop for all tests has it; the sign-in that was left behind is ended."""
    loop = VirtualTimeLoop()
    with Sandbox(latency=60) as airmeet:
        client = airmeet.client()

        async def cut_off():
            with anyio.move_on_after(1):
                await client.airmeets.info(airmeet.event_id)

        loop.run_until_complete(cut_off())
    assert "closed" in repr(client)
    loop.close()


async def test_clients_are_closed_by_a_plain_block_on_a_running_loop():
    """The sign-in that was left behind has been told to end."""
    with Sandbox(latency=60) as airmeet:
        client = airmeet.client()
        with anyio.move_on_after(1):
            await client.airmeets.info(airmeet.event_id)
    assert "closed" in repr(client)


@pytest.mark.slow
def test_clients_are_closed_while_their_loop_runs_in_another_thread():
    """As a web framework's test client has it."""
    with anyio.from_thread.start_blocking_portal() as portal:
        with Sandbox() as airmeet:
            client = airmeet.client()
            portal.call(client.airmeets.info, airmeet.event_id)
        assert "closed" in repr(client)


async def test_a_sandbox_is_not_served_by_itself(airmeet):
    with pytest.raises(RuntimeError, match="airmeet_server"):
        _ = airmeet.url


@pytest.mark.slow
def test_a_sandbox_is_served_and_stopped(airmeet):
    """To several clients, one after the other, with the faults of the test."""

    async def use():
        keys = airmeet.access_key, airmeet.secret_key
        async with AirmeetClient(*keys, base_url=airmeet.url) as client:
            await add(airmeet, client)

    with airmeet.serve():
        assert airmeet.environ["AIRMEET_URI"] == airmeet.url
        airmeet.fail_next("drop")
        anyio.run(use)
        anyio.run(use)
    assert operations(airmeet) == ["attendees.add"] * 3
    assert "airmeet-sandbox" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(RuntimeError, match="no address"):
        _ = airmeet.environ
