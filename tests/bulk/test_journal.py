"""The journal: whatever ends a run, the next one with the same journal finishes it. Real SQLite, virtual time."""

import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import stat
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import evolve

from airmeet_async import Attendee, BulkReport, BulkStoppedError, JournalError, NotFoundError, Reply, Request, calls
from airmeet_async.bulk.journal.locking import Lock, holder_of
from airmeet_async.bulk.journal.schema import State
from airmeet_async.bulk.report import Invite, RowStatus, StopReason
from airmeet_async.testing import SandboxTransport
from tests.support.worlds import EVENT, client_of, people, person, run, sends, statuses, transport_of

S = RowStatus
ROWS = list(people(200))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "launch.job"


async def add(transport: Any, rows: Any, path: Path, **options: Any) -> BulkReport:
    return await run(transport, rows, journal=path, **options)


async def resume(transport: Any, path: Path, **options: Any) -> BulkReport:
    async with client_of(transport) as client:
        return await client.bulk.resume(path, **{"rate": None} | options)


async def stopped_after(n: int, transport: Any, rows: Any, path: Path, **options: Any) -> BulkReport:
    """Stop a run when so many results are there."""
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(
            EVENT, rows, send_email_invite=False, journal=path, **{"rate": None, "max_in_flight": 8} | options
        ) as job,
    ):
        seen = 0
        async for _ in job:
            seen += 1
            if seen == n:
                job.stop()
    return job.report


def states(path: Path) -> Counter[State]:
    with sqlite3.connect(path) as connection:
        return Counter(
            {State(state): n for state, n in connection.execute("SELECT state, COUNT(*) FROM ledger GROUP BY 1")}
        )


def change(path: Path, sql: str, *values: Any) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(sql, values)
    connection.close()


def bodies(transport: SandboxTransport) -> list[dict[str, Any]]:
    """Return what is sent from now on, as it is sent."""
    seen: list[dict[str, Any]] = []
    exchange = transport.exchange

    async def watch(request: Request) -> Reply:
        if request.body:
            seen.append(json.loads(request.body))
        return await exchange(request)

    transport.exchange = watch  # type: ignore[method-assign]
    return seen


async def test_a_stopped_run_is_finished_by_the_next_one(path: Path) -> None:
    """Every row has one result in each run, and nobody is sent twice."""
    transport = transport_of()
    await stopped_after(50, transport, ROWS, path)

    report = await resume(transport, path)

    assert report.results is not None
    assert [result.index for result in report.results] == list(range(200))
    assert set(statuses(report)) == {S.SUCCEEDED, S.SKIPPED}
    assert report.all_done
    assert set(sends(transport).values()) == {1}
    assert all(result.entry_link for result in report.results)


async def test_a_finished_job_sends_nothing_when_it_is_run_again(path: Path) -> None:
    transport = transport_of()
    first = await add(transport, ROWS, path)
    before = len(transport.arrivals)

    again = await add(transport, ROWS, path)

    assert statuses(first) == {S.SUCCEEDED: 200}
    assert statuses(again) == {S.SKIPPED: 200}
    assert again.attempts == 0
    assert len(transport.arrivals) == before


async def test_changed_and_new_rows_are_told_apart_and_nothing_is_shifted(path: Path) -> None:
    """Ten rows that were done have changed, and five have come in between: the five are sent."""
    transport = transport_of()
    await add(transport, ROWS, path)
    rows: list[Attendee] = list(ROWS)
    for number in range(10):
        rows[number * 7] = evolve(rows[number * 7], first_name="Changed")
    rows[3:3] = [person(f"new-{number}") for number in range(5)]
    seen = bodies(transport)

    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, rows, send_email_invite=False, journal=path, rate=None)
        report = await job

    assert sorted(body["email"] for body in seen if "email" in body) == [
        f"person-new-{number}@example.com" for number in range(5)
    ]
    assert statuses(report) == {S.SUCCEEDED: 5, S.SKIPPED: 200}
    assert job.earlier is not None
    assert (job.earlier.settled, job.earlier.changed, job.earlier.new) == (200, 10, 5)
    assert report.results is not None
    assert [result.key for result in report.results] == [row.email for row in rows]
    warned = [result.row.first_name for result in report.results if result.warnings]
    assert warned == ["Changed"] * 10


async def test_a_row_that_was_refused_is_sent_again_when_it_has_changed(path: Path) -> None:
    transport = transport_of("422@2")
    rows = ROWS[:5]
    first = await add(transport, rows, path, max_in_flight=1)
    assert first.results is not None
    (bad,) = [result.index for result in first.results if result.status is S.REJECTED]

    unchanged = await add(transport, rows, path)
    mended = [evolve(row, last_name="Mended") if index == bad else row for index, row in enumerate(rows)]
    changed = await add(transport, mended, path)

    assert statuses(unchanged) == {S.SKIPPED: 4, S.REJECTED: 1}
    assert statuses(changed) == {S.SKIPPED: 4, S.SUCCEEDED: 1}


@pytest.mark.parametrize("k", range(1, 60, 3))
async def test_a_copy_of_the_file_at_any_moment_is_enough(path: Path, k: int) -> None:
    """What a crash leaves is the file as it is at that moment: no row is lost, and few are sent again."""
    transport, width = transport_of("500:5%,drop-after:3%,expire@30", latency=0.05), 4
    rows, copy = ROWS[:50], path.with_name("copy.job")
    exchange, seen = transport.exchange, 0

    async def crash(request: Request) -> Reply:
        nonlocal seen
        seen += 1
        if seen == k:
            for ending in ("", "-wal", "-shm"):
                if (source := Path(f"{path}{ending}")).exists():
                    shutil.copy(source, f"{copy}{ending}")
            copy.chmod(0o600)
            raise _CrashError
        return await exchange(request)

    transport.exchange = crash  # type: ignore[method-assign]
    with pytest.raises(_CrashError):
        await add(transport, rows, path, max_in_flight=width)
    transport.exchange = exchange  # type: ignore[method-assign]
    before = sends(transport)
    durable = states(copy)[State.SUCCEEDED]

    report = await resume(transport, copy, max_in_flight=width)

    assert report.results is not None
    assert [result.index for result in report.results] == list(range(50))
    assert report.all_done
    assert report.counts[S.SKIPPED] == durable
    assert all(transport.world.person(EVENT, row.email) for row in rows)
    with sqlite3.connect(copy) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        done = {key for (key,) in connection.execute("SELECT key FROM ledger WHERE run < 2")}
    again = {email for email, n in sends(transport).items() if email in done and n > before.get(email, 0)}
    assert not again


class _CrashError(Exception):
    """The process ends here."""


@pytest.mark.parametrize("mask", [0o000, 0o022])
async def test_nobody_else_can_read_it(path: Path, mask: int) -> None:
    transport = transport_of()
    modes: dict[str, int] = {}
    before = os.umask(mask)
    try:
        async with (
            client_of(transport) as client,
            client.bulk.add_attendees(EVENT, ROWS, send_email_invite=False, journal=path, rate=None) as job,
        ):
            async for _ in job:
                modes |= {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)

    assert modes.keys() == {"launch.job", "launch.job-wal", "launch.job-shm", "launch.job-lock"}
    assert set(modes.values()) == {0o600}


async def test_a_second_run_of_the_same_journal_ends_at_once(path: Path) -> None:
    transport = transport_of()
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(EVENT, ROWS, send_email_invite=False, journal=path, rate=10) as job,
    ):
        other = transport_of()
        with pytest.raises(JournalError, match=rf"process {os.getpid()}") as caught:
            await add(other, ROWS, path)
        job.stop()

    assert caught.value.busy
    assert other.arrivals == []


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    path.chmod(0o600)


def _newer(path: Path) -> None:
    anyio.run(add, transport_of(), ROWS[:1], path)
    change(path, "PRAGMA user_version = 99")


def _text(path: Path) -> None:
    path.write_text("email,first_name\n" * 100)
    path.chmod(0o600)


def _open_to_all(path: Path) -> None:
    _newer(path)
    path.chmod(0o644)


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_foreign, "not a journal"),
        (_text, "not a journal"),
        (_newer, "version 99"),
        (_open_to_all, "chmod 0600"),
        (_link, "plain file"),
        (Path.mkdir, "plain file"),
        (os.mkfifo, "plain file"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(path: Path, make: Callable[[Path], object], reason: str) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    transport = transport_of()

    with pytest.raises(JournalError, match=reason):
        anyio.run(add, transport, ROWS, path)

    assert transport.arrivals == []
    assert (path.read_bytes() if path.is_file() else b"") == before


async def test_an_empty_file_is_taken_for_a_journal_that_was_just_made(path: Path) -> None:
    """That is what a crash in the first moment leaves."""
    path.touch(0o600)

    assert statuses(await add(transport_of(), ROWS[:3], path)) == {S.SUCCEEDED: 3}


async def test_another_purpose_is_refused_with_the_difference(path: Path) -> None:
    transport = transport_of()
    await add(transport, ROWS[:3], path)

    with pytest.raises(JournalError, match=r"sendEmailInvite=False.*sendEmailInvite=True"):
        await add(transport, ROWS[:3], path, send_email_invite=True)
    async with client_of(transport, base_url="https://other.example/prod") as client:
        with pytest.raises(JournalError, match=r"sandbox\.example.*other\.example"):
            await client.bulk.resume(path)
        with pytest.raises(JournalError, match=r"attendees\.add"):
            await client.bulk.block_attendees(EVENT, ["a@example.com"], journal=path)


async def test_there_is_nothing_to_resume_where_there_is_no_journal(path: Path) -> None:
    with pytest.raises(JournalError, match="no such journal"):
        await resume(transport_of(), path)

    assert not path.exists()


async def test_an_input_that_was_not_read_whole_is_read_again(path: Path) -> None:
    """Nothing was sent, there is nothing to resume, and the next run starts over."""
    transport = transport_of()
    row = {"email": "a@example.com", "first_name": "Ada", "last_name": "L", "Team": "Red"}
    columns = {"custom:Team": "Team"}
    async with client_of(transport) as client:
        with pytest.raises(NotFoundError):
            await client.bulk.add_attendees("nowhere", [row], send_email_invite=False, columns=columns, journal=path)
        with pytest.raises(JournalError, match="not read to its end"):
            await client.bulk.resume(path)

    assert sends(transport) == {}


def _add(email: str) -> Any:
    return calls.add_attendee(EVENT, Attendee(email, "Ada", "Lovelace"))


async def test_a_journal_that_goes_away_stops_the_sending(path: Path) -> None:
    """The run ends with the reason, nothing is sent afterwards, and what has a result keeps it."""
    transport = transport_of()
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, ROWS, send_email_invite=False, journal=path, rate=None, max_in_flight=4)
        with pytest.raises(BulkStoppedError, match="removed or replaced"):
            async with job:
                seen = sent = 0
                async for _ in job:
                    seen += 1
                    if seen == 20:
                        path.unlink()
                        sent = len(transport.arrivals)

    assert job.report.stop_reason is StopReason.JOURNAL
    assert len(transport.arrivals) <= sent + 4
    assert sum(job.report.counts.values()) == 200
    assert job.report.counts[S.UNPROCESSED] > 100


async def test_rows_without_a_clear_answer_are_sent_again_by_the_next_run(path: Path) -> None:
    """A run is hurried while three requests are under way: they were carried out, and nobody has heard so."""
    transport = transport_of(latency=1.0)
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(
            EVENT, ROWS[:6], send_email_invite=False, journal=path, rate=None, max_in_flight=3
        ) as job,
    ):
        await anyio.sleep(2.5)
        job.stop()
        job.hurry()
    before = sends(transport)

    report = await resume(transport, path)

    assert job.report.counts[S.UNKNOWN] == 3
    assert report.all_done
    assert sum(sends(transport).values()) == sum(before.values()) + report.attempts
    assert sum(n == 2 for n in sends(transport).values()) == 3


@pytest.mark.parametrize("ago", [90_000, -90_000])
async def test_unclear_rows_of_long_ago_wait_for_a_word(path: Path, ago: float) -> None:
    """A second add would let somebody in who was blocked meanwhile; a clock that was set back proves nothing."""
    transport = transport_of()
    await stopped_after(20, transport, ROWS[:40], path)
    change(
        path,
        "UPDATE ledger SET state = 1, touched = ? WHERE id IN (SELECT id FROM ledger WHERE state = 0 LIMIT 3)",
        time.time() - ago,
    )

    held = await resume(transport, path)
    sent = await resume(transport, path, accept_stale=True)

    assert held.counts[S.UNKNOWN] == 3
    assert held.results is not None
    assert sum("accept_stale" in str(result.error) for result in held.results) == 3
    assert not held.all_done
    assert held.resumable
    assert sent.counts[S.SUCCEEDED] == 3
    assert sent.all_done


async def test_an_invitation_is_asked_for_once(path: Path) -> None:
    """After an unclear outcome the row is sent without it, and listed."""
    transport = transport_of("drop-after@1:body=person-1@,500@1:body=person-4@,429@8:retry=1")
    seen = bodies(transport)

    report = await add(transport, ROWS[:10], path, send_email_invite=True, max_in_flight=1)

    asked = Counter(body["email"] for body in seen if body.get("sendEmailInvite"))
    assert statuses(report) == {S.SUCCEEDED: 10}
    assert set(asked.values()) <= {1, 2}
    assert report.results is not None
    unsure = {result.key for result in report.results if result.invite is Invite.UNVERIFIED}
    assert len(unsure) == 2
    assert all(asked[email] == 1 for email in unsure)
    assert sum(result.invite is Invite.ASKED for result in report.results) == 8


async def test_invitations_can_be_sent_on_purpose(path: Path) -> None:
    """A retry of those that nobody is sure of asks for the mail again, and for no others."""
    transport = transport_of("drop-after@2")
    await add(transport, ROWS[:10], path, send_email_invite=True, max_in_flight=1)
    seen = bodies(transport)

    async with client_of(transport) as client:
        report = await client.bulk.retry(path, again=["invites"])

    assert [body["sendEmailInvite"] for body in seen if "email" in body] == [True]
    assert statuses(report) == {S.SKIPPED: 9, S.SUCCEEDED: 1}


async def test_at_least_once_asks_again(path: Path) -> None:
    transport = transport_of("drop-after@2")
    seen = bodies(transport)

    report = await add(transport, ROWS[:5], path, send_email_invite=True, invites="at_least_once", max_in_flight=1)

    assert sum(body.get("sendEmailInvite", False) for body in seen) == 6
    assert report.results is not None
    assert {result.invite for result in report.results} == {Invite.ASKED}


async def test_failed_and_refused_rows_keep_their_result_until_a_retry(path: Path) -> None:
    transport = transport_of("422@2,500@4+5")
    first = await add(transport, ROWS[:10], path, max_in_flight=1, max_failures=10)
    again = await resume(transport, path)
    async with client_of(transport) as client:
        retried = await client.bulk.retry(path, again=["rejected", "failed"])

    bad = statuses(first)
    assert bad.pop(S.SUCCEEDED) + sum(bad.values()) == 10
    assert bad
    assert statuses(again) == {S.SKIPPED: 10 - sum(bad.values()), **bad}
    assert again.attempts == 0
    assert retried.all_done
    assert retried.counts[S.SUCCEEDED] == sum(bad.values())


async def test_what_must_not_be_repeated_stays_unknown(path: Path) -> None:
    """A booth whose outcome is unclear is not made twice, unless somebody says so."""
    transport = transport_of("drop-after@2")
    booths = [{"name": f"Booth {number}"} for number in range(4)]
    async with client_of(transport) as client:
        first = await client.bulk.create_booths(EVENT, booths, journal=path, rate=None, max_in_flight=1)
        again = await client.bulk.resume(path)
        retried = await client.bulk.retry(path, again=["unknown"])

    assert first.counts[S.UNKNOWN] == again.counts[S.UNKNOWN] == 1
    assert again.attempts == 0
    assert retried.counts[S.SUCCEEDED] == 1


async def test_a_source_that_cannot_be_read_ahead_is_kept_as_it_comes(path: Path) -> None:
    """It is given again on the next run, and what is done is skipped."""
    transport = transport_of()

    async def arriving(n: int) -> AsyncIterator[Attendee]:
        for row in people(n):
            yield row
        yield person(0)

    first = await add(transport, arriving(30), path)
    second = await add(transport, arriving(40), path)

    assert statuses(first) == {S.SUCCEEDED: 30, S.DUPLICATE: 1}
    assert statuses(second) == {S.SUCCEEDED: 10, S.SKIPPED: 30, S.DUPLICATE: 1}
    assert set(sends(transport).values()) == {1}


async def test_wrong_and_repeated_rows_have_their_result_in_each_run(path: Path, tmp_path: Path) -> None:
    transport, file = transport_of(), tmp_path / "people.csv"
    file.write_text("email,first_name,last_name\na@example.com,A,B\nnonsense,A,B\nA@example.com,C,D\n")
    first = await add(transport, file, path)
    second = await add(transport, file, path)

    assert statuses(first) == {S.SUCCEEDED: 1, S.INVALID: 1, S.DUPLICATE: 1}
    assert statuses(second) == {S.SKIPPED: 1, S.INVALID: 1, S.DUPLICATE: 1}
    for report in (first, second):
        assert report.results is not None
        assert [result.line for result in report.results] == [2, 3, 4]
        assert report.results[2].duplicate_of == 0
        assert "line 2" in str(report.results[2].error)
        assert report.results[0].row == {"email": "a@example.com", "first_name": "A", "last_name": "B"}


async def test_rows_without_a_key_may_repeat_and_are_done_once_each(path: Path) -> None:
    """They are told apart by what they do, and how often that came before."""
    transport = transport_of()
    rows = ["a@example.com", "a@example.com", "b@example.com"]
    async with client_of(transport) as client:
        first = await client.bulk.run(rows, _add, journal=path, rate=None)
        second = await client.bulk.run([*rows, "a@example.com"], _add, journal=path, rate=None)

    assert statuses(first) == {S.SUCCEEDED: 3}
    assert statuses(second) == {S.SKIPPED: 3, S.SUCCEEDED: 1}


async def test_what_a_journal_keeps_of_done_rows(path: Path) -> None:
    """The request is gone; facts of one's own stay."""
    await add(transport_of(), ROWS[:3], path, note={"who": "me"})

    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM ledger WHERE call IS NOT NULL").fetchone() == (0,)
        facts = {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM facts")}
    assert facts["note"] == {"who": "me"}
    assert facts["about"]["operation"] == "attendees.add"
    assert facts["rows"] == 3


async def test_a_note_is_kept_for_a_source_that_cannot_be_read_ahead_too(path: Path) -> None:
    await add(transport_of(), people(3), path, note={"who": "me"})

    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT value FROM facts WHERE name = 'note'").fetchone() == ('{"who":"me"}',)


async def test_odd_texts_survive_the_journal(path: Path) -> None:
    """Lone surrogates, emoji and quotes come out as they went in."""
    rows = [{"email": "a@example.com", "first_name": "\ud800'\"🎉", "last_name": "x"}, {"note": "\ud800"}]
    transport = transport_of()
    seen = bodies(transport)
    await stopped_after(1, transport, rows, path)

    report = await resume(transport, path)

    assert report.results is not None
    assert [result.row for result in report.results] == rows
    assert report.counts[S.INVALID] == 2
    assert not any("email" in body for body in seen)


@pytest.mark.parametrize("bad", [{"deadline": 0}, {"max_failures": -1}, {"max_failures": "x%"}, {"max_failures": True},
                                 {"max_failures": "101%"}, {"rate": "fast"}, {"deadline": "1h"}])  # fmt: skip
async def test_senseless_options_are_refused_at_once(path: Path, bad: dict[str, Any]) -> None:
    async with client_of(transport_of()) as client:
        with pytest.raises(ValueError, match=r"must be"):
            _ = client.bulk.add_attendees(EVENT, ROWS, send_email_invite=False, journal=path, **bad)


async def test_an_unknown_kind_of_retry_is_refused(path: Path) -> None:
    async with client_of(transport_of()) as client:
        with pytest.raises(ValueError, match="again knows"):
            _ = client.bulk.retry(path, again=["everything"])  # type: ignore[list-item]


async def test_a_retry_of_what_is_unknown_asks_for_no_second_mail(path: Path) -> None:
    """An add may be repeated, its invitation may not: only `invites` does that."""
    transport = transport_of(latency=1.0)
    seen = bodies(transport)
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(EVENT, ROWS[:4], send_email_invite=True, journal=path, rate=None) as job,
    ):
        await anyio.sleep(2.5)
        job.stop()
        job.hurry()
    async with client_of(transport) as client:
        report = await client.bulk.retry(path, again=["unknown"])

    asked = Counter(body["email"] for body in seen if body.get("sendEmailInvite"))
    assert job.report.counts[S.UNKNOWN]
    assert report.all_done
    assert set(asked.values()) == {1}
    assert report.results is not None
    assert sum(result.invite is Invite.UNVERIFIED for result in report.results) == job.report.counts[S.UNKNOWN]


async def test_a_retry_of_failed_rows_leaves_old_unclear_ones_alone(path: Path) -> None:
    transport = transport_of()
    await stopped_after(20, transport, ROWS[:40], path)
    sql = "UPDATE ledger SET state = 1, touched = ? WHERE id IN (SELECT id FROM ledger WHERE state = 0 LIMIT 2)"
    change(path, sql, time.time() - 90_000)
    async with client_of(transport) as client:
        report = await client.bulk.retry(path, again=["failed"])

    assert report.counts[S.UNKNOWN] == 2


async def test_another_time_zone_is_another_reading(path: Path) -> None:
    """The session that was made keeps its time; the next run of the list with another zone is refused, not mixed."""
    transport = transport_of()
    rows = [{"title": "Talk", "start": "2027-03-01 10:00", "host_email": "sam@example.com"}]
    async with client_of(transport) as client:
        await client.bulk.create_sessions(EVENT, rows, timezone="Europe/Paris", journal=path)
        with pytest.raises(JournalError, match=r"Europe/Paris.*America/New_York"):
            await client.bulk.create_sessions(EVENT, rows, timezone="America/New_York", journal=path)


async def test_a_mended_builder_gets_its_rows_again(path: Path, tmp_path: Path) -> None:
    """What was wrong the last time is looked at again, also in a file that has not changed."""
    file = tmp_path / "people.csv"
    file.write_text("email\na@example.com\nb@example.com\n")

    def broken(_row: Any) -> Any:
        message = "not yet"
        raise LookupError(message)

    def mended(row: Any) -> Any:
        return _add(row["email"])

    async with client_of(transport_of()) as client:
        first = await client.bulk.run(file, broken, journal=path, rate=None)
        second = await client.bulk.run(file, mended, journal=path, rate=None)

    assert statuses(first) == {S.INVALID: 2}
    assert statuses(second) == {S.SUCCEEDED: 2}


async def test_a_file_and_a_generator_may_share_a_journal(path: Path, tmp_path: Path) -> None:
    """Whatever was read last is what is done next."""
    file, transport = tmp_path / "people.csv", transport_of()
    file.write_text("email,first_name,last_name\n" + "".join(f"f{n}@example.com,A,B\n" for n in range(10)))
    first = await stopped_after(1, transport, file, path, max_in_flight=1)
    second = await add(transport, people(3), path)
    third = await add(transport, file, path)
    fourth = await resume(transport, path)

    assert first.counts[S.UNPROCESSED]
    assert statuses(second) == {S.SUCCEEDED: 3}
    assert third.rows_read == 10
    assert third.all_done
    assert statuses(fourth) == {S.SKIPPED: 10}


async def test_a_journal_of_an_arriving_source_can_be_resumed_for_what_has_come(path: Path) -> None:
    transport = transport_of()
    await stopped_after(5, transport, people(100), path)

    report = await resume(transport, path)

    assert report.all_done
    assert report.rows_read < 100


@pytest.mark.parametrize("after", [0.0, 1e-6, 1e-5, 1e-4, 0.01, 0.3, 0.9])
async def test_a_run_that_is_cancelled_gives_its_journal_back(path: Path, after: float) -> None:
    """While it is opened, filled, used or closed: the next run can have it at once."""
    transport = transport_of(latency=0.05)

    task = asyncio.create_task(add(transport, ROWS, path, rate=100))
    await asyncio.sleep(after)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    done = False
    for _ in range(20):  # opening may still go on in its thread, and closes what it has opened
        with contextlib.suppress(JournalError):
            done = done or (await add(transport, ROWS, path)).all_done
        await asyncio.sleep(0.01)
    assert done


async def test_a_cancelled_end_is_an_end_all_the_same(path: Path) -> None:
    """A cancellation in the very moment in which the journal is closed does not leave it locked."""
    transport = transport_of()
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, ROWS[:5], send_email_invite=False, journal=path, rate=None)
        async with job:
            results = [result async for result in job]
            job.cut_off()
            job.cut_off()

    assert len(results) == 5
    assert (await resume(transport, path)).all_done


async def test_one_odd_row_is_that_rows_problem(path: Path) -> None:
    rows = [{("a", "b"): 1}, {"email": "a@example.com", "first_name": "A", "last_name": "B"}]

    report = await add(transport_of(), rows, path)

    assert statuses(report) == {S.INVALID: 1, S.SUCCEEDED: 1}


def test_a_look_at_a_journal_does_not_keep_a_run_out(path: Path) -> None:
    """Somebody who asks who has it, again and again, is no second run."""
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            holder_of(path)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(100):
            Lock(path).release()
    finally:
        stop.set()
        looking.join()


@pytest.mark.parametrize("name", ["", "/"])
async def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(JournalError, match="no name for a journal"):
        await resume(transport_of(), Path(name) if name else "")  # type: ignore[arg-type]
