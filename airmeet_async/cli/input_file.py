"""The input file of a command: opened, and its columns found."""

import atexit
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from airmeet_async.bulk.input.columns import MANDATORY, ColumnMap, Reading, find_table_columns
from airmeet_async.bulk.input.plan import describe_input
from airmeet_async.bulk.input.sources import IsHeader, names_email, open_file
from airmeet_async.cli.console import Console
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import ConfigError, EncodingError, InputError
from airmeet_async.private_files import NewFile, make_temporary_folder
from airmeet_async.tables import Table, command_line_option, fault, shown


@frozen(kw_only=True)
class FileChoice:
    """A file and how to read it, as typed.

    Attributes:
        path: The file.
        name: How it is called, where that is not its path.
        columns: ``field=Column``, each as typed.
        options: Those of `open_table` that were typed.
        preset: The tool whose export it is; None to find out, ``none`` for no tool's.
        split_name: Split whole names.
    """

    path: str
    name: str = ""
    columns: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(factory=dict)
    preset: str | None = None
    split_name: bool = False

    @property
    def title(self) -> str:
        """How it is called."""
        return self.name or self.path


@frozen
class People:
    """A checked file of people.

    Attributes:
        table: Its rows.
        columns: Which column is what.
        reading: The part of it that was typed.
    """

    table: Table
    columns: ColumnMap
    reading: Reading

    def lines(self) -> list[str]:
        """Say what the file is, and what its columns are used for."""
        return describe_input(self.table.name, self.table.rows or 0, self.columns, self.table.notices)


def open_people(choice: FileChoice, console: Console, required: Collection[str] = MANDATORY) -> People:
    """Read a file to its end, and find its columns, of which some are *required*.

    Raises:
        UsageError: Something that was typed cannot be used.
        InputError: The file cannot be used.
    """
    reading = Reading(
        overrides=parse_columns(choice.columns),
        preset=choice.preset,
        split_name=choice.split_name,
        required=required,
    )
    table = open_table(choice, console)
    return People(table, find_table_columns(table, reading), reading)


def open_table(choice: FileChoice, console: Console, is_header: IsHeader = names_email) -> Table:
    """Read a file to its end; where its encoding is not clear, somebody at a terminal is asked.

    Raises:
        InputError: It cannot be used.
    """
    try:
        return open_file(choice.path, is_header, name=choice.name or None, spell=command_line_option, **choice.options)
    except EncodingError as error:
        if not (error.candidates and console.can_ask):
            raise
        console.say(*str(error).split("\n"))
        proposed: dict[str, str] = {}
        for encoding, reading in error.candidates:
            proposed.setdefault(reading, encoding)  # of those that read alike, the likeliest
        for reading, encoding in proposed.items():
            if console.confirm(f"Is {shown(reading)} right ({encoding})?"):
                options = {**choice.options, "encoding": encoding}
                return open_table(evolve(choice, options=options), console, is_header)
        what = "it is in none of these encodings; save it as CSV UTF-8, or ask its author to"
        raise fault(what, path=choice.title) from None


def parse_columns(texts: Sequence[str]) -> dict[str, str | None]:
    """Read ``field=Column`` texts; ``Column=`` stands for None, a column that is not to be used.

    Raises:
        UsageError: One is not of that form, or a field comes twice.
    """
    overrides: dict[str, str | None] = {}
    for text in texts:
        name, sign, column = text.partition("=")
        if sign and not column and "=" not in name and name.strip():
            overrides[name] = None
            continue
        if not (sign and name.strip() and column):
            raise UsageError(f'--map {text!r:.80}: write field=Column, such as --map email="E-mail address"')
        if name.strip() in overrides:
            raise UsageError(f"--map names {name.strip()!r:.80} twice; remove one")
        overrides[name.strip()] = column
    return overrides


NAME = "stdin"
"""What results are called after; messages call it the same."""

_AT_ONCE = 256 * 1024


def spooled(console: Console) -> str:
    """Read standard input to its end into a private file, and return its path. It is removed when the process ends.

    Raises:
        UsageError: There is no standard input.
        InputError: Nothing comes from it.
        ConfigError: There is no room for it.
    """
    if sys.stdin is None:
        raise UsageError("- means standard input, but there is none; name a file")
    if sys.stdin.isatty():
        console.say("reading rows from the terminal; end with Ctrl-D, or give a file")
    try:
        # Not the system's temporary folder itself: where TMPDIR is one that others can write, they could put another
        # list in its place before it is read.
        spool = NewFile(make_temporary_folder())
    except (OSError, RuntimeError) as error:  # without a home it is a RuntimeError
        raise ConfigError(f"{NAME}: there is no place to buffer it ({error}); name a file") from None
    atexit.register(spool.discard)  # until then it is open, and so locked against being swept away
    try:
        while piece := sys.stdin.buffer.read(_AT_ONCE):
            spool.write(piece)
        empty = not spool.file.tell()
    except OSError as error:
        folder = spool.path.parent
        raise ConfigError(f"{NAME}: cannot be buffered in {folder} ({error.strerror}); name a file") from None
    if empty:
        raise InputError(f"{NAME}: is empty; pipe in rows, with the column names on the first line", path=NAME)
    return str(spool.path)
