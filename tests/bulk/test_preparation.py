"""`BulkJob.prepare`: the input is read once, before the start, and nothing is kept of a job that is not started."""

import pytest

from airmeet_async import AirmeetClient, Attendee, ConfigError, JournalError
from airmeet_async.sandbox import Faults, community
from airmeet_async.testing import SandboxTransport
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.worlds import world_of

EVENT = community.SUMMIT


@pytest.fixture
def world():
    return world_of()


@pytest.fixture
async def client(world):
    transport = SandboxTransport(world, Faults.parse(""))
    async with AirmeetClient(SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, transport=transport) as client:
        yield client


@pytest.fixture
def add(client, tmp_path):
    def made(*names, file="people.csv", journal=tmp_path / "x.job"):
        rows = "".join(f"{name}@example.com,Ada,Ay\n" for name in names)
        text = f"email,first_name,last_name\n{rows}"
        if not (tmp_path / file).exists() or (tmp_path / file).read_text() != text:
            (tmp_path / file).write_text(text)
        return client.bulk.add_attendees(EVENT, tmp_path / file, send_email_invite=True, journal=journal)

    return made


@pytest.mark.parametrize("keeps", [True, False])
async def test_what_was_prepared_is_sent_although_the_file_has_changed(world, client, add, tmp_path, keeps):
    job = add("a", "b", journal=tmp_path / "x.job" if keeps else None)
    plan = await job.prepare()
    (tmp_path / "people.csv").write_text("email,first_name,last_name\nz@example.com,Ada,Ay\n")
    report = await job

    assert (plan.ready, report.succeeded, world.statistics().mails) == (2, 2, 2)
    assert {person.email for person in world.people(EVENT)} >= {"a@example.com", "b@example.com"}


async def test_the_plan_knows_what_earlier_runs_have_done(add):
    await add("a", "b")
    plan = await (job := add("a", "b", "c")).prepare()
    await job.discard()

    assert (plan.ready, plan.done_before, plan.invitations, plan.rows) == (1, 2, 1, 3)


async def test_a_job_that_is_not_started_leaves_no_list(world, client, add, tmp_path):
    job = add("a")
    await job.prepare()
    await job.discard()

    with pytest.raises(Exception, match="its input was not read completely"):
        await client.bulk.resume(tmp_path / "x.job")
    assert world.statistics().mails == 0


async def test_a_list_that_was_prepared_before_a_crash_is_started_by_the_same_call_and_by_no_resume(
    world, client, add, tmp_path
):
    """Whoever has prepared it may have been about to say no."""
    await add("a", "b").prepare()

    for job in (client.bulk.resume(tmp_path / "x.job"), client.bulk.retry(tmp_path / "x.job")):
        with pytest.raises(JournalError, match=r"was prepared and never started, so nothing was sent.*the same call"):
            await job
    mails = world.statistics().mails
    report = await add("a", "b")

    assert (mails, report.succeeded) == (0, 2)


async def test_the_list_that_was_confirmed_is_sent_and_no_other_one(world, client, add):
    """While a question was open, others have prepared the same list, and a list that took its number."""
    job = add("a", "b")
    await job.prepare()
    other = add("a", "b")
    await other.prepare()
    await other.discard()
    third = add("q", file="q.csv")
    await third.prepare()
    report = await job

    assert report.succeeded == 2
    assert "q@example.com" not in {person.email for person in world.people(EVENT)}
    await third.discard()


async def test_a_journal_that_was_removed_meanwhile_is_filled_again(add, tmp_path):
    job = add("a", "b")
    await job.prepare()
    (tmp_path / "x.job").unlink()

    assert (await job).succeeded == 2


@pytest.mark.parametrize("with_journal", [True, False])
async def test_an_iterator_cannot_be_sent_once_more_with_a_journal(world, client, tmp_path, with_journal):
    """Nothing would say who was sent once more before a stop. Without a journal nobody is left out anyway."""
    people = (Attendee(f"{name}@example.com", "Ada", "Ay") for name in "ab")
    journal = tmp_path / "x.job" if with_journal else None
    job = client.bulk.add_attendees(EVENT, people, send_email_invite=True, journal=journal, again=True)
    if not with_journal:
        assert (await job).succeeded == 2
        return
    with pytest.raises(ConfigError, match=r"again=True .* Pass a list or a file \(nothing was sent\)"):
        await job

    assert world.statistics().mails == 0
    assert not (tmp_path / "x.job").exists()
    assert len(list(people)) == 2


async def test_a_list_is_sent_once_more_with_a_journal(world, client, tmp_path):
    people = [Attendee("a@example.com", "Ada", "Ay")]
    reports = [
        await client.bulk.add_attendees(EVENT, people, send_email_invite=True, journal=tmp_path / "x.job", again=again)
        for again in (False, False, True)
    ]

    assert [report.attempts for report in reports] == [1, 0, 1]


async def test_this_machine_has_one_name_for_a_journal(world, tmp_path):
    people, reports = [Attendee("a@example.com", "Ada", "Ay")], []
    for host in ("localhost", "127.0.0.1", "[::1]"):
        transport = SandboxTransport(world, Faults.parse(""))
        async with AirmeetClient(
            SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, base_url=f"http://{host}:8000/prod", transport=transport
        ) as client:
            reports.append(
                await client.bulk.add_attendees(EVENT, people, send_email_invite=True, journal=tmp_path / "x.job")
            )

    assert [report.attempts for report in reports] == [1, 0, 0]
