"""A place for a journal, and rows for it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airmeet_async.bulk.journal.writer import JournalWriter, Transaction
from airmeet_async.bulk.report import RowError
from airmeet_async.bulk.row import CallTemplate, OutcomeState, Row, Wish
from airmeet_async.protocol.endpoints import ENDPOINTS

ADD = ENDPOINTS["attendees.add"]
PLAIN = CallTemplate(ADD, {"airmeet_id": "event"}, {}, {"registerAttendee": False, "sendEmailInvite": False})
MAILS = CallTemplate(ADD, {"airmeet_id": "event"}, {}, {"registerAttendee": False, "sendEmailInvite": True})
REGISTERS = CallTemplate(ADD, {"airmeet_id": "event"}, {}, {"registerAttendee": True, "sendEmailInvite": False})
BOTH = CallTemplate(ADD, {"airmeet_id": "event"}, {}, {"registerAttendee": True, "sendEmailInvite": True})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "launch.job"


@pytest.fixture
def writer(path: Path) -> Iterator[JournalWriter]:
    """An empty journal, in its first run."""
    writer = opened(path)
    yield writer
    writer.close()


FACTS = {"operation": "attendees.add", "airmeet_id": "event"}


def opened(path: Path | None, operation: str = "attendees.add") -> JournalWriter:
    writer = JournalWriter(path)
    writer.write_facts({"operation": operation, "airmeet_id": "event"})
    writer.begin_run()
    return writer


def person(index: int, name: str, template: CallTemplate | None = PLAIN, *, last: str = "L", **changed: Any) -> Row:
    """A row about somebody: the third row of a file stands in its line 4."""
    key = f"{name}@example.com"
    payload = f'{{"email":"{key.lower()}","lastName":"{last}"}}'.encode()
    row = Row(index, index + 2, {"email": key, "last_name": last}, key, key.lower(), template, payload)
    vars(row).update(changed)
    return row


def invalid(index: int, name: str) -> Row:
    row = Row(index, index + 2, {"email": name}, name)
    row.error = RowError("invalid_email", f"{name!r} is not an e-mail address")
    return row


def people(names: str, template: CallTemplate | None = PLAIN, **changed: Any) -> list[Row]:
    return [person(index, name, template, **changed) for index, name in enumerate(names.split())]


def add_list(
    writer: JournalWriter,
    rows: list[Row],
    template: CallTemplate | None = PLAIN,
    *,
    name: str = "list.csv",
    confirmed: bool = True,
    options: dict[str, Any] | None = None,
) -> int:
    """Add a whole list, and return its number."""
    options = (options or {}) | dict(template.flags if template is not None else {})
    number = writer.begin_list({"name": name, "options": options, "template": template})
    writer.add(number, rows)
    writer.end_list(number)
    if confirmed:
        writer.confirm_list(number)
    return number


def left(writer: JournalWriter, number: int, *, only_reopened: bool = False) -> list[Row]:
    """All rows of a list for which something is left to do."""
    return writer.open_rows(number, -1, 1000, only_reopened=only_reopened)


def names(rows: list[Row]) -> str:
    return " ".join(row.key.partition("@")[0] for row in rows)


def outcome(
    writer: JournalWriter,
    row: Row,
    state: OutcomeState = OutcomeState.SUCCEEDED,
    *,
    done: int = Wish.DONE,
    unclear: int = 0,
    touched: float | None = 5.0,
    link: str | None = "https://x.example/1",
    note: str | None = None,
) -> tuple[Any, ...]:
    if state is not OutcomeState.SUCCEEDED:
        done, link = done if done != Wish.DONE else 0, None
    return row.entry, int(state), 1, int(done), int(unclear), writer.run, touched, 200, 0.1, link, note


def settle(
    writer: JournalWriter, number: int, row: Row, state: OutcomeState = OutcomeState.SUCCEEDED, **facts: Any
) -> None:
    writer.transact(Transaction(number, outcomes=[outcome(writer, row, state, **facts)]))


def change(path: Path, sql: str) -> None:
    """Change a closed journal behind its back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)
