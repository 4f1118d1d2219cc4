"""Which rows the next run of a journal sends again, and what the others have for a result: whole runs, virtual time."""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from airmeet_async import Attendee, BulkReport, NewBooth, Reply, Request, calls
from airmeet_async.bulk.journal.queries import read_results, read_summary
from airmeet_async.bulk.journal.recorded_rows import SENT_AS_IT_WAS
from airmeet_async.bulk.options import EventJournal
from airmeet_async.bulk.report import CHANGED, Invite, RowStatus
from airmeet_async.bulk.row import OutcomeState
from airmeet_async.errors import BulkStoppedError, JournalError, NoReplyError
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.models import Access
from airmeet_async.testing import SandboxTransport
from tests.support.bulk_runs import add_journaled, bodies, change, query, resume, spied, stopped_after
from tests.support.worlds import EVENT, add, client_of, people, sends, statuses, transport_of

S = RowStatus
ROWS = list(people(40))


async def hurried(transport: object, path: Path, *, invite: bool, width: int = 3, **options: Any) -> BulkReport:
    """Hurry a run of six people while requests are under way: they were carried out, and nobody has heard so."""
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(
            EVENT, ROWS[:6], send_email_invite=invite, journal=path, rate=None, max_in_flight=width, **options
        ) as job,
    ):
        await anyio.sleep(2.5)
        job.stop()
        job.hurry()
    return job.report


def make_stale(path: Path, n: int, ago: float) -> None:
    """Let so many rows that were not sent look as if they had been sent, *ago* seconds ago, without an answer."""
    change(
        path,
        "INSERT INTO outcome (entry, state, sent, done, unclear, run, touched) "
        "SELECT id, ?, 1, 0, 1, 1, ? FROM entry WHERE id NOT IN (SELECT entry FROM outcome) LIMIT ?",
        OutcomeState.IN_FLIGHT,
        time.time() - ago,
        n,
    )


async def test_rows_without_a_clear_answer_are_sent_again_by_the_next_run(path: Path) -> None:
    transport = transport_of(latency=1.0)
    first = await hurried(transport, path, invite=False)
    before = sends(transport)

    report = await resume(transport, path)

    assert first.counts[S.UNKNOWN] == 3
    assert report.all_done
    assert sum(sends(transport).values()) == sum(before.values()) + report.attempts
    assert sum(n == 2 for n in sends(transport).values()) == 3


async def test_of_rows_that_were_done_the_next_run_knows_link_attempts_and_status(path: Path) -> None:
    transport = transport_of()
    first = await add_journaled(transport, ROWS[:3], path)
    again = await add_journaled(transport, ROWS[:3], path)

    assert first.results is not None
    assert again.results is not None
    for before, after in zip(first.results, again.results, strict=True):
        assert (before.from_earlier_run, after.from_earlier_run) == (False, True)
        assert after.entry_link == before.entry_link
        assert (after.status, after.attempts, after.http_status, after.row) == (S.SUCCEEDED, 1, 200, before.row)


@pytest.mark.parametrize("ago", [90_000, -90_000])
async def test_unclear_rows_of_long_ago_wait_for_a_word(path: Path, ago: float) -> None:
    """A second add would let somebody in who was blocked meanwhile; a clock that was set back proves nothing."""
    transport = transport_of()
    await stopped_after(20, transport, ROWS, path)
    make_stale(path, 3, ago)

    held = await resume(transport, path)
    sent = await resume(transport, path, accept_stale=True)

    assert held.counts[S.UNKNOWN] == 3
    assert held.results is not None
    assert sum("accept_stale" in str(result.error) for result in held.results) == 3
    assert not held.all_done
    assert held.resumable
    assert sent.counts[S.SUCCEEDED] - sent.earlier_counts[S.SUCCEEDED] == 3
    assert sent.all_done


async def test_a_retry_touches_only_what_it_names(path: Path) -> None:
    """Neither rows that were never sent, nor those that were sent long ago without an answer."""
    transport = transport_of("422@2")
    await stopped_after(20, transport, ROWS, path, max_in_flight=1)
    make_stale(path, 2, 90_000)
    left = len(ROWS) - len(sends(transport)) - 2

    async with client_of(transport) as client:
        report = await client.bulk.retry(path, again=["rejected"], rate=None)

    assert report.attempts == 1
    assert report.counts[S.UNKNOWN] == 2
    assert report.counts[S.UNPROCESSED] == left > 0
    assert report.counts[S.SUCCEEDED] == len(ROWS) - left - 2


async def test_an_invitation_is_asked_for_once(path: Path) -> None:
    """After an unclear outcome the row is sent without it, and listed; a 429 did nothing, so the mail is asked for."""
    transport = transport_of()
    exchange = transport.exchange
    lost, broken, throttled = (f"person-{number}@example.com" for number in (2, 5, 8))
    first: dict[str, int | None] = {lost: None, broken: 500, throttled: 429}

    async def odd(request: Request) -> Reply | None:
        email = next((email for email in first if email.encode() in request.body), None)
        if email is None:
            return None
        if (status := first.pop(email)) is None:
            await exchange(request)
            raise NoReplyError("the connection broke", reason="reset")
        return Reply(status, {"retry-after": "1"}, b"")

    seen = bodies(spied(transport, odd))
    report = await add_journaled(transport, ROWS[:10], path, send_email_invite=True, max_in_flight=1)

    asked = Counter(body["email"] for body in seen if body.get("sendEmailInvite"))
    assert statuses(report) == {S.SUCCEEDED: 10}
    assert asked == Counter(person.email for person in ROWS[:10]) + Counter([throttled])
    assert report.results is not None
    unverified = {result.key for result in report.results if result.invite is Invite.UNVERIFIED}
    assert unverified == {lost, broken}
    assert report.unverified == 2
    assert sum(result.invite is Invite.ASKED for result in report.results) == 8


async def test_invitations_can_be_sent_on_purpose(path: Path) -> None:
    """A retry of those that nobody is sure of asks for the mail again, and for no others."""
    transport = transport_of("500@2")
    await add_journaled(transport, ROWS[:10], path, send_email_invite=True, max_in_flight=1)
    seen = bodies(transport)

    async with client_of(transport) as client:
        report = await client.bulk.retry(path, again=["invites"])

    assert [body["sendEmailInvite"] for body in seen if "email" in body] == [True]
    assert statuses(report) == {S.SUCCEEDED: 10}
    assert report.earlier_counts[S.SUCCEEDED] == 9
    assert report.unverified == 0


async def test_at_least_once_asks_again(path: Path) -> None:
    transport = transport_of("drop-after@2")
    seen = bodies(transport)

    report = await add_journaled(
        transport, ROWS[:5], path, send_email_invite=True, invites="at_least_once", max_in_flight=1
    )

    assert sum(body.get("sendEmailInvite", False) for body in seen) == 6
    assert report.results is not None
    assert {result.invite for result in report.results} == {Invite.ASKED}


@pytest.mark.parametrize("again", [None, ("failed",)])
async def test_a_plan_says_that_at_least_once_may_mail_twice(path: Path, again: Any) -> None:
    transport = transport_of(latency=1.0)
    seen = bodies(transport)
    first = await hurried(transport, path, invite=True, invites="at_least_once")
    unclear = first.counts[S.UNKNOWN]
    before = len(seen)
    async with client_of(transport) as client:
        job = client.bulk.resume(path, rate=None) if again is None else client.bulk.retry(path, again=again, rate=None)
        plan = await job.prepare()
        await job

    assert unclear
    assert (plan.unclear, plan.may_mail_twice) == (unclear, True)
    assert plan.invitations == sum(body.get("sendEmailInvite", False) for body in seen[before:])


@pytest.mark.parametrize("again", [(), ("failed",)])
async def test_a_row_that_is_unknown_is_sent_again_without_its_mail(path: Path, again: tuple[str, ...]) -> None:
    """An add may be repeated, its invitation may not: only `invites` does that."""
    transport = transport_of(latency=1.0)
    seen = bodies(transport)
    first = await hurried(transport, path, invite=True)
    unclear = first.counts[S.UNKNOWN]
    async with client_of(transport) as client:
        await client.bulk.retry(path, again=again, rate=None)  # type: ignore[arg-type]
        report = await client.bulk.resume(path, rate=None)

    asked = Counter(body["email"] for body in seen if body.get("sendEmailInvite"))
    assert unclear == 3
    assert report.all_done
    assert set(asked.values()) == {1}
    assert report.unverified == unclear


async def test_refused_rows_keep_their_result_until_a_retry(path: Path) -> None:
    transport = transport_of("422@2+5")
    first = await add_journaled(transport, ROWS[:10], path, max_in_flight=1, max_failures=10)
    again = await resume(transport, path)
    async with client_of(transport) as client:
        retried = await client.bulk.retry(path, again=["rejected"])

    assert statuses(first) == statuses(again) == {S.SUCCEEDED: 5, S.REJECTED: 5}
    assert again.earlier_counts[S.REJECTED] == 5
    assert again.attempts == 0
    assert retried.all_done
    assert retried.earlier_counts[S.SUCCEEDED] == 5


async def test_what_must_not_be_repeated_stays_unknown(path: Path) -> None:
    """A booth whose outcome is unclear, and which its event does not have, is sent again only if somebody says so."""
    transport = transport_of("500@2:on=booths.create")
    booths = [{"name": f"Booth {number}"} for number in range(4)]
    async with client_of(transport) as client:
        first = await client.bulk.create_booths(EVENT, booths, journal=path, rate=None, max_in_flight=1)
        again = await client.bulk.resume(path)
        failed = await client.bulk.retry(path)
        retried = await client.bulk.retry(path, again=["unknown"])

    assert first.counts[S.UNKNOWN] == again.counts[S.UNKNOWN] == failed.counts[S.UNKNOWN] == 1
    assert again.attempts == failed.attempts == 0
    assert retried.all_done
    assert retried.attempts == 1


async def test_what_its_event_has_is_done_although_nobody_knew(path: Path) -> None:
    """A booth without a clear answer that is there is made once, also where somebody wants it to be sent again."""
    transport = transport_of("drop-after@2:on=booths.create")
    booths = [NewBooth(name=f"Booth {number}") for number in range(4)]
    async with client_of(transport) as client:
        first = await client.bulk.create_booths(EVENT, booths, journal=path, rate=None, max_in_flight=1)
        plan = await (job := client.bulk.retry(path, again=["unknown"])).prepare()
        retried = await job
        there = await client.booths.list(EVENT)

    assert (first.counts[S.UNKNOWN], plan.ready, retried.attempts, retried.all_done) == (1, 0, 0, True)
    assert retried.counts[S.SUCCEEDED] == len(there) == 4


async def test_a_resumed_import_makes_nothing_that_was_made_elsewhere(path: Path, tmp_path: Path) -> None:
    """The event is asked again; and what is deleted there is not taken for there for good."""
    transport = transport_of()
    booths = [NewBooth(name=f"Booth {number}", tags=["big"]) for number in range(4)]
    async with client_of(transport) as client:
        job = client.bulk.create_booths(EVENT, booths, journal=path, rate=None, max_in_flight=1)
        async with job:
            async for _ in job:
                break
        await client.bulk.create_booths(EVENT, booths, journal=tmp_path / "elsewhere.job", rate=None)
        resumed = await client.bulk.resume(path)
        n = len(await client.booths.list(EVENT))
        del transport.world.events[EVENT].booths[-1]
        last = await client.bulk.resume(path)

    assert (resumed.attempts, resumed.counts[S.UNKNOWN], n) == (0, 0, 4)
    assert resumed.existing == resumed.counts[S.DUPLICATE] > 0
    assert (last.attempts, last.counts[S.DUPLICATE]) == (1, resumed.counts[S.DUPLICATE] - 1)


async def test_a_file_that_has_not_changed_is_not_read_into_the_journal_again(path: Path, tmp_path: Path) -> None:
    """It is the same list; an edited one, or the same one read in another way, is another."""
    transport, file = transport_of(), tmp_path / "people.csv"
    file.write_text("email,first_name,last_name,second\na@example.com,A,B,C\nb@example.com,A,B,C\n")
    lists = []

    for given in ({}, {}, {"columns": {"last_name": "second"}}):
        await add_journaled(transport, file, path, **given)
        lists.append(query(path, "SELECT MAX(id) FROM list")[0][0])
    file.write_text(file.read_text() + "c@example.com,A,B,C\n")
    edited = await add_journaled(transport, file, path)

    assert lists[0] == lists[1] < lists[2] < query(path, "SELECT MAX(id) FROM list")[0][0]
    assert edited.earlier_counts[S.SUCCEEDED] == 2
    assert sends(transport) == {f"{name}@example.com": 1 for name in "abc"}


@pytest.mark.parametrize("journaled", [True, False])
async def test_calls_of_ones_own_ask_for_each_mail_once(path: Path, *, journaled: bool) -> None:
    """A reply of 500 says nothing, so the call is repeated, and the mail is not."""
    answers = iter([None, Reply(500, {"content-type": "application/json"}, b"{}")])

    async def odd(request: Request) -> Reply | None:
        if not request.body or b"email" not in request.body:
            return None
        await exchange(request)
        return next(answers, None)

    transport = transport_of()
    exchange = transport.exchange
    sent = bodies(spied(transport, odd))
    async with client_of(transport) as client:
        report = await client.bulk.run(
            ROWS[:3],
            lambda one: calls.add_attendee(EVENT, one, send_email_invite=True),
            journal=path if journaled else None,
            key=lambda one: one.email,
            rate=None,
        )

    asked = Counter(body["email"] for body in sent if body.get("sendEmailInvite"))
    assert asked == {one.email: 1 for one in ROWS[:3]}
    assert sum("email" in body for body in sent) == 4
    assert Counter(result.invite for result in report.results or ()) == {Invite.ASKED: 2, Invite.UNVERIFIED: 1}


def _add(mails: bool, one: Attendee) -> Call[Access]:
    return calls.add_attendee(EVENT, one, send_email_invite=mails)


async def test_of_calls_of_ones_own_only_the_mail_that_is_missing_is_asked_for(path: Path) -> None:
    transport = transport_of()
    reports = []
    async with client_of(transport) as client:
        for mails in (False, True, True, False):
            sent = bodies(transport)
            report = await client.bulk.run(
                ROWS[:3],
                partial(_add, mails),
                journal=path,
                key=lambda one: one.email,
                rate=None,
            )
            reports.append((report.counts[S.SUCCEEDED], sum("email" in body for body in sent)))

    assert reports == [(3, 3), (3, 3), (3, 0), (3, 0)]


@pytest.mark.parametrize("status", [422, 429])
async def test_what_another_list_asked_for_besides_does_not_undo_what_is_done(path: Path, status: int) -> None:
    """Refused, or not sent, with an invitation; the list without invitations stays done, and nobody is sent again."""
    refusing = False

    async def odd(request: Request) -> Reply | None:
        if refusing and b"person-2@" in (request.body or b""):
            return Reply(status, {"content-type": "application/json", "retry-after": "50"}, b'{"message":"refused"}')
        return None

    transport = spied(transport_of(), odd)
    await add_journaled(transport, ROWS[:4], path)
    refusing = True
    async with client_of(transport) as client, add(client, ROWS[:4], send_email_invite=True, journal=path) as job:
        await anyio.sleep(5)
        job.stop()
    refusing = False
    before = sends(transport)

    report = await add_journaled(transport, ROWS[:4], path)

    assert statuses(report) == {S.SUCCEEDED: 4}
    assert report.results is not None
    assert all(result.error is None and result.entry_link and result.from_earlier_run for result in report.results)
    assert report.results[2].http_status in {None, 200}
    assert sends(transport) == before
    assert [result.status for result in read_results(path)] == [S.SUCCEEDED] * 4
    assert read_summary(path).counts["succeeded"] == 4
    mailed = await add_journaled(transport, ROWS[:4], path, send_email_invite=True)
    assert mailed.counts[S.SUCCEEDED] == (3 if status == 422 else 4)


async def test_the_times_of_a_list_stay_in_their_zone(path: Path) -> None:
    """Else each session would be made once more, at another hour."""
    sessions = [{"title": "Opening", "start": "2026-03-01 10:00", "host_email": "host@example.com"}]
    async with client_of(transport_of()) as client:
        await client.bulk.create_sessions(EVENT, sessions, timezone="Europe/Paris", journal=path, rate=None)
        with pytest.raises(JournalError, match="started with timezone=Europe/Paris, not UTC"):
            await client.bulk.create_sessions(EVENT, sessions, timezone="UTC", journal=path, rate=None)


async def test_a_source_that_is_read_again_takes_the_place_of_what_was_read_before_at_its_end(path: Path) -> None:
    """Until its first row has come, what an earlier run has not sent is still there."""
    transport = transport_of()
    await stopped_after(3, transport, iter(ROWS), path, max_in_flight=1)
    copy = path.with_name("copy.job")

    def source() -> Iterator[Attendee]:
        shutil.copy(path, copy)
        yield from ROWS

    early = await add_journaled(transport, source(), path)
    assert statuses(early) == {S.SUCCEEDED: len(ROWS)}
    report = await resume(transport_of(), copy)

    assert report.rows_read >= 3
    assert report.all_done
    assert len(query(path, "SELECT id FROM list")) == 1


async def test_again_sends_all_rows_once_more_with_their_mails(path: Path) -> None:
    transport = transport_of()
    await add_journaled(transport, ROWS[:4], path, send_email_invite=True)
    seen = bodies(transport)
    report = await add_journaled(transport, ROWS[:4], path, send_email_invite=True, again=True)
    same = await add_journaled(transport, ROWS[:4], path, send_email_invite=True)

    assert statuses(report) == statuses(same) == {S.SUCCEEDED: 4}
    assert Counter(body["email"] for body in seen if body.get("sendEmailInvite")) == {row.email: 1 for row in ROWS[:4]}
    assert (report.earlier_counts[S.SUCCEEDED], same.earlier_counts[S.SUCCEEDED]) == (0, 4)


async def mailed_and_stopped_again(path: Path) -> SandboxTransport:
    """Six people were mailed, and a run that sends them once more was stopped after the first one."""
    transport = transport_of()
    await add_journaled(transport, ROWS[:6], path, send_email_invite=True)
    async with (
        client_of(transport) as client,
        add(client, ROWS[:6], send_email_invite=True, journal=path, again=True, rate=5, max_in_flight=1) as job,
    ):
        async for _ in job:
            break
    return transport


async def test_again_after_a_stop_goes_on_with_those_who_wait(path: Path) -> None:
    transport = await mailed_and_stopped_again(path)
    seen = bodies(transport)
    async with client_of(transport) as client:
        plan_job = add(client, ROWS[:6], send_email_invite=True, journal=path, again=True)
        plan = await plan_job.prepare()
        await plan_job
    mailed = [body["email"] for body in seen if body.get("sendEmailInvite")]

    assert 0 < len(mailed) < 6
    assert (plan.again, plan.done_before, plan.invitations) == (len(mailed), 6 - len(mailed), len(mailed))


async def test_a_correction_of_a_row_that_was_under_way_is_not_sent_and_the_results_say_so(path: Path) -> None:
    """What was sent may have been done, so it is sent again as it was: live, in the journal and in the counts."""
    transport = transport_of(latency=1.0)
    await hurried(transport, path, invite=False)
    unclear = [result.index for result in read_results(path) if result.status is S.UNKNOWN]
    corrected = [
        Attendee(one.email, "Corrected", one.last_name) if index in unclear[:2] else one
        for index, one in enumerate(ROWS[:6])
    ]

    async with client_of(transport) as client:
        job = add(client, corrected, journal=path, rate=None)
        report = await job

    assert statuses(report) == {S.SUCCEEDED: 6}
    assert job.earlier is not None
    assert (job.earlier.held_back, job.earlier.updated) == (2, 0)
    assert report.results is not None
    for results in (report.results, [*read_results(path)]):
        told = {result.index for result in results if CHANGED in result.warnings}
        assert told == set(unclear[:2])
    assert "the change was not sent" in CHANGED
    assert report.changed == read_summary(path).changed_rows == 2
    assert all(one.details["firstName"] == "Ada" for one in transport.world.people(EVENT))


async def test_a_correction_of_a_row_that_was_certainly_not_done_is_sent(path: Path) -> None:
    """It was refused, or never sent: then nothing of it is held back."""
    transport = transport_of("422@1")
    await add_journaled(transport, ROWS[:3], path)
    corrected = [Attendee(ROWS[0].email, "Corrected", "Once"), *ROWS[1:3]]

    report = await add_journaled(transport, corrected, path)

    assert report.results is not None
    assert (report.changed, [result.warnings for result in report.results]) == (0, [(), (), ()])
    assert "Corrected" in {one.details["firstName"] for one in transport.world.people(EVENT)}


async def test_a_correction_of_a_row_that_is_unclear_again_is_told_too(path: Path) -> None:
    transport = transport_of(latency=1.0)
    await hurried(transport, path, invite=False)
    unclear = next(result.index for result in read_results(path) if result.status is S.UNKNOWN)
    rows = [*ROWS[:6]]
    rows[unclear] = Attendee(rows[unclear].email, "Corrected", "Once")

    lost = transport_of("drop@1+1000:on=attendees.add")
    with pytest.raises(BulkStoppedError) as caught:
        await add_journaled(lost, rows, path)

    assert caught.value.report.results is not None
    for results in (caught.value.report.results, [*read_results(path)]):
        assert (results[unclear].status, results[unclear].warnings) == (S.UNKNOWN, (SENT_AS_IT_WAS,))


async def test_who_is_blocked_between_the_plan_and_the_start_is_left_out(tmp_path: Path) -> None:
    transport = transport_of()
    paths = [tmp_path / name for name in ("add.job", "block.job", "unblock.job")]
    journal = EventJournal(paths[0], block=paths[1], unblock=paths[2])
    async with client_of(transport) as client:
        job = add(client, ROWS[:4], journal=journal)
        plan = await job.prepare()
        await client.bulk.block_attendees(EVENT, [ROWS[1]], journal=paths[1])
        report = await job
        resumed = await client.bulk.resume(journal)
        await client.bulk.unblock_attendees(EVENT, [ROWS[1]], journal=paths[2])
        let_in = await client.bulk.resume(journal)

    assert (plan.ready, plan.blocked) == (4, 0)
    assert statuses(report) == statuses(resumed) == {S.SUCCEEDED: 3, S.INVALID: 1}
    assert statuses(let_in) == {S.SUCCEEDED: 4}


def people_in(seen: list[dict[str, object]]) -> list[object]:
    return [body["email"] for body in seen if "email" in body]


def mails(seen: list[dict[str, object]]) -> dict[object, int]:
    return Counter(body["email"] for body in seen if body.get("sendEmailInvite"))


async def test_again_without_a_mail_does_not_forget_who_was_mailed(path: Path) -> None:
    transport = transport_of()
    seen = bodies(transport)
    await add_journaled(transport, ROWS[:4], path, send_email_invite=True)
    await add_journaled(transport, ROWS[1:3], path, send_email_invite=False, again=True)
    summary = read_summary(path, 1)
    report = await add_journaled(transport, ROWS[:4], path, send_email_invite=True)

    assert len(people_in(seen)) == 6
    assert (summary.counts["succeeded"], summary.left) == (4, 0)
    assert statuses(report) == {S.SUCCEEDED: 4}
    assert mails(seen) == {row.email: 1 for row in ROWS[:4]}


async def test_an_again_that_was_stopped_is_a_matter_of_its_own_list(path: Path) -> None:
    """Others find what was done, also under another wish; and what another list sends once more is sent all of it."""
    transport = transport_of()
    rows, few = ROWS[:12], [*ROWS[:3], *ROWS[9:12]]
    await add_journaled(transport, rows, path, send_email_invite=True)
    async with (
        client_of(transport) as client,
        add(client, rows, send_email_invite=True, journal=path, again=True, rate=5, max_in_flight=1) as job,
    ):
        async for _ in job:
            break
    seen = bodies(transport)
    async with client_of(transport) as client:
        plan = await add(client, few, send_email_invite=False, journal=path).prepare()
    plain = await add_journaled(transport, rows, path, send_email_invite=False)
    assert (plan.done_before, plan.again) == (6, 0)
    assert (statuses(plain), people_in(seen)) == ({S.SUCCEEDED: 12}, [])

    left = read_summary(path, 2).left
    assert left == 11
    await add_journaled(transport, few, path, send_email_invite=False, again=True)
    assert (len(people_in(seen)), mails(seen)) == (6, {})
    assert read_summary(path, 2).left == 6

    await add_journaled(transport, rows, path, send_email_invite=True)
    assert (len(people_in(seen)) - 6, set(mails(seen).values())) == (6, {1})


async def test_an_edited_list_goes_on_with_an_again_that_was_stopped(path: Path) -> None:
    transport = await mailed_and_stopped_again(path)
    left = read_summary(path).left
    seen = bodies(transport)
    await add_journaled(transport, ROWS[:7], path, send_email_invite=True, again=True)

    assert 0 < left < 6
    assert len(mails(seen)) == len(people_in(seen)) == left + 1


@pytest.mark.parametrize("kind", [list, iter])
async def test_people_are_blocked_and_unblocked_each_time(tmp_path: Path, kind: Any) -> None:
    transport = transport_of()
    await add_journaled(transport, ROWS[:3], tmp_path / "add.job")
    sent = []
    async with client_of(transport) as client:
        for _ in range(2):
            block = client.bulk.block_attendees(EVENT, kind(ROWS[:3]), journal=tmp_path / "block.job")
            if kind is list:
                assert (await block.prepare()).ready == 3
            unblock = client.bulk.unblock_attendees(EVENT, kind(ROWS[:3]), journal=tmp_path / "unblock.job")
            sent += [(await block).attempts, (await unblock).attempts]

    assert sent == [3] * 4


class Watched:
    """What a run says of itself at each result that is read and at each that its callback is given."""

    def __init__(self) -> None:
        self.job: Any = None
        self.seen: list[BulkReport] = []

    def __call__(self, _: object = None) -> None:
        self.seen.append(self.job.report)

    async def run(self, job: Any) -> BulkReport:
        self.job = job
        async with job:
            self()
            async for _ in job:
                self()
        self()
        return self.seen[-1]

    def check(self, *ends: RowStatus) -> None:
        """Nothing that was known is taken back, and what is known is part of the rows that were read."""
        for before, after in pairwise(self.seen):
            for name in ends or RowStatus:
                assert before.counts[name] <= after.counts[name]
                assert before.earlier_counts[name] <= after.earlier_counts[name]
            assert before.rows_read <= after.rows_read
            assert (before.unverified, before.existing) <= (after.unverified, after.existing)
            assert sum(before.counts.values()) <= before.rows_read


@pytest.mark.parametrize("has_input", [False, True])
async def test_a_run_that_goes_on_counts_what_was_done_from_its_start(path: Path, *, has_input: bool) -> None:
    """Whether it goes on without its input, or with it; rows that were done are read last."""
    transport, watched = transport_of("422@3", latency=0.1), Watched()
    everybody = [*people(800), Attendee("no address", "A", "B"), ROWS[5]]
    first = await stopped_after(120, transport, everybody, path)

    async with client_of(transport) as client:
        options: Any = {"on_result": watched, "rate": 400.0}
        if has_input:
            job = client.bulk.add_attendees(EVENT, everybody, send_email_invite=False, journal=path, **options)
        else:
            job = client.bulk.resume(path, **options)
        last = await watched.run(job)

    done = first.counts[S.SUCCEEDED]
    known = {S.SUCCEEDED: done, S.REJECTED: 1, S.INVALID: 1, S.DUPLICATE: 1}
    assert done >= 115
    at_first = next(report for report in watched.seen if report.attempts)
    assert {name: min(n, at_first.counts[name]) for name, n in known.items()} == known
    assert sum(at_first.earlier_counts.values()) == done + 1
    assert last.counts == dict.fromkeys(S, 0) | known | {S.SUCCEEDED: 799}
    assert last.rows_read == 802
    watched.check()


async def test_a_retry_counts_the_rows_that_it_leaves_alone_from_its_start(path: Path) -> None:
    transport, watched = transport_of("422@3,422@9"), Watched()
    await stopped_after(20, transport, ROWS, path, max_in_flight=1)

    async with client_of(transport) as client:
        last = await watched.run(client.bulk.retry(path, again=["rejected"], on_result=watched, rate=10.0))

    assert sum(watched.seen[0].counts.values()) == len(ROWS) - 2
    assert sum(last.counts.values()) == len(ROWS)
    watched.check()


async def test_a_run_that_is_cut_off_does_not_forget_what_was_done_before(path: Path) -> None:
    transport, watched = transport_of(latency=0.1), Watched()
    first = await stopped_after(20, transport, list(people(700)), path)

    async with client_of(transport) as client:
        job = client.bulk.resume(path, rate=20.0)
        async with job:
            await anyio.sleep(1)
            before = job.report
            job.cut_off()
        watched.seen = [before, job.report]

    assert before.succeeded > first.succeeded
    assert sum(job.report.counts.values()) == job.report.rows_read
    watched.check(S.SUCCEEDED, S.UNKNOWN)
