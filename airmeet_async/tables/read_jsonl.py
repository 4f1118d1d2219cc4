"""JSON: one object per line, objects one after another, or an array of objects. Values are texts or lists of texts."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from airmeet_async.tables.cells import CELL_LIMIT, COLUMN_LIMIT, TOO_LONG, Findings, ReadOptions, TableReader, shown
from airmeet_async.tables.text_file import LINE_LIMIT, TextFile

_WANTED = 'a file has one JSON object per line, such as {"email": "ana@example.com"}, or an array of objects'
_PIECE = 64 * 1024
_HEAD = 1000  # rows whose keys are known at once
_BLANKS = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")


class _Twice(str):
    """The value of a key that an object names twice; which of them counts would be a guess."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = Counter(name for name, _ in pairs)
        found |= {name: _Twice() for name, n in names.items() if n > 1}
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# Numbers stay as they are written: 1e5 and 1.10 are texts to Airmeet, and 2 ** 70 must not become a float.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_no_number)


class JsonReader(TableReader):
    """How to read a file of JSON; see `TableReader`. A row's line is the one where its object begins."""

    notices: list[str]
    reading: dict[str, str]

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._text = TextFile(options)
        self.columns: tuple[str, ...] = ()
        self.notices = self._text.notices
        self.reading = {} if self._text.encoding == "utf-8" else {"encoding": self._text.encoding}
        head = list(islice(self._objects(), 2))
        is_header = options.is_header
        if len(head) == 1 and is_header and not is_header(tuple(head[0][2])):
            line, _, whole = head[0]
            for name, value in whole.items():
                if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
                    what = "the rows are in a list inside an object; save only that list"
                    raise options.fault(what, line, name)
        for _ in islice(self.rows(Findings()), _HEAD):
            pass

    def rows(self, findings: Findings) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield each row's line and its values by key; null is the same as no value."""
        objects = self._objects()
        columns: dict[str, None] = dict.fromkeys(self.columns)
        for line, raw, found in objects:
            if self._text.misfit(raw) is not None:
                cells = [(line, *one) for one in _texts(found)]
                # Else it is in a key, or in what is nested.
                bad = next((cell for cell in cells if self._text.misfit(cell[2]) is not None), (line, None, raw))
                behind = cells[cells.index(bad) + 1 :] if bad in cells else []
                raise self._text.refuse(
                    bad, chain(behind, ((at, *one) for at, _, more in objects for one in _texts(more)))
                )
            if not columns.keys() >= found.keys():
                columns.update(dict.fromkeys(found))
                self.columns = tuple(columns)
            if len(columns) > COLUMN_LIMIT:
                what = f"more than {COLUMN_LIMIT:,} different keys up to here; these look like values, not column names"
                raise self._options.fault(what, line)
            row: dict[str, Any] = {}
            for name, value in found.items():
                if isinstance(value, str) and len(value) <= CELL_LIMIT:
                    row[name] = value
                    if type(value) is _Twice:
                        findings.fault("the key is twice in this object; remove one", line, name)
                    continue
                if value is None:
                    continue
                texts = value if isinstance(value, list) else [value]
                if isinstance(value, bool):
                    row[name] = "true" if value else "false"
                elif not all(isinstance(text, str) for text in texts):
                    what = "holds nested JSON; a value is a text, a number, true, false, null or a list of texts"
                    findings.fault(what, line, name)
                elif sum(map(len, texts)) > CELL_LIMIT:  # also of a list
                    findings.fault(TOO_LONG, line, name)
                else:
                    row[name] = value
            yield line, row

    def _objects(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Yield the line, the text and the content of each object, whatever stands between them."""
        pieces = self._text.pieces(_PIECE)
        buffer, line, array, behind = "", 1, "", False  # array: "", "[" within one, "]" behind it
        place = 0
        while True:
            blank = _BLANKS.match(buffer, place)
            start, place = place, blank.end() if blank else place
            line += len(_LINE_END.findall(buffer, start, place))
            if place == len(buffer):
                buffer, place = next(pieces, ""), 0
                if buffer:
                    continue
                if array == "[":
                    raise self._options.fault("the array is not closed; was the file cut off?", line)
                return
            character = buffer[place]
            if not array and not behind and character == "[":
                array, place = "[", place + 1
            elif array == "[" and (character == "]" or (character == "," and behind)):
                array, behind, place = "]" if character == "]" else array, False, place + 1
            elif array == "[" and behind:
                raise self._options.fault("a comma is missing between two objects of the array", line)
            elif array == "]":
                raise self._options.fault(f"there is text after the end of the array; {_WANTED}", line)
            else:
                try:
                    found, end = self._decoded(buffer, place, line)
                except json.JSONDecodeError as error:
                    # Perhaps only the rest of it is missing: as much again is read, so that a long one costs little.
                    more = "".join(islice(pieces, 1 + (len(buffer) - place) // _PIECE))
                    if more and len(buffer) - place <= LINE_LIMIT:
                        buffer, place = buffer[place:] + more, 0
                        continue
                    before = _LINE_END.split(buffer[place : error.pos])
                    self._text.check_nul(buffer[place : error.pos + 1], line)
                    what = f"character {len(before[-1]) + 1}: not JSON: {error.msg}; {_WANTED}"
                    raise self._options.fault(what, line + len(before) - 1) from None
                yield line, buffer[place:end], found
                line += len(_LINE_END.findall(buffer, place, end))
                place, behind = end, True

    def _decoded(self, buffer: str, place: int, line: int) -> tuple[dict[str, Any], int]:
        """Return the object that begins at a place of the buffer, and where it ends."""
        try:
            found, end = _DECODER.raw_decode(buffer, place)
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            raise self._options.fault(f"not JSON: {str(error)[:80]}; {_WANTED}", line) from None
        if not isinstance(found, dict):
            raise self._options.fault(f"not an object but {shown(buffer[place:end], 30)}; {_WANTED}", line)
        if not all(map(str.strip, found)):
            raise self._options.fault("a key is empty; name it", line)
        self._text.check_nul(buffer[place:end], line)
        return found, end


def _texts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the texts of an object with their keys."""
    for name, value in found.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield name, text
