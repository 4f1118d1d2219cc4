"""A process of its own that reads an old or rare kind of workbook by calamine and writes its rows as JSON lines.

It is not imported: `table_oldbook` starts it. calamine holds a whole sheet in memory, and takes as much for two cells
far apart as for all between them; where the system then gives none, it ends the process (tafia/calamine issue 693).
That must not be the process in which somebody's server runs.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from airmeet_async.bulk.table_values import text_of


def sheets(book: Any) -> Iterator[Any]:
    """Yield name, hidden or not, and whether it has rows, of each sheet."""
    for index, sheet in enumerate(book.sheets_metadata):
        if str(sheet.typ).endswith("WorkSheet"):
            hidden = not str(sheet.visible).endswith(".Visible")
            yield [sheet.name, hidden, index, book.get_sheet_by_index(index).height > 0]


def rows(book: Any, index: int) -> Iterator[Any]:
    """Yield the number and the cells of each row that has any text."""
    sheet = book.get_sheet_by_index(index)
    merged = sheet.merged_cell_ranges or ()
    yield len(merged)
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = [text_of(value) for value in row]
        if any(map(str.strip, cells)):
            yield [number, cells]


def main(path: str, limit: str, index: str = "") -> int:
    """Write the sheets, or the rows of one, and return the exit code."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):  # Windows has no such limit
        pass
    try:
        import python_calamine
    except ImportError:
        return 3
    try:
        book = python_calamine.load_workbook(path)
        for line in rows(book, int(index)) if index else sheets(book):
            sys.stdout.write(json.dumps(line) + "\n")
    except python_calamine.PasswordError:
        return 4
    except MemoryError:
        return 5
    except Exception as error:  # noqa: BLE001 - whatever it is, the file cannot be read
        sys.stderr.write(" ".join(str(error).split())[:200])
        return 6
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
