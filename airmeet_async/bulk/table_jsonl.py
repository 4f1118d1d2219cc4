"""One pass over a file of JSON lines: one object per line, its values texts or lists of texts."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from airmeet_async.bulk.table_cells import CELL_LIMIT, COLUMN_LIMIT, counted, fault, shown
from airmeet_async.bulk.table_text import TextFile, undecoded
from airmeet_async.errors import InputError

_ONE_PER_LINE = 'each line must be one JSON object, such as {"email": "ana@example.com"}; try: jq -c \'.[]\''


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


class JsonRows:
    """The rows of a file of JSON lines, read once. ``header`` and ``notices`` are complete after the last row."""

    def __init__(self, text: TextFile) -> None:
        self._text = text
        self._columns: dict[str, None] = {}
        self._blank = 0

    @property
    def header(self) -> tuple[str, ...]:
        """The keys of all objects in the order in which they first came."""
        return tuple(self._columns)

    @property
    def notices(self) -> tuple[str, ...]:
        """What was done to the text without being asked."""
        return (counted(self._blank, "empty line") + " skipped",) if self._blank else ()

    def __iter__(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield each row's line and its values by key; null is the same as no value."""
        for number, line in enumerate(self._text.lines(), 1):
            if not line.strip():
                self._blank += 1
                continue
            found = self._object(number, line)
            self._columns.update(dict.fromkeys(found))
            if len(self._columns) > COLUMN_LIMIT:
                what = f"more than {COLUMN_LIMIT:,} different keys up to here; these look like values, not like columns"
                raise fault(what, path=self._text.path, line=number)
            yield number, {name: self._value(number, name, value) for name, value in found.items() if value is not None}

    def _object(self, number: int, line: str) -> dict[str, Any]:
        bad = undecoded(line)
        if bad is not None:
            raise self._fault(self._text.bad_byte(line[bad]), number, position=bad)
        try:
            found = _DECODER.decode(line)
        except _FieldTwiceError as error:
            raise self._fault("the key stands twice in this object; take one away", number, str(error)) from None
        except json.JSONDecodeError as error:
            raise self._fault(f"not JSON: {error.msg}; {_ONE_PER_LINE}", number, position=error.pos) from None
        except (ValueError, RecursionError) as error:
            raise self._fault(f"not JSON: {str(error)[:80]}; {_ONE_PER_LINE}", number) from None
        if not isinstance(found, dict):
            raise self._fault(f"not an object but {shown(line.strip(), 30)}; {_ONE_PER_LINE}", number)
        if any(not name.strip() for name in found):
            raise self._fault("a key is empty; name it", number)
        return found

    def _value(self, number: int, name: str, value: Any) -> str | list[str]:
        if isinstance(value, str) and len(value) <= CELL_LIMIT:
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) for text in texts):
            what = "holds nested JSON; a value is a text, a number, true, false, null or a list of texts"
            raise self._fault(what, number, name)
        if sum(map(len, texts)) > CELL_LIMIT:
            raise self._fault(f"is longer than {CELL_LIMIT:,} characters; shorten it", number, name)
        return texts

    def _fault(self, what: str, line: int, column: str | None = None, *, position: int | None = None) -> InputError:
        if position is not None:
            what = f"character {position + 1}: {what}"
        return fault(what, path=self._text.path, line=line, column=column)
