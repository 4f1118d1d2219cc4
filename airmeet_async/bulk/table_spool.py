"""Rows that are read from their file once, and from then on out of a private file that has no name.

A workbook is unpacked and parsed, and it is needed three times: to be checked, to be looked through, and to be sent.
A file without a name is gone when the process is, whatever ends it.
"""

import json
import weakref
from collections.abc import Iterator, Mapping
from tempfile import SpooledTemporaryFile
from threading import Lock

from airmeet_async.bulk.table_format import RowReader

_IN_MEMORY = 1024 * 1024
_AT_ONCE = 64 * 1024


class Spooled:
    """Rows that every pass after the first complete one takes out of a private file.

    Args:
        rows: What is read by the first.
    """

    def __init__(self, rows: RowReader) -> None:
        self._rows = rows
        self._whole = False
        self._reading = Lock()
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._file.close)

    @property
    def header(self) -> tuple[str, ...]:
        """The columns."""
        return self._rows.header

    @property
    def notices(self) -> tuple[str, ...]:
        """What was decided without being asked."""
        return self._rows.notices

    def __iter__(self) -> Iterator[tuple[int | None, Mapping[str, str]]]:
        """Yield each row's line and its cells by column."""
        return self._again() if self._whole else self._first()

    def _first(self) -> Iterator[tuple[int | None, Mapping[str, str]]]:
        self._file.seek(0)
        self._file.truncate()
        for line, data in self._rows:
            self._file.write(json.dumps([line, *data.values()]).encode() + b"\n")
            yield line, data
        self._whole = True

    def _again(self) -> Iterator[tuple[int | None, Mapping[str, str]]]:
        place, header = 0, self.header
        while True:
            with self._reading:  # two passes may be under way at once
                self._file.seek(place)
                texts = self._file.readlines(_AT_ONCE)
                place = self._file.tell()
            if not texts:
                return
            for text in texts:
                line, *cells = json.loads(text)
                yield line, dict(zip(header, cells, strict=True))
