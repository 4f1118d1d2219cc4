"""JSON: one object per line, objects one after another, or an array of objects. Values are texts or lists of texts."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from airmeet_async.errors import InputError
from airmeet_async.tables.cells import CELL_LIMIT, COLUMN_LIMIT, Findings, ReadOptions, shown
from airmeet_async.tables.text_file import LINE_LIMIT, Cell, TextFile

_WANTED = 'a file has one JSON object per line, such as {"email": "ana@example.com"}, or an array of objects'
_PIECE = 64 * 1024
_HEAD = 1000  # rows whose keys are known at once
_BLANKS = re.compile(r"[ \t\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")


class _FieldTwiceError(Exception):
    """An object names a field twice; which of them counts would be a guess."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _FieldTwiceError(next(name for name in names if names.count(name) > 1))
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# Numbers stay as they are written: 1e5 and 1.10 are texts to Airmeet, and 2 ** 70 must not become a float.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_no_number)


class JsonReader:
    """How to read a file of JSON; see `TableReader`. A row's line is the one where its object begins."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._text = TextFile(options)
        self._columns: dict[str, None] = {}
        self.notices = self._text.notices
        self.reading = {} if self._text.encoding == "utf-8" else {"encoding": self._text.encoding}
        for _ in islice(self.rows(Findings()), _HEAD):
            pass

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of all objects that have been read, in the order in which they first came."""
        return tuple(self._columns)

    def rows(self, findings: Findings) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield each row's line and its values by key; null is the same as no value."""
        objects = self._objects()
        for line, text, found in objects:
            if self._text.misfit(text) is not None:
                raise self._misfit(line, found, ((at, *one) for at, _, more in objects for one in _texts(more)))
            self._columns.update(dict.fromkeys(found))
            if len(self._columns) > COLUMN_LIMIT:
                what = f"more than {COLUMN_LIMIT:,} different keys up to here; these look like values, not like columns"
                raise self._options.fault(what, line)
            row = {}
            for name, value in found.items():
                if isinstance(value, str) and len(value) <= CELL_LIMIT:
                    row[name] = value
                elif isinstance(value, bool):
                    row[name] = "true" if value else "false"
                elif value is not None:
                    self._take(row, name, value, line, findings)
            yield line, row

    def _take(self, row: dict[str, Any], name: str, value: Any, line: int, findings: Findings) -> None:
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) for text in texts):
            what = "holds nested JSON; a value is a text, a number, true, false, null or a list of texts"
            findings.fault(what, line, name)
        elif sum(map(len, texts)) > CELL_LIMIT:
            findings.fault(f"is longer than {CELL_LIMIT:,} characters; shorten it", line, name)
        else:
            row[name] = texts

    def _misfit(self, line: int, found: Mapping[str, Any], others: Iterator[Cell]) -> InputError:
        cells: list[Cell] = [(line, *one) for one in _texts(found)]
        bad = next((cell for cell in cells if self._text.misfit(cell[2]) is not None), None)
        if bad is None:  # in a key, or in what is nested
            return self._text.refuse((line, None, "".join(found) + str(found)), others)
        return self._text.refuse(bad, others)

    def _objects(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Yield the line, the text and the content of each object, whatever stands between them."""
        pieces = self._text.pieces(_PIECE)
        buffer, place, line, array, behind = "", 0, 1, "", False
        while True:
            blank = _BLANKS.match(buffer, place)
            end = blank.end() if blank else place
            line += len(_LINE_END.findall(buffer, place, end))
            place = end
            if place == len(buffer):
                buffer, place = next(pieces, ""), 0
                if not buffer:
                    break
                continue
            character = buffer[place]
            if array == "" and not behind and character == "[":
                array, place = "[", place + 1
            elif array == "[" and (character == "]" or (character == "," and behind)):
                array, behind, place = ("]" if character == "]" else array), False, place + 1
            elif array == "[" and behind:
                raise self._options.fault("a comma is missing between two objects of the array", line)
            elif array == "]":
                raise self._options.fault(f"something stands behind the end of the array; {_WANTED}", line)
            else:
                buffer, place, end, found = self._decoded(buffer, place, pieces, line)
                text = buffer[place:end]
                yield line, text, found
                line += len(_LINE_END.findall(text))
                place, behind = end, True
        if array == "[":
            raise self._options.fault("the array is not closed; was the file cut off?", line)

    def _decoded(
        self, buffer: str, place: int, pieces: Iterator[str], line: int
    ) -> tuple[str, int, int, dict[str, Any]]:
        """Return the buffer, where the object in it begins and ends, and the object."""
        while True:
            try:
                found, end = _DECODER.raw_decode(buffer, place)
            except _FieldTwiceError as error:
                what = "the key stands twice in this object; take one away"
                raise self._options.fault(what, line, str(error)) from None
            except json.JSONDecodeError as error:
                # Perhaps only the rest of it is missing: as much again is read, so that a long one costs little.
                more = "".join(islice(pieces, 1 + (len(buffer) - place) // _PIECE))
                if more and len(buffer) - place <= LINE_LIMIT:
                    buffer, place = buffer[place:] + more, 0
                    continue
                raise self._no_json(buffer[place : error.pos + 1], error.msg, line) from None
            except (ValueError, RecursionError) as error:
                raise self._options.fault(f"not JSON: {str(error)[:80]}; {_WANTED}", line) from None
            if not isinstance(found, dict):
                raise self._options.fault(f"not an object but {shown(buffer[place:end], 30)}; {_WANTED}", line)
            if any(not name.strip() for name in found):
                raise self._options.fault("a key is empty; name it", line)
            self._text.check_nul(buffer[place:end], line)
            return buffer, place, end, found

    def _no_json(self, before: str, reason: str, line: int) -> InputError:
        self._text.check_nul(before, line)
        last = _LINE_END.split(before[:-1])[-1]
        line += len(_LINE_END.findall(before[:-1]))
        return self._options.fault(f"character {len(last) + 1}: not JSON: {reason}; {_WANTED}", line)


def _texts(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the texts of an object with their keys."""
    for name, value in found.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield name, text
