"""Files and data frames as rows of texts, each with the line at which a person finds it.

It knows nothing of Airmeet and does no network I/O. ``open_table`` is the way in for files, ``open_frame`` for data
frames; both return a `Table`.
"""

from airmeet_async.tables.cells import (
    command_line_option,
    csv_line,
    fault,
    guard,
    listed,
    python_option,
    shown,
    text_of,
    tidy,
    unguard,
)
from airmeet_async.tables.read_frame import is_frame, open_frame
from airmeet_async.tables.table import KINDS, Table, open_table

__all__ = [
    "KINDS", "Table", "command_line_option", "csv_line",
    "fault", "guard", "is_frame", "listed", "open_frame", "open_table", "python_option", "shown", "text_of", "tidy",
    "unguard",
]  # fmt: skip
