"""What some tools write above and below the table in their CSV files. Pure; what is left out is always said.

Zoom: the report's title, its date, and sections on the meeting, the host and the panelists, each under a line of its
own; the people come under "Attendee Details" or "Registration Details" (C: seen in published exports).
Salesforce: the report's title, a copyright line and who has made it, below the last row (C).
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence

from airmeet_async.bulk.table_cells import fault

Record = tuple[int, list[str]]

_TITLE = re.compile(r"(attendee|registration|meeting registration|webinar registration) report", re.IGNORECASE)
_SECTION = re.compile(r"(attendee|registration|registrants?) details?", re.IGNORECASE)
_OTHERS = re.compile(r"other attended", re.IGNORECASE)
_FOOTER = re.compile(r"Grand Totals \(|Copyright .{1,20}salesforce\.com|Confidential Information - Do Not Distribute")
_ABOVE = 2  # a title and grand totals stand before what tells the footer


def unwrapped(records: Iterator[Record], said: list[str], path: str) -> Iterator[Record]:
    """Yield the records of the table alone.

    Args:
        records: Line and cells of all records that are not empty.
        said: Gets a sentence for what is left out.
        path: Of the file.

    Raises:
        InputError: It begins like a report, and the table does not come.
    """
    first = next(records, None)
    if first is None:
        return
    zoom = bool(_TITLE.fullmatch(_alone(first[1])))
    if zoom:
        start = first[0]
        first = _below_section(records, path)
        said.append(f"a report of Zoom: lines {start} to {first[0] - 1}, above the table, left out")
    yield first
    if _width(first[1]) > 1:
        records = _without_others(records, said) if zoom else _without_footer(records, said, path)
    yield from records


def _below_section(records: Iterator[Record], path: str) -> Record:
    for _, cells in records:
        if _SECTION.fullmatch(_alone(cells)) and (header := next(records, None)):
            return header
    what = 'begins like a report of Zoom, but has no line "Attendee Details" or "Registration Details" above its table'
    raise fault(f"{what}; delete what stands above the line that names the columns", path=path)


def _without_others(records: Iterator[Record], said: list[str]) -> Iterator[Record]:
    for line, cells in records:
        if _OTHERS.fullmatch(_alone(cells)):
            said.append(f"line {line} and what is below it left out: people who joined without registering")
            return
        yield line, cells


def _without_footer(records: Iterator[Record], said: list[str], path: str) -> Iterator[Record]:
    held: deque[Record] = deque()  # lines of one cell, which may be the first of a footer
    for record in records:
        alone = _alone(record[1])
        if not alone:
            yield from held
            held.clear()
            yield record
            continue
        held.append(record)
        if _FOOTER.match(alone):
            last = _to_the_end(record, records, path)
            said.append(f"lines {held[0][0]} to {last}, the end of a Salesforce report, left out")
            return
        if len(held) > _ABOVE:
            yield held.popleft()
    yield from held


def _to_the_end(record: Record, records: Iterator[Record], path: str) -> int:
    last = record[0]
    for last, cells in records:
        if not _alone(cells):
            what = f"a row below the end of a Salesforce report, which begins on line {record[0]}; delete those lines"
            raise fault(what, path=path, line=last)
    return last


def _alone(cells: Sequence[str]) -> str:
    """Return the first cell if it is the only one with something in it, else nothing."""
    return cells[0].strip() if _width(cells) == 1 else ""


def _width(cells: Sequence[str]) -> int:
    return sum(1 for cell in cells if cell.strip())
