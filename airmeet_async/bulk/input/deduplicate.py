"""`DuplicateFinder`: which keys have come before, in memory while they are few, on disk when they are many."""

import sqlite3

_FEW = 100_000
_TABLE = "CREATE TABLE seen (key BLOB PRIMARY KEY, idx INTEGER) WITHOUT ROWID"
_ADD = "INSERT OR IGNORE INTO seen VALUES (?, ?)"


class DuplicateFinder:
    """Remembers the index of the row that each key came with first.

    Args:
        few: How many keys stay in memory, at about 150 bytes each.
    """

    def __init__(self, few: int = _FEW) -> None:
        self._few = few
        self._indexes: dict[str, int] | None = {}
        self._disk: sqlite3.Connection | None = None

    def first_index(self, key: str, index: int) -> int:
        """Return the index of the first row with this key, which may be this one."""
        if self._indexes is not None:
            if len(self._indexes) < self._few:
                return self._indexes.setdefault(key, index)
            self._disk, self._indexes = _on_disk(self._indexes), None
        assert self._disk is not None  # noqa: S101 - for the type checker: it is the one or the other
        stored = _bytes(key)
        if self._disk.execute(_ADD, (stored, index)).rowcount:
            return index
        found: int = self._disk.execute("SELECT idx FROM seen WHERE key = ?", (stored,)).fetchone()[0]
        return found

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        self._indexes = {}
        if self._disk is not None:
            self._disk.close()
            self._disk = None


def _on_disk(indexes: dict[str, int]) -> sqlite3.Connection:
    """Move them to a file without a name, which nobody else can open and which is gone with this process."""
    disk = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    disk.executescript(
        f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000; {_TABLE}; BEGIN"
    )
    disk.executemany(_ADD, ((_bytes(key), index) for key, index in indexes.items()))
    return disk


def _bytes(key: str) -> bytes:
    return key.encode(errors="surrogatepass")
