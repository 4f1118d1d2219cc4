"""What is done to a journal's tables, in one transaction at a time."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from airmeet_async.bulk.journal.locking import connect, connect_read_only, create_file
from airmeet_async.bulk.journal.schema import NewRow, RowState
from airmeet_async.bulk.journal.writer import RECORD_INTENT, RECORD_RETRY, JournalWriter
from airmeet_async.errors import JournalError
from tests.support.bulk_runs import resume, stopped_after
from tests.support.worlds import people, sends, transport_of


@pytest.fixture
def writer(path: Path) -> Iterator[JournalWriter]:
    """A journal with one row."""
    writer = JournalWriter(path)
    writer.begin_run()
    writer.begin_input()
    writer.add([NewRow(0, 1, None, key="a", identity="a", call="[]", digest=b"a")])
    writer.end_input(rows=1)
    yield writer
    writer.close()


def test_statements_about_one_entry_keep_their_order(writer: JournalWriter) -> None:
    """They are run in batches of one kind: a retry, the next intent and the next retry must not become two and one."""
    entry = writer.one(0).entry
    retried, again = (RECORD_RETRY, (1, 1, 0, entry)), (RECORD_RETRY, (2, 2, 1, entry))

    writer.in_one_transaction([retried, (RECORD_INTENT, (5.0, entry)), again])

    row = writer.one(0)
    assert (row.state, row.sent, row.charged, row.unclear, row.touched) == (RowState.RETRY, 2, 2, 1, 5.0)


def test_a_process_that_was_forked_off_writes_nothing(writer: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with one connection would corrupt the file."""
    entry = writer.one(0).entry
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: 1)
        with pytest.raises(JournalError, match="forked from"):
            writer.in_one_transaction([(RECORD_INTENT, (5.0, entry))])

    assert writer.one(0).state == RowState.PENDING


def test_a_row_that_may_be_in_is_not_replaced_by_its_edited_self(writer: JournalWriter) -> None:
    """Its mail may be on the way: the new request would ask for it again, as if nothing had been sent."""
    before = writer.one(0)
    writer.in_one_transaction([(RECORD_RETRY, (1, 1, 1, before.entry))])
    writer.begin_input()

    counts = writer.add([NewRow(0, 1, None, key="a", identity="a", call="[1]", digest=b"b")])

    after = writer.one(0)
    assert counts["changed"] == 1
    assert (after.call, after.state, after.charged) == (before.call, RowState.RETRY, 1)


def test_a_reading_that_is_cut_off_leaves_the_last_whole_one(writer: JournalWriter) -> None:
    whole = writer.counts()
    writer.begin_input()

    writer.begin_run()  # as the next process does

    assert whole == writer.counts() != []


def test_a_commit_is_on_the_disk_when_it_returns(path: Path) -> None:
    """The promise holds after a loss of power, too: in WAL mode only FULL says so."""
    create_file(path)
    connection = connect(path)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_who_only_reads_cannot_write(writer: JournalWriter) -> None:
    """One connection writes: two can corrupt a file."""
    reader = connect_read_only(writer.path)
    try:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("UPDATE ledger SET state = 3")
    finally:
        reader.close()


async def test_a_run_whose_input_was_not_read_to_its_end_is_not_resumed(path: Path) -> None:
    """The process died while it read an edited file: who is in it now is not known."""
    transport = transport_of()
    await stopped_after(5, transport, list(people(20)), path)
    before = sends(transport)
    writer = JournalWriter(path)
    writer.begin_input()
    writer.close()

    with pytest.raises(JournalError, match="not read completely"):
        await resume(transport, path)

    assert sends(transport) == before
