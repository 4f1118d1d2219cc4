"""What input tables and result files agree on: how a cell is guarded, shown and blamed. Pure."""

import json
import re
from collections.abc import Iterable

from airmeet_async.errors import InputError

RESULT_COLUMNS = (
    "airmeet_row",
    "airmeet_status",
    "airmeet_code",
    "airmeet_error",
    "airmeet_attempts",
    "airmeet_entry_link",
)
"""The columns that a result file adds to those of the input."""

CELL_LIMIT = 128 * 1024
"""Most characters in one cell; also the `csv` module's own default, which is what enforces it for CSV."""

COLUMN_LIMIT = 2000
"""Most columns of one table, so that a file that is no table cannot eat the memory."""

# What a spreadsheet runs as a formula, also behind blanks and quotes: OWASP "CSV injection" and Symfony's
# CVE-2021-41270. The full-width signs count because Excel folds them in Japanese and Chinese locales.
_FORMULA = re.compile(r"[\s\"']*(?:[=+\-@|\uff1d\uff0b\uff0d\uff20]|(?<=[\t\r\n]))")


def guard(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula.

    An apostrophe may itself stand before such text, so values that already have one get one more. That makes
    the rule reversible without a list of exceptions: `unguard` takes one away exactly where one was put.
    """
    if text[:1].isalnum():  # nearly all cells, and far cheaper than the pattern
        return text
    return "'" + text if _FORMULA.match(text) else text


def guard_raw(text: str) -> str:
    """Leave formulas as they are, yet keep `unguard` exact: only ``'=x`` and its like get one more apostrophe."""
    return "'" + text if unguard(text) != text else text


def unguard(text: str) -> str:
    """Return the value that `guard` or `guard_raw` was given."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text, 1) else text


def is_result_header(header: Iterable[str]) -> bool:
    """Whether a table is one of our own result files."""
    return set(RESULT_COLUMNS).issubset(header)


def shown(text: str, limit: int = 60) -> str:
    """Return text in double quotes for a message: one line, no control characters, not too long."""
    return json.dumps(text if len(text) <= limit else text[: limit - 1] + "…", ensure_ascii=False)


def counted(number: int, noun: str) -> str:
    """Return ``1 row`` or ``3 rows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def merged_notice(n: int) -> str:
    """Say what is in the cells of a merged area."""
    return f"{counted(n, 'merged area')}: only the first cell of one has a value, its others are empty"


def fault(message: str, *, path: str, line: int | None = None, column: str | None = None) -> InputError:
    """Return the error that says where and what; the place is in its sentence and in its attributes."""
    where = path
    if line is not None:
        where += f", line {line}"
    if column is not None:
        where += f", column {shown(column)}"
    return InputError(f"{where}: {message}", path=path, line=line, column=column)
