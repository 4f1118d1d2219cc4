"""Workbooks of the kinds .xls, .xlsb and .ods, read by calamine in a process of its own: see `table_calamine`.

That process may take memory in proportion to its file, so that a small file that was built to do harm gets little.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import define

from airmeet_async.bulk.table_cells import fault, merged_notice
from airmeet_async.bulk.table_package import Package
from airmeet_async.bulk.table_xlsx import SheetName
from airmeet_async.errors import ConfigError, InputError

_BASE = 96 * 1024**2  # the process alone has a third of it
_TIMES = 16
_MOST = 2 * 1024**3
_SAVE = "open it in a spreadsheet program and save it as .xlsx"
_KEPT = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR", "TEMP", "LD_LIBRARY_PATH", "PYTHONHOME")
_MISSING, _LOCKED, _NO_MEMORY = 3, 4, 5


@define
class OldRows:
    """The rows of one sheet, to be read once.

    Attributes:
        lines: What the other process says of it.
        merged: Merged areas.
    """

    lines: Iterator[Any]
    merged: int = 0

    @property
    def notices(self) -> tuple[str, ...]:
        """What its owner may not expect."""
        return (merged_notice(self.merged),) if self.merged else ()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the cells of each row that has any text."""
        self.merged = next(self.lines, 0)
        yield from self.lines


class OldBook:
    """A workbook that another process reads.

    Attributes:
        sheets: Its sheets in order.
    """

    def __init__(self, path: str, size: int) -> None:
        self._path = path
        self._limit = min(_MOST, _BASE + _TIMES * size)
        listed = list(self._lines())
        self._indexes = {name: index for name, _, index, _ in listed}
        self._filled = {name for name, _, _, filled in listed if filled}
        self.sheets = tuple(SheetName(name, hidden) for name, hidden, _, _ in listed)

    def rows(self, sheet: SheetName) -> OldRows:
        """Return the rows of a sheet, to be read once."""
        return OldRows(self._lines(str(self._indexes[sheet.name])) if sheet.name in self._filled else iter(()))

    def _lines(self, index: str = "") -> Iterator[Any]:
        command = [sys.executable, "-P", "-m", "airmeet_async.bulk.table_calamine", self._path, str(self._limit)]
        environ = {name: os.environ[name] for name in _KEPT if name in os.environ}  # no keys: it needs none
        environ |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
        pipe = subprocess.PIPE
        with subprocess.Popen(  # noqa: S603 - our own module, without a shell
            [*command, *([index] if index else [])], env=environ, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
        ) as process:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            assert process.stderr is not None  # noqa: S101 - the same
            try:
                for line in process.stdout:
                    if line.endswith(b"\n"):  # else it died in the middle of it
                        yield json.loads(line)
                said = process.stderr.read().decode(errors="replace")
                if code := process.wait():
                    raise self._failed(code, said)
            finally:
                with suppress(ProcessLookupError):
                    process.kill()

    def _failed(self, code: int, said: str) -> InputError | ConfigError:
        if code == _MISSING:
            return ConfigError(f"{self._path}: reading this kind of workbook needs python-calamine; "
                               "pip install 'airmeet-async[excel]', or save it as .xlsx")  # fmt: skip
        if code == _LOCKED:
            return fault("is protected by a password; save it without one", path=self._path)
        if code < 0 or code == _NO_MEMORY or "memory" in said:
            what = f"needs more than the {self._limit // 1024**2:,} MiB that a file of its size gets"
            return fault(f"{what}: perhaps two cells are very far apart; {_SAVE}", path=self._path)
        return fault(f"is damaged ({' '.join(said.split())[:80]}); {_SAVE}", path=self._path)


@contextmanager
def open_oldbook(path: str) -> Iterator[OldBook]:
    """Open a workbook that has been looked at.

    Raises:
        InputError: It is damaged, encrypted, or built to do harm.
        ConfigError: The package that reads it is not installed.
    """
    yield OldBook(path, _size(path))


def _size(path: str) -> int:
    with Path(path).open("rb") as file:
        if file.read(2) != b"PK":
            return Path(path).stat().st_size
    with Package(path) as package:
        package.check_parts()
        return package.size
