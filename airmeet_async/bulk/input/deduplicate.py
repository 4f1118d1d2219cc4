"""`DuplicateFinder`: which rows repeat an earlier one of the same run, where there is no journal that knows.

1. Equal means the same text. No hash decides: two people must never be taken for one.
2. The first identities stay in memory; once these are many, further ones go to a file that has no name and is gone with
   the process. Nothing is ever moved from the one to the other, so no row waits for that.
"""

import sqlite3
from collections.abc import Iterable

from airmeet_async.bulk.report import RowError
from airmeet_async.bulk.row import Row

_FEW = 20_000  # about 6 MB


class DuplicateFinder:
    """Marks rows that repeat an earlier one.

    Args:
        few: How many identities stay in memory, about.
    """

    def __init__(self, few: int = _FEW) -> None:
        self._few = few
        self._first: dict[str, tuple[int, int | None]] = {}
        self._more: sqlite3.Connection | None = None

    def mark(self, rows: Iterable[Row]) -> None:
        """Set `duplicate_of` and `error` of each row that can be sent and has the identity of an earlier one."""
        first = self._first
        is_room = len(first) < self._few
        for row in rows:
            identity = row.identity
            if not identity or row.error is not None:
                continue
            if is_room:
                found = first.setdefault(identity, (row.index, row.line))
            else:
                found = first.get(identity) or self._find_or_add(row)
            if found[0] != row.index:
                index, line = found
                row.duplicate_of = index
                where = f"row {index + 1}" if line is None else f"line {line}"
                row.error = RowError("duplicate", f"repeats {where}, which is sent instead")

    def _find_or_add(self, row: Row) -> tuple[int, int | None]:
        if self._more is None:
            self._more = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._more.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000;"
                "CREATE TABLE first (identity BLOB PRIMARY KEY, idx INTEGER, line INTEGER) WITHOUT ROWID; BEGIN"
            )
        identity = row.identity.encode(errors="surrogatepass")
        added = self._more.execute("INSERT OR IGNORE INTO first VALUES (?, ?, ?)", (identity, row.index, row.line))
        if added.rowcount:
            return row.index, row.line
        index, line = self._more.execute("SELECT idx, line FROM first WHERE identity = ?", (identity,)).fetchone()
        return index, line

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        self._first = {}
        if self._more is not None:
            self._more.close()
            self._more = None
