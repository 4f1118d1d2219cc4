"""Which column of an input table is which field of an attendee. Pure.

1. What the user says (``--map``, ``columns=``) wins, then the columns of a known tool's export, then the words of
   `column_names`.
2. A guess is never silent: `ColumnMap.lines` says for each column what it is used for.
3. Where two columns could be the same field, or a mandatory field has none, nothing is sent, and the message holds the
   option to type.
4. Values are looked at before a name is believed: a "Title" full of "Mr" is no job title, and the column that is
   proposed for the addresses is one that holds addresses.
5. A column that is one slip away from a field ("organisaton") is an error, for its values would be lost; only where
   the field has a column too, or somebody said that it is not meant, it is a column like any other.
6. A message names options as its reader writes them: on the command line, or in Python.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from airmeet_async.bulk.input.column_names import (
    CUSTOM,
    FIELDS,
    FULL_NAMES,
    RESULT_COLUMNS,
    Preset,
    choose,
    field_for_column,
    is_salutation,
    kind_of_status,
    parse_attendance,
    says_not_coming,
    squeezed,
)
from airmeet_async.bulk.report import NOT_ATTENDING, RowWarning
from airmeet_async.errors import InputError
from airmeet_async.protocol.validation import Problem, RegistrationFields, check_email
from airmeet_async.tables import Table, command_line_option, python_option, shown, tidy

Spelling = Callable[[str, str], str]  # how the reader of a message writes an option: its name, and its value

# Words that belong to the last name when they stand before its last word: "Anna van der Berg", "Juan de la Cruz".
_PARTICLES = frozenset(
    """
    af al av da dal dalla das de dei del della den der di do dos du el la las le los ten ter van vom von y zu zum zur
    """.split()
)


def split_name(whole: str) -> tuple[str, str]:
    """Return first and last name.

    The last word is the last name, with the particles before it ("van", "de la"; in any case). The first word always is
    a first name. ``Last, First`` is turned round. A name of one word has no last name.
    """
    last, comma, first = (part.strip() for part in whole.partition(","))
    if comma and first and last and "," not in first:
        return first, last
    words = whole.split()
    if len(words) < 2:
        return whole.strip(), ""
    start = len(words) - 1
    while start > 1 and words[start - 1].casefold() in _PARTICLES:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


# What a whole name is split into, and what Airmeet refuses an attendee without (help article, A).
NAMES = ("first_name", "last_name")
MANDATORY = ("email", *NAMES)

# Names of fields that are misspelt as often as the fields' own.
_OTHER_NAMES = (("organisation", "organization"), ("organisation", "company name"), ("designation", "job title"))


def _text(value: Any) -> str:
    return tidy(", ".join(map(str, value)) if isinstance(value, list) else value)


@frozen
class Match:
    """One field and the column it comes from.

    Attributes:
        field: The field, or the label or id of a custom registration field.
        column: The column's name in the table.
        how: Why: ``--map`` or ``columns``, ``guessed``, a tool's name, or empty where the names are the same.
    """

    field: str
    column: str
    how: str = ""


def _texts(matches: Iterable[Match], data: Mapping[str, Any]) -> dict[str, str]:
    return {match.field: text for match in matches if (text := _text(data.get(match.column)))}


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
        salutations: Columns of forms of address ("Mr"), which are not job titles.
        statuses: Other columns that may say who does not come, with what a yes in them means, see `kind_of_status`.
        nearly: Unused columns that are called nearly like one of the event's registration fields, with its label.
        spell: How options are written for whoever reads about these columns.
    """

    fields: tuple[Match, ...]
    custom: tuple[Match, ...] = ()
    ignored: tuple[str, ...] = ()
    from_results: bool = False
    whole: str = ""
    preset: Preset | None = None
    status: str = ""
    detected: bool = False
    salutations: tuple[str, ...] = ()
    statuses: tuple[tuple[str, str], ...] = ()
    nearly: tuple[tuple[str, str], ...] = ()
    spell: Spelling = field(default=python_option, eq=False, repr=False)

    def lines(self) -> list[str]:
        """Say in a line each what every column is used for."""
        said: list[str] = []
        if preset := self.preset:
            none = self.spell("preset", "none")
            how = (
                f"detected by its columns; {none} reads it like any other file"
                if self.detected
                else self.spell("preset", preset.name)
            )
            said.append(f"an export of {preset.title} ({how})")
            if self.status:
                coming = " or ".join(sorted(preset.coming))
                said.append(f"left out: rows whose {shown(self.status)} is not {coming}")
        said += [_line(match.field, match) for match in self.fields]
        if self.whole:
            empty = ", where empty," if self.named else ""
            said.append(f"first_name and last_name{empty} <- {shown(self.whole)} ({spell_split(self.spell)})")
        said += [_line(f"custom field {shown(match.field)}", match) for match in self.custom]
        if ignored := [name for name in self.ignored if name not in self.salutations]:
            said.append(f"ignored: {names_of(ignored)}")
        for column, label in self.nearly:
            fix = spell_columns(self.spell, {f"{CUSTOM}{label}": column})
            said.append(f"not sent: {shown(column)}; if it is the event's {shown(label)}, say {fix}")
        if self.salutations:
            said.append(f"ignored: {names_of(self.salutations)} (forms of address, not job titles)")
        if self.from_results:
            said.append("not sent: the airmeet_ columns of an earlier result file")
        return said

    def pick(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row's values by field, stripped, empty ones left out; custom ones under ``custom_fields``."""
        picked: dict[str, Any] = _texts(self.fields, data)
        if self.whole and not ("first_name" in picked and "last_name" in picked):
            picked |= {name: text for name, text in zip(NAMES, split_name(self.whole_name(data)), strict=True) if text}
        if custom := _texts(self.custom, data):
            picked["custom_fields"] = custom
        return picked

    @property
    def used(self) -> set[str]:
        """The columns whose cells matter."""
        return {match.column for match in (*self.fields, *self.custom)} | {self.whole, self.status}

    @property
    def named(self) -> bool:
        """Whether there are columns for first and last name."""
        return {match.field for match in self.fields}.issuperset(NAMES)

    def whole_name(self, data: Mapping[str, Any]) -> str:
        """Return the name of a row that is to be split."""
        return _text(data.get(self.whole))

    def refuse(self, data: Mapping[str, Any]) -> Problem | None:
        """Return why a row is left out for what the tool that has written it says."""
        if self.status and self.preset and not self.preset.comes(status := _text(data.get(self.status))):
            what = f"{self.preset.title} says {status!r:.40} ({self.status})"
            return Problem(NOT_ATTENDING, f"{what}, so this row is left out", self.status)
        return None

    def refuse_name(self, picked: Mapping[str, Any], data: Mapping[str, Any]) -> Problem | None:
        """Return why a whole name cannot be split, where that is so."""
        if self.whole and picked.get("first_name") and "last_name" not in picked:
            what = f"{self.whole_name(data)!r:.80} is one word, but Airmeet needs a first and a last name"
            return Problem("one_word_name", f"{what}; add the last name, or - for none", "last_name")
        return None

    def column_of(self, field: str) -> str | None:
        """Return the column that a field or a registration field is read from, or that is called so; None for none."""
        found = {match.field: match.column for match in (*self.fields, *self.custom)}
        if field in NAMES and field not in found:
            return self.whole or None
        return found.get(field) or (field if field == self.status else None) or None

    def doubts(self, data: Mapping[str, Any]) -> tuple[RowWarning, ...]:
        """Return what is to be said of a row for columns that are not sent."""
        found = []
        for column, kind in self.statuses:
            if says_not_coming(kind, text := _text(data.get(column))):
                what = f"{shown(column)} says {shown(text)}, and this person is registered all the same"
                found.append(RowWarning("may_not_come", f"{what}; remove the row if they do not come"))
        for column, label in self.nearly:
            if text := _text(data.get(column)):
                what = f"{shown(column)} is not sent ({shown(text)}): the event's field is called {shown(label)}"
                found.append(RowWarning("nearly_a_field", what))
        return tuple(found)


def _line(name: str, match: Match) -> str:
    return f"{name} <- {shown(match.column)}" + (f" ({match.how})" if match.how else "")


# Job titles and forms of address are both headed "Title" in several languages; other columns hold one or the other.
_MOSTLY = 0.8


@frozen(kw_only=True)
class Reading:
    """How the columns of a table are to be found.

    Attributes:
        overrides: Field to column, as ``--map`` gives them; ``custom:LABEL_OR_ID`` is a registration field of the
            event. A column that is named here is not guessed for anything else. A column whose own name stands for
            None is not used at all.
        preset: The tool whose export it is; None to find out, ``none`` for no tool's.
        split_name: A column of whole names may be split where there are no columns for first and last name.
        required: Fields that must have a column.
    """

    overrides: Mapping[str, str | None] = field(factory=dict)
    preset: str | None = None
    split_name: bool = False
    required: Collection[str] = MANDATORY


def find_columns(
    header: Sequence[str],
    reading: Reading,
    book: RegistrationFields | None = None,
    *,
    sample: Sequence[Mapping[str, Any]] = (),
    spell: Spelling = python_option,
) -> ColumnMap:
    """Find each field's column by its name and by the values in it.

    Args:
        header: The table's column names.
        reading: What was asked for.
        book: The event's registration fields: a column that nothing else wants and that is called like one is that
            field. Without it only those that are named in *reading*, and unchecked.
        sample: The first rows. Without them, names alone decide.
        spell: How the reader of a message writes an option.

    Raises:
        ConfigError: There is no such preset.
        NearMissError: A column is nearly called like a field, and would be ignored.
        InputError: A guess would be a gamble, a registration field is unknown, or a required field has no column;
            with the option that says which it is.
    """
    if name := next((name for name in header if "@" in name and check_email(name.strip()) is None), None):
        raise InputError(f"the first line holds {shown(name)}: it must name the columns; put a header line above")
    unwanted = {name for name, column in reading.overrides.items() if column is None}
    overrides = {name: column for name, column in reading.overrides.items() if column is not None}
    matches, custom = _overridden(header, overrides, book, spell)
    decided = {match.field for match in matches}
    taken = {match.column for match in (*matches, *custom)}
    free = [name for name in header if name not in taken and name not in RESULT_COLUMNS and name not in unwanted]

    def take(name: str, column: str, how: str) -> None:
        matches.append(Match(name, column, "" if squeezed(column) == squeezed(name) else how))
        decided.add(name)
        free.remove(column)

    preset = choose(reading.preset, header)
    if preset:
        for name, columns in preset.fields.items():
            if name not in decided and (column := next(filter(None, (_column(one, free) for one in columns)), None)):
                take(name, column, preset.title)
    likely: dict[str, list[str]] = {}
    salutations: list[str] = []
    for column in free:
        name = field_for_column(column) or ""
        if name == "designation" and _mostly(sample, column, is_salutation):
            salutations.append(column)
        elif name and name not in decided:
            likely.setdefault(name, []).append(column)
    if len(emails := likely.get("email", [])) > 1:  # of forms one is often empty, or says "anonymous"
        likely["email"] = [column for column in emails if _mostly(sample, column, _holds_address, 0.5)] or emails
    for name, columns in likely.items():
        if len(columns) > 1:
            raise _ambiguous(name, columns, spell)
        take(name, columns[0], "guessed")
    whole = ""
    if reading.split_name:
        whole, *others = [name for name in free if squeezed(name) in FULL_NAMES] or [""]
        if others:
            names = names_of([whole, *others])
            raise InputError(f"{names} could each hold the full names for {spell_split(spell)}; rename one")
    decided |= set(NAMES) if whole else set()
    if missing := [name for name in MANDATORY if name in reading.required and name not in decided]:
        for name in missing:  # a slip is said as one, and stops a run of mappings, which would send none of these rows
            if slips := [column for column in free if is_one_slip(column, name)]:
                raise NearMissError(slips[0], name, spell)
        raise _missing_columns(header, missing, free, sample, spell)
    status = ""
    if preset and preset.status:
        status = next(filter(None, (_column(name, header) for name in preset.status)), "")
        if not status and reading.preset:
            what = f"an export of {preset.title} has a column {shown(preset.status[0])} that says who comes, and here"
            what += " is none: people who have cancelled would be invited. Export it with that column, or say"
            raise InputError(f"{what} {spell('preset', 'none')} to read it like any other file")
    custom += _labelled([name for name in free if name not in (whole, status)], custom, book, spell)
    used = {whole, status, *(match.column for match in custom)}
    unused = [name for name in free if name not in used and name not in salutations]
    if set(NAMES).issubset(reading.required):
        for column in unused:
            for name, word in (*zip(FIELDS, FIELDS, strict=True), *_OTHER_NAMES):
                if name not in decided and is_one_slip(column, word):
                    raise NearMissError(column, name, spell)
    matches = [
        evolve(match, how=_translated(sample, match) or match.how) if match.field == "attendance_type" else match
        for match in sorted(matches, key=lambda match: FIELDS.index(match.field))
    ]
    return ColumnMap(
        tuple(matches),
        tuple(custom),
        (*(name for name in free if name not in used), *(name for name in header if name in unwanted)),
        not set(header).isdisjoint(RESULT_COLUMNS),
        whole=whole,
        preset=preset,
        status=status,
        detected=preset is not None and reading.preset is None,
        salutations=tuple(name for name in salutations if name not in used),
        statuses=tuple(
            (name, kind) for name in header if name not in {*unwanted, status, *taken} and name not in RESULT_COLUMNS
            if name in unused or any(match.column == name for match in custom)
            if (kind := kind_of_status(name))
        ),
        nearly=tuple(_nearly(unused, custom, book)) if book is not None else (),
        spell=spell,
    )  # fmt: skip


class NearMissError(InputError):
    """A column, or a key of a mapping, that is nearly called like a field."""

    def __init__(self, column: str, name: str, spell: Spelling) -> None:
        what = f"{shown(column)} is no field of Airmeet; did you mean {name}?"
        fix = "rename it" if name == "custom_fields" else f"say {spell_columns(spell, {name: column})}"
        left_out = spell_columns(spell, {column: None})
        super().__init__(f"{what} If so, {fix}; if not, {left_out} leaves it out", column=column)


def is_one_slip(given: str, name: str) -> bool:
    """Whether two names differ in one letter: another one, one too many or too few, or two that are swapped."""
    one, other = squeezed(given), squeezed(name)
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[start:], other[start:]
    if one == other:
        return False
    return one[1:] in (other, other[1:]) or one == other[1:] or (one[1::-1] == other[:2] and one[2:] == other[2:])


def _nearly(unused: Sequence[str], custom: Iterable[Match], book: RegistrationFields) -> Iterable[tuple[str, str]]:
    """Yield the columns that are called nearly like a registration field that has none, and its label."""
    filled = {entry.id for match in custom if not isinstance(entry := book.find(match.field), Problem)}
    labels = {squeezed(one.label): one.label for one in book.fields if one.label and one.id not in filled}
    for column in unused:
        if close := difflib.get_close_matches(squeezed(column), labels, 1, 0.85):
            yield column, labels[close[0]]


def spell_columns(spell: Spelling, columns: Mapping[str, str | None]) -> str:
    """Return ``--map email='E-mail 2'`` for the command line, ``columns={'email': 'E-mail 2'}`` in Python."""
    if spell is command_line_option:
        return " ".join(spell("map", f"{name}={column or ''}") for name, column in columns.items())
    return f"columns={dict(columns)!r}"


def spell_split(spell: Spelling) -> str:
    """Return the option that lets whole names be split."""
    return "--split-name" if spell is command_line_option else "split_name=True"


def find_table_columns(table: Table, reading: Reading, book: RegistrationFields | None = None) -> ColumnMap:
    """Return which column of a table is what; its columns are in `Table.use` from now on.

    Raises:
        InputError: That cannot be told; names the file.
    """
    return use_columns(
        table, lambda sample: find_columns(table.columns, reading, book, sample=sample, spell=table.spell)
    )


def use_columns(table: Table, find: Callable[[Sequence[Mapping[str, Any]]], ColumnMap]) -> ColumnMap:
    """Return what *find* makes of the first rows of a table; its columns are in `Table.use` from now on.

    Raises:
        InputError: That cannot be told; names the place where the columns are named, and columns without a name.
    """
    sample = table.sample()  # first: the file may be wrong as a whole
    try:
        found = find(sample)
    except InputError as error:
        line = int(table.reading.get("header", 1)) if table.is_file else None
        fix = "name it in the file, if it is wanted" if table.is_file else "reset_index() makes it a column"
        nameless = f". {'; '.join(table.nameless)}: {fix}" if table.nameless else ""
        message = f"{table.name}: {error}{nameless}"
        raise InputError(message, path=table.name, line=line, column=error.column) from None
    table.use(found.used)
    return found


def _mostly(
    sample: Sequence[Mapping[str, Any]], column: str, is_one: Callable[[str], bool], share: float = _MOSTLY
) -> bool:
    """Say whether that share of a column's cells that are not empty are of a kind."""
    texts = [text for row in sample if (text := _text(row.get(column)))]
    return bool(texts) and sum(map(is_one, texts)) >= share * len(texts)


def _translated(sample: Sequence[Mapping[str, Any]], match: Match) -> str:
    """Say which words of the first rows are read as Airmeet's."""
    texts = dict.fromkeys(_text(row.get(match.column)) for row in sample)
    read = [f"{shown(text)} as {kind}" for text in texts if (kind := parse_attendance(text)) != text]
    return f"{', '.join(read[:4])}{' and so on' if len(read) > 4 else ''}" if read else ""


def _holds_address(text: str) -> bool:
    return check_email(text) is None


def _column(wanted: str, header: Iterable[str]) -> str:
    return next((name for name in header if squeezed(name) == squeezed(wanted)), "")


def _overridden(
    header: Sequence[str], overrides: Mapping[str, str], book: RegistrationFields | None, spell: Spelling
) -> tuple[list[Match], list[Match]]:
    """Return what somebody said: own fields and registration fields."""
    how = "--map" if spell is command_line_option else "columns"
    matches: dict[str, Match] = {}
    custom: list[Match] = []
    for given, column in overrides.items():
        if column not in header:
            known = _close_names(column, header) or f"the columns are {names_of(header)}"
            said = spell_columns(spell, {given: column})
            raise InputError(f"{said}: no column is named {shown(column)}; {known}", column=column)
        if given.startswith(CUSTOM):
            label = given.removeprefix(CUSTOM).strip()
            if not label:
                example = f"such as {spell_columns(spell, {'custom:LABEL': 'Column'})}"
                raise InputError(f"{how} {given}: give the label or id of the custom field, {example}")
            if book is not None and isinstance(problem := book.find(label), Problem):
                raise InputError(f"{how} {given}: {problem.message}")
            custom.append(Match(label, column, how))
            continue
        name = next((name for name in FIELDS if squeezed(given) == squeezed(name)), None)
        if name is None:
            known = _close_names(given, FIELDS) or f"the fields are {', '.join(FIELDS)}."
            fix = spell_columns(spell, {"custom:LABEL": "Column"})
            example = f"For a registration field of the event use {fix}"
            raise InputError(f"{how} {given}: there is no such field; {known} {example}")
        if name in matches:
            raise InputError(f"{how} names {name} twice: {names_of([matches[name].column, column])}; remove one")
        matches[name] = Match(name, column, how)
    return list(matches.values()), custom


def _labelled(
    free: Iterable[str], custom: Iterable[Match], book: RegistrationFields | None, spell: Spelling
) -> list[Match]:
    """Return the columns that are called like one of the event's registration fields."""
    if book is None:
        return []
    decided = {entry.id for match in custom if not isinstance(entry := book.find(match.field), Problem)}
    columns: dict[str, list[str]] = {}
    labels: dict[str, str] = {}
    for column in free:
        entry = book.find(column.removeprefix(CUSTOM))  # as in our own lists of participants
        if not isinstance(entry, Problem) and entry.id not in decided:
            columns.setdefault(entry.id, []).append(column)
            labels[entry.id] = entry.label
    matches = []
    for field_id, (column, *others) in columns.items():
        # By its id where it has no label, or several fields have that one.
        label = field_id if isinstance(book.find(labels[field_id]), Problem) else labels[field_id]
        if others:
            raise _ambiguous(f"{CUSTOM}{label}", [column, *others], spell)
        matches.append(Match(label, column, "its id" if squeezed(column) == squeezed(field_id) else "its label"))
    return matches


def _missing_columns(
    header: Sequence[str],
    missing: Sequence[str],
    free: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    spell: Spelling,
) -> InputError:
    """Return the error of a table that has no column for a required field."""
    what = f"no column for {' and '.join(missing)}; the columns are {names_of(header) or 'without names'}"
    sign = next((one for one in ",;\t|^~" if header and one in header[0]), "")
    if len(header) == 1 and len(missing) > 1 and sign:
        option = spell("delimiter", "tab" if sign == "\t" else sign)
        return InputError(f"{what}. If these are several columns, name their delimiter: {option}", column=missing[0])
    names = [name for name in free if squeezed(name) in FULL_NAMES and missing != ["email"]]
    # "Vorname; Name" has last names in the second.
    if names and len(missing) == 1 and _mostly(sample, names[0], lambda text: len(text.split()) == 1, 0.5):
        fix = spell_columns(spell, {missing[0]: names[0]})
        return InputError(f"{what}. Choose it: {fix}", column=missing[0])
    if names:
        what += f". {shown(names[0])} may hold full names. It is not split automatically, because"
        what += f" the split is a guess: use {spell_split(spell)}, or two columns"
        if len(missing) == 1 and not sample:
            what += f", or use {spell_columns(spell, {missing[0]: names[0]})}"
        if "email" not in missing:
            return InputError(what, column=missing[0])
    left = [name for name in free if name not in names]
    options: dict[str, str | None] = {}
    for name in missing:
        column = _likely_column(name, left, sample)
        left = [other for other in left if other != column]
        options[name] = column or "COLUMN"
    return InputError(f"{what}. Choose it: {spell_columns(spell, options)}", column=missing[0])


def _likely_column(name: str, free: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> str:
    """Return a free column for the proposal, or nothing: by its values for an e-mail, else by its name."""
    if name == "email" and sample:
        addresses = {
            column: sum(_holds_address(_text(row.get(column))) for row in sample)
            for column in free
            if _mostly(sample, column, _holds_address, 0.5)
        }
        return max(addresses, key=lambda column: addresses[column], default="")
    words = {"email": "mail"}.get(name, squeezed(name))
    sounds = [column for column in free if words in squeezed(column)]
    sounds += difflib.get_close_matches(name, free, 1)
    return sounds[0] if sounds else ""


def _ambiguous(name: str, columns: Sequence[str], spell: Spelling) -> InputError:
    fix = " or ".join(spell_columns(spell, {name: column}) for column in columns)
    return InputError(f"{names_of(columns)} could each be {name}; choose one: {fix}")


def _close_names(given: str, known: Iterable[str]) -> str:
    by_squeezed = {squeezed(name): name for name in known}
    close = difflib.get_close_matches(squeezed(given), by_squeezed, 3)
    return f"did you mean {' or '.join(shown(by_squeezed[name]) for name in close)}?" if close else ""


def names_of(columns: Iterable[str], limit: int = 20) -> str:
    """Return columns, quoted, and how many more there are."""
    said = [shown(name) for name in columns]
    more = f" and {len(said) - limit} more" if len(said) > limit else ""
    return ", ".join(said[:limit]) + more
