"""The tables of a journal, the states of a row, and rows on their way in and out. The package has the promise."""

from enum import IntEnum
from typing import Final

from attrs import define

from airmeet_async.protocol.value_class import value

APPLICATION_ID: Final = 0x41_69_72_4D  # "AirM"
VERSION: Final = 1

# `ledger` has one entry per thing to be done, found again by its identity; it outlives any change of the input.
# `input` has the rows in the order in which they were given; a new reading of the input is a new `gen`.
TABLES: Final = """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE ledger (
        id INTEGER PRIMARY KEY,
        identity TEXT NOT NULL UNIQUE,
        key TEXT NOT NULL,
        digest BLOB NOT NULL,
        state INTEGER NOT NULL DEFAULT 0,
        gen INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        sent INTEGER NOT NULL DEFAULT 0,
        charged INTEGER NOT NULL DEFAULT 0,
        unclear INTEGER NOT NULL DEFAULT 0,
        run INTEGER NOT NULL DEFAULT 0,
        touched REAL,
        http INTEGER,
        latency REAL,
        link TEXT,
        note TEXT,
        call TEXT
    ) STRICT;
    CREATE TABLE input (
        gen INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        line INTEGER,
        entry INTEGER,
        status TEXT,
        note TEXT,
        data TEXT,
        PRIMARY KEY (gen, idx)
    ) STRICT, WITHOUT ROWID;
"""


class RowState(IntEnum):
    """The state of an entry of the ledger. Up to `UNKNOWN` there is something left to do."""

    # Not sent, or certainly not applied.
    PENDING = 0
    # A request may have left; committed before its first byte.
    IN_FLIGHT = 1
    # Answered with an error that may be tried again.
    RETRY = 2
    # In flight when a run ended, or without a clear answer for an operation that must not be repeated.
    UNKNOWN = 3
    SUCCEEDED = 4
    REJECTED = 5
    FAILED = 6


LAST_OPEN: Final = RowState.UNKNOWN

# The condition on an entry's note that it is not known whether its invitation was mailed.
UNVERIFIED: Final = '{} LIKE \'%"invite":"unverified"%\''


@value
class RowRecord:
    """A row of the input and its entry in the ledger; the fields are the columns of the tables."""

    index: int
    line: int | None
    data: str | None
    status: str | None
    about: str | None
    entry: int
    key: str
    state: int
    sent: int
    charged: int
    unclear: int
    touched: float | None
    http: int | None
    latency: float | None
    link: str | None
    note: str | None
    call: str | None


@define
class NewRow:
    """A row of the input on its way into the journal.

    Attributes:
        index: Position in the source.
        line: Where it stands in its file.
        data: The row as given, as text.
        status: ``invalid``, or None for a row to be sent.
        key: As shown.
        identity: As compared; empty for rows that may repeat.
        call: As text.
        digest: Of the call.
        note: What else is known of it, as text.
    """

    index: int
    line: int | None
    data: str | None
    status: str | None = None
    key: str = ""
    identity: str = ""
    call: str = ""
    digest: bytes = b""
    note: str | None = None
