"""What is said where columns cannot be told apart or are missing: always with the ``--map`` to type. Pure."""

import difflib
import shlex
from collections.abc import Iterable, Sequence

from airmeet_async.bulk.table_cells import shown
from airmeet_async.bulk.table_words import FIELDS, FULL_NAMES, squeezed
from airmeet_async.errors import InputError


def ambiguous(name: str, columns: Sequence[str]) -> InputError:
    """Return the error of columns of which each could be the same field."""
    fix = " or ".join(option(name, column) for column in columns)
    return InputError(f"{names_of(columns)} could each be {name}; say which one: {fix}")


def no_column(given: str, column: str, header: Sequence[str]) -> InputError:
    """Return the error of a ``--map`` that names a column which is not there."""
    known = _hint(column, header) or f"the columns are {names_of(header)}"
    return InputError(f"--map {given}={column}: no column is named {shown(column)}; {known}", column=column)


def no_field(given: str) -> InputError:
    """Return the error of a ``--map`` that names a field which is not there."""
    known = _hint(given, FIELDS) or f"the fields are {', '.join(FIELDS)}"
    return InputError(f"--map {given}: there is no such field; {known}. A custom one is --map custom:LABEL=Column")


def missing_columns(header: Sequence[str], missing: Sequence[str]) -> InputError:
    """Return the error of a table that has no column for a required field."""
    what = f"no column for {' and '.join(missing)}; the columns are {names_of(header)}"
    names = [name for name in header if squeezed(name) in FULL_NAMES and missing != ["email"]]
    if names:
        what += f". {shown(names[0])} may hold whole names: a single name column is not split by itself, since where"
        what += " the first name ends is a guess; --split-name makes it, or give the file two columns"
        if len(missing) == 1:
            return InputError(f"{what}, or type {option(missing[0], names[0])}")
    example = " ".join(option(name, _likely(name, header)) for name in missing)
    return InputError(f"{what}. Say which: {example}")


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


def option(name: str, column: str) -> str:
    """Return the option to type."""
    return f"--map {shlex.quote(f'{name}={column}')}"


def names_of(columns: Iterable[str], limit: int = 20) -> str:
    """Return columns, quoted, and how many more there are."""
    said = [shown(name) for name in columns]
    more = f" and {len(said) - limit} more" if len(said) > limit else ""
    return ", ".join(said[:limit]) + more
