"""The tables of a journal.

Rules of this file:

1. An entry never changes: it is what was given first for that person or thing. What differs from it stands where it
   belongs: in the input's row what that list says, in the outcome what was sent. So nothing that one list brings can
   change what another one has said.
2. An outcome is there from the first intent on. A row without one was never sent, unless its list's horizon covers it.
3. `list.confirmed` is 0 for a list that nobody has confirmed, else the higher the later: the highest is the one that is
   resumed and shown.
4. The numbers of entries and input rows are given by the writer: SQLite appends, and nobody has to ask for them.
"""

import sqlite3
from typing import Final

APPLICATION_ID: Final = 0x41_69_72_4D  # "AirM"
SHARD_ID: Final = 0x41_69_72_53  # "AirS": a part of a journal, see `cut`
VERSION: Final = 2

LIST_SHIFT: Final = 32
"""An input row's number is its list's number, shifted by so many bits, plus its position."""

TABLES: Final = """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE list (
        id INTEGER PRIMARY KEY,
        facts TEXT NOT NULL,
        rows INTEGER,
        confirmed INTEGER NOT NULL DEFAULT 0,
        horizon INTEGER,
        touched REAL
    ) STRICT;
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY,
        hash INTEGER NOT NULL UNIQUE,
        identity TEXT NOT NULL,
        key TEXT,
        request TEXT NOT NULL,
        data TEXT
    ) STRICT;
    CREATE TABLE input (
        id INTEGER PRIMARY KEY,
        line INTEGER,
        entry INTEGER,
        status TEXT,
        note TEXT,
        request TEXT,
        data TEXT
    ) STRICT;
    CREATE TABLE outcome (
        entry INTEGER PRIMARY KEY,
        state INTEGER NOT NULL,
        sent INTEGER NOT NULL,
        done INTEGER NOT NULL,
        unclear INTEGER NOT NULL,
        run INTEGER NOT NULL,
        touched REAL,
        http INTEGER,
        latency REAL,
        link TEXT,
        note TEXT,
        request TEXT
    ) STRICT;
"""


def create_tables(connection: sqlite3.Connection, kind: int = APPLICATION_ID) -> None:
    """Make the tables of an empty database."""
    pragmas = f"PRAGMA application_id = {kind}; PRAGMA user_version = {VERSION};"
    connection.executescript(f"BEGIN; {pragmas} {TABLES} COMMIT;")
