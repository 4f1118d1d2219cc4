"""Which keys have come before: in memory while they are few, in a temporary database on disk when they are many."""

import sqlite3

_FEW = 100_000
_TABLE = "CREATE TABLE seen (identity BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID"
_ADD = "INSERT OR IGNORE INTO seen VALUES (?, ?)"


class Seen:
    """Remembers the number that each key came with first.

    Args:
        few: How many keys stay in memory, at about 150 bytes each.
    """

    def __init__(self, few: int = _FEW) -> None:
        self._few = few
        self._numbers: dict[str, int] | None = {}
        self._disk: sqlite3.Connection | None = None

    def first(self, identity: str, number: int) -> int:
        """Return the number with which this key came first, which may be this one."""
        if self._numbers is not None:
            if len(self._numbers) < self._few:
                return self._numbers.setdefault(identity, number)
            self._disk, self._numbers = _on_disk(self._numbers), None
        assert self._disk is not None  # noqa: S101 - for the type checker: it is the one or the other
        key = _bytes(identity)
        if self._disk.execute(_ADD, (key, number)).rowcount:
            return number
        found: int = self._disk.execute("SELECT number FROM seen WHERE identity = ?", (key,)).fetchone()[0]
        return found

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self._numbers = {}
        if self._disk is not None:
            self._disk.close()
            self._disk = None


def _on_disk(numbers: dict[str, int]) -> sqlite3.Connection:
    """Move them to a file without a name, which only we can open and which is gone when we are."""
    disk = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    disk.executescript(
        f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000; {_TABLE}; BEGIN"
    )
    disk.executemany(_ADD, ((_bytes(identity), number) for identity, number in numbers.items()))
    return disk


def _bytes(identity: str) -> bytes:
    return identity.encode(errors="surrogatepass")
