"""How the columns of a table are used, and the values that a row has in them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from airmeet_async.api.rules import Problem
from airmeet_async.bulk.cells import tidy
from airmeet_async.bulk.column_faults import names_of
from airmeet_async.bulk.names import split_name
from airmeet_async.bulk.presets import Preset
from airmeet_async.bulk.table_cells import shown

NAMES = ("first_name", "last_name")
"""What a whole name is split into."""


def _text(value: Any) -> str:
    return tidy(", ".join(map(str, value)) if isinstance(value, list) else value)


@frozen
class Match:
    """One field and the column it comes from.

    Attributes:
        field: The field, or the label or id of a custom registration field.
        column: The column's name in the table.
        how: Why: ``--map``, ``guessed``, a tool's name, or empty where the names are the same.
    """

    field: str
    column: str
    how: str = ""


class Picker:
    """Picks the values of some fields out of rows, stripped, empty ones left out. It is called for each row.

    Args:
        matches: The fields.
    """

    def __init__(self, matches: Iterable[Match]) -> None:
        self._names = tuple(match.field for match in matches)
        self._columns = tuple(match.column for match in matches)

    def __call__(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Return the texts by field."""
        values: tuple[Any, ...] = tuple(map(data.get, self._columns))
        try:
            plain = "".join(values).isprintable()  # nearly always: all are texts, without line ends, tabs and the like
        except TypeError:
            plain = False
        texts = map(str.strip, values) if plain else map(_text, values)
        found = dict(zip(self._names, texts, strict=True))
        return found if all(found.values()) else {name: text for name, text in found.items() if text}


@frozen
class ColumnMap:
    """How the columns of a table are used.

    Attributes:
        fields: The attendee's own fields.
        custom: Custom registration fields.
        ignored: Columns that are used for nothing.
        from_results: Whether the table is a result file of ours, whose added columns are passed over.
        whole: The column of whole names that are split, or nothing.
        preset: The tool whose export it is.
        status: The column that says who comes, where the tool has one.
        detected: Nobody said whose export it is.
    """

    fields: tuple[Match, ...]
    custom: tuple[Match, ...] = ()
    ignored: tuple[str, ...] = ()
    from_results: bool = False
    whole: str = ""
    preset: Preset | None = None
    status: str = ""
    detected: bool = False
    _own: "Picker" = field(init=False, eq=False, repr=False)
    _extra: "Picker" = field(init=False, eq=False, repr=False)

    @_own.default
    def _pick_own(self) -> "Picker":
        return Picker(self.fields)

    @_extra.default
    def _pick_extra(self) -> "Picker":
        return Picker(self.custom)

    def lines(self) -> list[str]:
        """Say in a line each what every column is used for."""
        said = _preset_lines(self.preset, self.status, detected=self.detected) if self.preset else []
        said += [_line(match.field, match) for match in self.fields]
        if self.whole:
            empty = ", where empty," if self.named else ""
            said.append(f"first_name and last_name{empty} <- {shown(self.whole)} (--split-name)")
        said += [_line(f"custom field {shown(match.field)}", match) for match in self.custom]
        if self.ignored:
            said.append(f"ignored: {names_of(self.ignored)}")
        if self.from_results:
            said.append("not sent: the airmeet_ columns of an earlier result file")
        return said

    def pick(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row's values by field, stripped, empty ones left out; custom ones under ``custom_fields``."""
        picked: dict[str, Any] = self._own(data)
        if self.whole and not ("first_name" in picked and "last_name" in picked):
            picked |= {name: text for name, text in zip(NAMES, split_name(self.whole_name(data)), strict=True) if text}
        if self.custom and (custom := self._extra(data)):
            picked["custom_fields"] = custom
        return picked

    @property
    def named(self) -> bool:
        """Whether there are columns for first and last name."""
        return {match.field for match in self.fields}.issuperset(NAMES)

    def whole_name(self, data: Mapping[str, Any]) -> str:
        """Return the name of a row that is to be split."""
        return _text(data.get(self.whole))

    def refuse(self, data: Mapping[str, Any]) -> Problem | None:
        """Return why a row is left out for what the tool that has written it says, or for its name."""
        if self.status and self.preset and not self.preset.comes(status := _text(data.get(self.status))):
            what = f"{self.preset.title} says {status!r:.40} ({self.status})"
            return Problem("not_attending", f"{what}, so this row is left out; --preset none takes all rows")
        if self.whole and (picked := self.pick(data)).get("first_name") and "last_name" not in picked:
            what = f"{self.whole_name(data)!r:.80} is one word, and Airmeet needs a first and a last name"
            return Problem("one_word_name", f"{what}; write the last name, or - for none, behind it")
        return None


def _preset_lines(preset: Preset, status: str, *, detected: bool) -> list[str]:
    how = "by its columns; --preset none reads it as any other file" if detected else "--preset"
    said = [f"an export of {preset.title} ({how})"]
    if status:
        said.append(f"left out: rows whose {shown(status)} is not {' or '.join(sorted(preset.coming))}")
    elif preset.status:
        said.append(f"no column {shown(preset.status)}, so nobody is left out")
    return said


def _line(name: str, match: Match) -> str:
    return f"{name} <- {shown(match.column)}" + (f" ({match.how})" if match.how else "")
