"""Which column of an input table is which field of an attendee. Pure.

A guess is never silent: `ColumnMap.lines` says for each column what was made of it, and where two columns could
be the same field, or a mandatory field has none, the run does not start.
"""

import difflib
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from attrs import frozen

from airmeet_async.bulk.cells import tidy
from airmeet_async.bulk.table_cells import RESULT_COLUMNS, shown
from airmeet_async.bulk.table_words import FIELDS, FULL_NAMES, guess, squeezed
from airmeet_async.errors import InputError

MANDATORY = ("email", "first_name", "last_name")
"""What Airmeet refuses an attendee without (help article, A)."""

_CUSTOM = "custom:"


@frozen
class Match:
    """One field and the column it comes from.

    Attributes:
        field: The field, or the label or id of a custom registration field.
        column: The column's name in the table.
        how: Why: ``--map``, ``guessed``, or empty where the names are the same.
    """

    field: str
    column: str
    how: str = ""


@frozen
class ColumnMap:
    """How the columns of a table are used.

    Attributes:
        fields: The attendee's own fields.
        custom: Custom registration fields.
        ignored: Columns that are used for nothing.
        from_results: Whether the table is a result file of ours, whose added columns are passed over.
    """

    fields: tuple[Match, ...]
    custom: tuple[Match, ...] = ()
    ignored: tuple[str, ...] = ()
    from_results: bool = False

    def lines(self) -> list[str]:
        """Say in a line each what every column is used for."""
        said = [_line(match.field, match) for match in self.fields]
        said += [_line(f"custom field {shown(match.field)}", match) for match in self.custom]
        if self.ignored:
            said.append(f"ignored: {_names(self.ignored)}")
        if self.from_results:
            said.append("not sent: the airmeet_ columns of an earlier result file")
        return said

    def pick(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row's values by field, stripped, empty ones left out; custom ones under ``custom_fields``."""
        picked: dict[str, Any] = _texts(self.fields, data)
        if self.custom and (custom := _texts(self.custom, data)):
            picked["custom_fields"] = custom
        return picked


def _line(name: str, match: Match) -> str:
    return f"{name} <- {shown(match.column)}" + (f" ({match.how})" if match.how else "")


def _texts(matches: Iterable[Match], data: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for match in matches:
        value = data.get(match.column)
        if type(value) is str and value.isprintable():
            text = value.strip()
        else:
            text = tidy(", ".join(map(str, value)) if isinstance(value, list) else value)
        if text:
            found[match.field] = text
    return found


def match_columns(
    header: Sequence[str],
    *,
    overrides: Mapping[str, str] = MappingProxyType({}),
    required: Collection[str] = MANDATORY,
) -> ColumnMap:
    """Find each field's column by its name in English, German, French, Spanish, Italian, Portuguese or Dutch.

    Args:
        header: The table's column names.
        overrides: Field to column, as ``--map`` gives them; ``custom:LABEL_OR_ID`` is a custom registration field.
            A column that is named here is not guessed for anything else.
        required: Fields that must have a column.

    Raises:
        InputError: A guess would be a gamble, or a required field has no column; with the ``--map`` to type.
    """
    if any("@" in name for name in header):
        name = next(name for name in header if "@" in name)
        raise InputError(f"the first line holds {shown(name)}: it must name the columns; put a header line above")
    matches, custom = _overridden(header, overrides)
    taken = {match.column for match in (*matches, *custom)}
    decided = {match.field for match in matches}
    free = [name for name in header if name not in taken and name not in RESULT_COLUMNS]
    for name, columns in _guessed(free, decided).items():
        if len(columns) > 1:
            fix = " or ".join(_option(name, column) for column in columns)
            raise InputError(f"{_names(columns)} could each be {name}; say which one: {fix}")
        how = "" if squeezed(columns[0]) == squeezed(name) else "guessed"
        matches.append(Match(name, columns[0], how))
    _check_required(header, {match.field for match in matches}, required)
    matches.sort(key=lambda match: FIELDS.index(match.field))
    used = taken | {match.column for match in matches}
    ignored = tuple(name for name in free if name not in used)
    return ColumnMap(tuple(matches), tuple(custom), ignored, not set(header).isdisjoint(RESULT_COLUMNS))


def _guessed(free: Iterable[str], decided: Collection[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column in free:
        name = guess(column)
        if name is not None and name not in decided:
            found.setdefault(name, []).append(column)
    return found


def _overridden(header: Sequence[str], overrides: Mapping[str, str]) -> tuple[list[Match], list[Match]]:
    matches: dict[str, Match] = {}
    custom: list[Match] = []
    for given, column in overrides.items():
        if column not in header:
            known = _hint(column, header) or f"the columns are {_names(header)}"
            raise InputError(f"--map {given}={column}: no column is named {shown(column)}; {known}", column=column)
        if given.startswith(_CUSTOM):
            custom.append(Match(_label(given), column, "--map"))
            continue
        name = _field(given)
        if name in matches:
            raise InputError(f"--map names {name} twice: {_names([matches[name].column, column])}; keep one of them")
        matches[name] = Match(name, column, "--map")
    return list(matches.values()), custom


def _label(given: str) -> str:
    label = given.removeprefix(_CUSTOM).strip()
    if not label:
        raise InputError(f"--map {given}: name the custom field by its label or id, such as --map custom:LABEL=Column")
    return label


def _field(given: str) -> str:
    for name in FIELDS:
        if squeezed(given) == squeezed(name):
            return name
    known = _hint(given, FIELDS) or f"the fields are {', '.join(FIELDS)}"
    raise InputError(f"--map {given}: there is no such field; {known}. A custom one is --map custom:LABEL=Column")


def _check_required(header: Sequence[str], found: Collection[str], required: Collection[str]) -> None:
    missing = [name for name in MANDATORY if name in required and name not in found]
    if not missing:
        return
    what = f"no column for {' and '.join(missing)}; the columns are {_names(header)}"
    names = [name for name in header if squeezed(name) in FULL_NAMES and missing != ["email"]]
    if names:
        what += f". {shown(names[0])} may hold whole names: a single name column is not split by itself, since where"
        what += " the first name ends would be a guess; give the file two columns"
        if len(missing) == 1:
            raise InputError(f"{what}, or type {_option(missing[0], names[0])}")
    example = " ".join(_option(name, _likely(name, header)) for name in missing)
    raise InputError(f"{what}. Say which: {example}")


def _likely(name: str, header: Sequence[str]) -> str:
    """Return the column to put into the example: one that sounds like the field, else a placeholder."""
    sounds = [column for column in header if squeezed(name) in squeezed(column)]
    sounds += [column for column in header if name == "email" and "mail" in squeezed(column)]
    sounds += difflib.get_close_matches(name, header, 1)
    return sounds[0] if sounds else "COLUMN"


def _hint(given: str, known: Iterable[str]) -> str:
    by_squeezed = {squeezed(name): name for name in known}
    close = difflib.get_close_matches(squeezed(given), by_squeezed, 3)
    return f"did you mean {' or '.join(shown(by_squeezed[name]) for name in close)}?" if close else ""


def _option(name: str, column: str) -> str:
    return f"--map {shlex.quote(f'{name}={column}')}"


def _names(columns: Iterable[str], limit: int = 20) -> str:
    said = [shown(name) for name in columns]
    more = f" and {len(said) - limit} more" if len(said) > limit else ""
    return ", ".join(said[:limit]) + more
