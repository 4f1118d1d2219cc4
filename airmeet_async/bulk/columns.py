"""Which column of an input table is which field of an attendee. Pure.

A guess is never silent: `ColumnMap.lines` says for each column what was made of it, and where two columns could
be the same field, or a mandatory field has none, the run does not start.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from attrs import evolve, field, frozen

from airmeet_async.api.rules import FieldBook, Problem, check_email
from airmeet_async.bulk.column_faults import ambiguous, missing_columns, names_of, no_column, no_field
from airmeet_async.bulk.column_map import NAMES, ColumnMap, Match
from airmeet_async.bulk.presets import Preset, choose
from airmeet_async.bulk.table_cells import RESULT_COLUMNS, shown
from airmeet_async.bulk.table_words import FIELDS, FULL_NAMES, guess, squeezed
from airmeet_async.errors import InputError

MANDATORY = ("email", "first_name", "last_name")
"""What Airmeet refuses an attendee without (help article, A)."""

_CUSTOM = "custom:"


@frozen(kw_only=True)
class Reading:
    """How the columns of a table are to be found.

    Attributes:
        overrides: Field to column, as ``--map`` gives them; ``custom:LABEL_OR_ID`` is a registration field of the
            event. A column that is named here is not guessed for anything else.
        preset: The tool whose export it is; None to find out, ``none`` for no tool's.
        split_name: A column of whole names may be split where there are no columns for first and last name.
        required: Fields that must have a column.
    """

    overrides: Mapping[str, str] = field(factory=dict)
    preset: str | None = None
    split_name: bool = False
    required: Collection[str] = MANDATORY


def match_columns(
    header: Sequence[str],
    *,
    overrides: Mapping[str, str] = MappingProxyType({}),
    required: Collection[str] = MANDATORY,
) -> ColumnMap:
    """Find each field's column by its name, of whatever file; see `find_columns`."""
    return find_columns(header, Reading(overrides=overrides, preset="none", required=required))


def find_columns(header: Sequence[str], reading: Reading, book: FieldBook | None = None) -> ColumnMap:
    """Find each field's column by its name, in the languages of `table_words`.

    Args:
        header: The table's column names.
        reading: What was asked for.
        book: The event's registration fields: a column that nothing else wants and that is called like one is that
            field. Without it only those that are named in *reading*, and unchecked.

    Raises:
        ConfigError: There is no such preset.
        InputError: A guess would be a gamble, a registration field is unknown, or a required field has no column;
            with the ``--map`` to type.
    """
    if name := next((name for name in header if "@" in name and check_email(name.strip()) is None), None):
        raise InputError(f"the first line holds {shown(name)}: it must name the columns; put a header line above")
    matches, custom = _overridden(header, reading.overrides, book)
    preset = choose(reading.preset, header)
    if preset:
        matches += _preset_matches(preset, header, matches, custom)
    taken = {match.column for match in (*matches, *custom)}
    free = [name for name in header if name not in taken and name not in RESULT_COLUMNS]
    matches += _guesses(free, {match.field for match in matches})
    whole = _whole(free, matches) if reading.split_name else ""
    found = {match.field for match in matches} | (set(NAMES) if whole else set())
    if missing := [name for name in MANDATORY if name in reading.required and name not in found]:
        raise missing_columns(header, missing)
    status = _column(preset.status, header) if preset and preset.status else ""
    used = {match.column for match in matches} | {whole, status}
    custom += _labelled([name for name in free if name not in used], custom, book)
    used |= {match.column for match in custom}
    matches.sort(key=lambda match: FIELDS.index(match.field))
    return ColumnMap(
        tuple(matches),
        tuple(custom),
        tuple(name for name in free if name not in used),
        not set(header).isdisjoint(RESULT_COLUMNS),
        whole=whole,
        preset=preset,
        status=status,
        detected=preset is not None and reading.preset is None,
    )


def _column(wanted: str, header: Iterable[str]) -> str:
    return next((name for name in header if squeezed(name) == squeezed(wanted)), "")


def _preset_matches(
    preset: Preset, header: Sequence[str], matches: Iterable[Match], custom: Iterable[Match]
) -> list[Match]:
    decided = {match.field for match in matches}
    taken = {match.column for match in (*matches, *custom)}
    found: list[Match] = []
    for name, wanted in preset.fields.items():
        columns = [column for column in (_column(one, header) for one in wanted) if column and column not in taken]
        if columns and name not in decided:
            how = "" if squeezed(columns[0]) == squeezed(name) else preset.title
            found.append(Match(name, columns[0], how))
    return found


def _guesses(free: Iterable[str], decided: Collection[str]) -> list[Match]:
    found: dict[str, list[str]] = {}
    for column in free:
        name = guess(column)
        if name is not None and name not in decided:
            found.setdefault(name, []).append(column)
    for name, columns in found.items():
        if len(columns) > 1:
            raise ambiguous(name, columns)
    return [
        Match(name, column, "" if squeezed(column) == squeezed(name) else "guessed")
        for name, (column,) in found.items()
    ]


def _whole(free: Iterable[str], matches: Iterable[Match]) -> str:
    """Return the column of whole names."""
    used = {match.column for match in matches}
    columns = [name for name in free if squeezed(name) in FULL_NAMES and name not in used]
    if len(columns) > 1:
        raise InputError(f"{names_of(columns)} could each hold the whole names that --split-name splits; rename one")
    return columns[0] if columns else ""


def _labelled(free: Iterable[str], custom: Iterable[Match], book: FieldBook | None) -> list[Match]:
    """Return the columns that are called like one of the event's registration fields."""
    if book is None:
        return []
    decided = {entry.field_id for match in custom if not isinstance(entry := book.find(match.field), Problem)}
    found: dict[str, list[Match]] = {}
    for column in free:
        entry = book.find(column)
        if not isinstance(entry, Problem) and entry.field_id not in decided:
            how = "its label" if squeezed(column) != squeezed(entry.field_id) else "its id"
            found.setdefault(entry.field_id, []).append(Match(entry.label or entry.field_id, column, how))
    for matches in found.values():
        if len(matches) > 1:
            raise ambiguous(f"{_CUSTOM}{matches[0].field}", [match.column for match in matches])
    return [evolve(match, field=_unique(match, name, book)) for name, (match,) in found.items()]


def _unique(match: Match, field_id: str, book: FieldBook) -> str:
    """Return the label, or the id where several fields have that label."""
    return field_id if isinstance(book.find(match.field), Problem) else match.field


def _overridden(
    header: Sequence[str], overrides: Mapping[str, str], book: FieldBook | None
) -> tuple[list[Match], list[Match]]:
    matches: dict[str, Match] = {}
    custom: list[Match] = []
    for given, column in overrides.items():
        if column not in header:
            raise no_column(given, column, header)
        if given.startswith(_CUSTOM):
            custom.append(Match(_label(given, book), column, "--map"))
            continue
        name = next((name for name in FIELDS if squeezed(given) == squeezed(name)), None)
        if name is None:
            raise no_field(given)
        if name in matches:
            raise InputError(f"--map names {name} twice: {names_of([matches[name].column, column])}; keep one of them")
        matches[name] = Match(name, column, "--map")
    return list(matches.values()), custom


def _label(given: str, book: FieldBook | None) -> str:
    label = given.removeprefix(_CUSTOM).strip()
    if not label:
        raise InputError(f"--map {given}: name the custom field by its label or id, such as --map custom:LABEL=Column")
    if book is not None and isinstance(problem := book.find(label), Problem):
        raise InputError(f"--map {given}: {problem.message}")
    return label
