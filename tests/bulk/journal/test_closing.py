"""A journal that is closed at once: nothing that was told to it is lost."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from airmeet_async import JournalError, RowResult, RowStatus
from airmeet_async.bulk.journal.sqlite_journal import SqliteJournal
from airmeet_async.bulk.journal.writer import JournalWriter
from airmeet_async.bulk.options import engine_options
from airmeet_async.bulk.row import OutcomeState
from tests.bulk.journal.conftest import FACTS, PLAIN, add_list, people
from tests.support.disk import DiskLoop, disk


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": DiskLoop}


@pytest.mark.parametrize("seconds", [0.0, 1.0])
async def test_results_that_were_just_told_are_recorded_and_handed_out(path: Path, seconds: float) -> None:
    told: list[RowResult] = []

    def deliver(results: Sequence[RowResult], **_: Any) -> None:
        told.extend(results)

    journal = SqliteJournal(path)
    await journal.open()
    journal.writer.write_facts(FACTS)
    journal.writer.begin_run()
    rows = people("a b c")
    number = add_list(journal.writer, rows)
    journal.send_list(number, PLAIN, engine_options({}, 2), sort=list, more=lambda: None)
    journal.begin(deliver, lambda _: None, lambda _: None, lambda: 64)
    journal.admit(rows)
    await journal.clear()
    row = journal.ready.popleft()
    row.begun, row.done = 1, 1
    disk().seconds = seconds
    journal.record_facts({"rate": 5.0})
    journal.record_results([row], [RowResult(0, 2, row.key, RowStatus.SUCCEEDED, attempts=1, http_status=200)])
    await journal.close({"ended": 1.0})

    assert [result.index for result in told] == [0]
    writer = JournalWriter(path)
    facts = writer.facts()
    writer.begin_run()
    left = writer.open_rows(number, -1, 10)
    settled = writer.settled_rows(number, -1, 10)
    writer.close()
    assert (facts["ended"], facts["rate"]) == (1.0, 5.0)
    assert [(one.index, one.earlier and one.earlier.state) for one in left] == [(1, None), (2, None)]
    assert [(one.index, one.earlier and one.earlier.state) for one in settled] == [(0, OutcomeState.SUCCEEDED)]


async def test_a_file_whose_opening_is_cancelled_is_closed_when_it_is_open(path: Path) -> None:
    """Its lock would be kept for as long as the process lives."""
    disk().seconds = 1.0
    opening = asyncio.create_task(SqliteJournal(path).open())
    await anyio.sleep(0.5)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    with pytest.raises(JournalError, match="already in progress"):
        JournalWriter(path)
    await anyio.sleep(1)

    writer = JournalWriter(path)
    other = asyncio.create_task(SqliteJournal(path).open())  # which cannot be opened: it is locked
    await anyio.sleep(0.5)
    other.cancel()
    with pytest.raises(asyncio.CancelledError):
        await other
    await anyio.sleep(1)
    writer.close()
