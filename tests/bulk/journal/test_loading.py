"""Opening a journal for a run, and reading an input into it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from airmeet_async import Attendee, BulkReport, JournalError, NotFoundError, calls
from airmeet_async.bulk.report import RowStatus
from tests.support.bulk_runs import add_journaled, bodies, query, resume, stopped_after
from tests.support.worlds import EVENT, client_of, people, person, sends, statuses, transport_of

S = RowStatus
ROWS = list(people(200))


def earlier(report: BulkReport) -> dict[RowStatus, int]:
    """How many rows ended how in an earlier run, without the zeros."""
    return {status: n for status, n in report.earlier_counts.items() if n}


def _add(email: str) -> Any:
    return calls.add_attendee(EVENT, Attendee(email, "Ada", "Lovelace"), send_email_invite=True)


async def test_another_purpose_is_refused_with_the_difference(path: Path) -> None:
    transport = transport_of()
    await add_journaled(transport, ROWS[:3], path)

    async with client_of(transport, base_url="https://other.example/prod") as client:
        with pytest.raises(JournalError, match=r"sandbox\.example.*other\.example"):
            await client.bulk.resume(path)
    async with client_of(transport) as client:
        with pytest.raises(JournalError, match=r"attendees\.add"):
            await client.bulk.block_attendees(EVENT, ["a@example.com"], journal=path)


async def test_there_is_nothing_to_resume_where_there_is_no_journal(path: Path) -> None:
    with pytest.raises(JournalError, match="no such run"):
        await resume(transport_of(), path)

    assert not path.exists()


async def test_what_is_no_name_is_refused() -> None:
    for name in ("", Path("/")):
        with pytest.raises(JournalError, match="is not a file name"):
            await resume(transport_of(), name)  # type: ignore[arg-type]


async def test_an_input_that_was_not_read_whole_is_read_again(path: Path) -> None:
    """Nothing was sent, there is nothing to resume, and the next run starts over."""
    transport = transport_of()
    row = {"email": "a@example.com", "first_name": "Ada", "last_name": "L", "Team": "Red"}
    columns = {"custom:Team": "Team"}
    async with client_of(transport) as client:
        with pytest.raises(NotFoundError):
            await client.bulk.add_attendees("nowhere", [row], send_email_invite=False, columns=columns, journal=path)
        with pytest.raises(JournalError, match="not read completely"):
            await client.bulk.resume(path)

    assert sends(transport) == {}


async def test_changed_and_new_rows_are_told_apart_and_nothing_is_shifted(path: Path) -> None:
    """Ten rows that were done have changed, and five have come in between: the five are sent."""
    transport = transport_of()
    await add_journaled(transport, ROWS, path)
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
    assert statuses(report) == {S.SUCCEEDED: 205}
    assert earlier(report) == {S.SUCCEEDED: 200}
    assert job.earlier is not None
    assert (job.earlier.settled, job.earlier.changed, job.earlier.new) == (200, 10, 5)
    assert report.results is not None
    assert [result.key for result in report.results] == [row.email for row in rows]
    warned = [result.row.first_name for result in report.results if result.warnings]
    assert warned == ["Changed"] * 10


async def test_a_row_that_was_refused_is_sent_again_when_it_has_changed(path: Path) -> None:
    transport = transport_of("422@2")
    rows = ROWS[:5]
    first = await add_journaled(transport, rows, path, max_in_flight=1)
    assert first.results is not None
    (bad,) = [result.index for result in first.results if result.status is S.REJECTED]

    unchanged = await add_journaled(transport, rows, path)
    mended = [evolve(row, last_name="Mended") if index == bad else row for index, row in enumerate(rows)]
    changed = await add_journaled(transport, mended, path)

    assert statuses(unchanged) == {S.SUCCEEDED: 4, S.REJECTED: 1} == earlier(unchanged)
    assert statuses(changed) == {S.SUCCEEDED: 5}
    assert earlier(changed) == {S.SUCCEEDED: 4}


async def test_wrong_and_repeated_rows_have_their_result_in_each_run(path: Path, tmp_path: Path) -> None:
    transport, file = transport_of(), tmp_path / "people.csv"
    file.write_text("email,first_name,last_name\na@example.com,A,B\nnonsense,A,B\nA@example.com,C,D\n")
    first = await add_journaled(transport, file, path)
    second = await add_journaled(transport, file, path)

    assert statuses(first) == {S.SUCCEEDED: 1, S.INVALID: 1, S.DUPLICATE: 1}
    assert statuses(second) == {S.SUCCEEDED: 1, S.INVALID: 1, S.DUPLICATE: 1}
    assert earlier(second) == {S.SUCCEEDED: 1}
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
    assert statuses(second) == {S.SUCCEEDED: 4}
    assert earlier(second) == {S.SUCCEEDED: 3}


async def test_one_odd_row_is_that_rows_problem(path: Path) -> None:
    rows = [{("a", "b"): 1}, {"email": "a@example.com", "first_name": "A", "last_name": "B"}]

    report = await add_journaled(transport_of(), rows, path)

    assert statuses(report) == {S.INVALID: 1, S.SUCCEEDED: 1}


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


async def test_a_source_that_cannot_be_read_ahead_is_kept_as_it_comes(path: Path) -> None:
    """It is given again on the next run, and what is done is skipped."""
    transport = transport_of()

    async def arriving(n: int) -> AsyncIterator[Attendee]:
        for row in people(n):
            yield row
        yield person(0)

    first = await add_journaled(transport, arriving(30), path)
    second = await add_journaled(transport, arriving(40), path)

    assert statuses(first) == {S.SUCCEEDED: 30, S.DUPLICATE: 1}
    assert statuses(second) == {S.SUCCEEDED: 40, S.DUPLICATE: 1}
    assert earlier(second) == {S.SUCCEEDED: 30}
    assert set(sends(transport).values()) == {1}


async def test_a_journal_of_an_arriving_source_can_be_resumed_for_what_has_come(path: Path) -> None:
    transport = transport_of()
    await stopped_after(5, transport, people(100), path)

    report = await resume(transport, path)

    assert report.all_done
    assert report.rows_read < 100


async def test_a_note_is_kept_for_a_source_that_cannot_be_read_ahead_too(path: Path) -> None:
    await add_journaled(transport_of(), people(3), path, note={"who": "me"})

    assert query(path, "SELECT json_extract(facts, '$.note.who') FROM list") == [("me",)]


async def test_a_file_and_a_generator_may_share_a_journal(path: Path, tmp_path: Path) -> None:
    """Whatever was read last is what is done next."""
    file, transport = tmp_path / "people.csv", transport_of()
    file.write_text("email,first_name,last_name\n" + "".join(f"f{n}@example.com,A,B\n" for n in range(10)))
    first = await stopped_after(1, transport, file, path, max_in_flight=1)
    second = await add_journaled(transport, people(3), path)
    third = await add_journaled(transport, file, path)
    fourth = await resume(transport, path)

    assert first.counts[S.UNPROCESSED]
    assert statuses(second) == {S.SUCCEEDED: 3}
    assert third.rows_read == 10
    assert third.all_done
    assert earlier(fourth) == {S.SUCCEEDED: 10}


async def test_the_same_people_under_other_flags_are_another_list_of_the_same_journal(path: Path) -> None:
    """Who was added without a mail is mailed once; the first list stays as it was, and is asked for again with it."""
    transport = transport_of()
    await add_journaled(transport, ROWS[:3], path)
    seen = bodies(transport)

    mailed = await add_journaled(transport, ROWS[1:5], path, send_email_invite=True)
    again = await add_journaled(transport, ROWS[1:5], path, send_email_invite=True)
    first = await add_journaled(transport, ROWS[:3], path)

    assert statuses(mailed) == {S.SUCCEEDED: 4} == earlier(again)
    assert earlier(mailed) == {}
    assert earlier(first) == {S.SUCCEEDED: 3}
    assert [(body["email"], body["sendEmailInvite"]) for body in seen if "email" in body] == [
        (row.email, True) for row in ROWS[1:5]
    ]
