"""``airmeet import``: speakers, sessions and booths from a file.

Unlike people, these cannot be sent twice without harm. So a file with one wrong cell is refused as a whole, before
anything is sent.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import anyio
from attrs import frozen

from airmeet_async import calls
from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.input.column_names import squeezed
from airmeet_async.bulk.input.columns import ColumnMap, Match
from airmeet_async.bulk.input.operations import CreateItems
from airmeet_async.bulk.input.plan import RowFinding, check_rows, describe_counts, describe_input
from airmeet_async.bulk.input.row_mapping import BOOTHS, SESSIONS, SPEAKERS, RowMapping
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.options import JobOptions
from airmeet_async.bulk.table_cells import RESULT_COLUMNS, counted, fault
from airmeet_async.bulk.tables import Table
from airmeet_async.cli.console import Voice
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.input_file import FileChoice, open_file
from airmeet_async.cli.main import event_id
from airmeet_async.cli.output.results_csv import choose_paths
from airmeet_async.cli.output.summary import Wording
from airmeet_async.cli.runner import Errand, Outcome, Work, carry_out
from airmeet_async.errors import ConfigError, InputError
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.validation import check_timezone

Kind = Literal["speakers", "sessions", "booths"]

_MOST = 10
_LOOK: dict[Kind, str] = {
    "speakers": "on the event's page",
    "sessions": "with airmeet event show {}",
    "booths": "with airmeet export {} booths",
}


@frozen
class _Way:
    operation: str
    form: RowMapping
    build: Callable[[str, Any], Call[Any]]


_WAYS: dict[Kind, _Way] = {
    "speakers": _Way("speakers.add", SPEAKERS, calls.add_speaker),
    "sessions": _Way("sessions.create", SESSIONS, calls.create_session),
    "booths": _Way("booths.create", BOOTHS, calls.create_booth),
}


@frozen(kw_only=True)
class Programme(Errand):
    """What is to be made.

    Attributes:
        kind: Of what.
        file: Its rows.
        timezone: Of session times that name none.
    """

    kind: Kind
    file: FileChoice
    timezone: str | None = None

    def job(self, client: AirmeetClient, table: Table, options: JobOptions) -> BulkJob:
        """Return the run."""
        if self.kind == "sessions":
            return client.bulk.create_sessions(self.airmeet_id, table, timezone=self.timezone, **options)
        start = client.bulk.add_speakers if self.kind == "speakers" else client.bulk.create_booths
        return start(self.airmeet_id, table, **options)


def make(programme: Programme, environ: dict[str, str], voice: Voice) -> Outcome:
    """Make everything in a file.

    Raises:
        InputError: Something in it is wrong; nothing was sent.
        AirmeetError: The run could not begin.
    """
    event_id(programme.airmeet_id, programme.file.path)
    _check_zone(programme.timezone)
    results, failed = choose_paths(programme.file.title, programme.results, programme.failed)
    table = open_file(programme.file)
    form = _WAYS[programme.kind].form
    voice.say(*describe_input(table.name, table.rows, columns_of(form, table), table.notices))
    _check_rows(programme, table, voice)
    work = Work(
        operation=_WAYS[programme.kind].operation,
        source=programme.file.path,
        name=programme.file.name,
        rows=table.rows,
        header=table.header,
        begin=lambda client, options: programme.job(client, table, options),
        intention=intention(programme.kind),
        results=results,
        failed=failed,
        words=words(programme.airmeet_id, programme.kind),
    )
    return carry_out(programme, work, Settings.of(environ), voice)


def _check_zone(timezone: str | None) -> None:
    try:
        check_timezone(timezone or "UTC")
    except ConfigError as error:
        raise UsageError(f"--timezone: {error}") from None


def columns_of(form: RowMapping, table: Table) -> ColumnMap:
    """Return which column is what.

    Raises:
        InputError: A column is missing, or two are the same.
    """
    try:
        found = form.columns(table.header)
    except InputError as error:
        raise InputError(f"{table.name}: {error}", path=table.name, line=1, column=error.column) from None
    matches = tuple(
        Match(name, column, "" if squeezed(name) == squeezed(column) else "guessed") for name, column in found.items()
    )
    others = tuple(name for name in table.header if name not in found.values() and name not in RESULT_COLUMNS)
    return ColumnMap(matches, ignored=others, from_results=not set(table.header).isdisjoint(RESULT_COLUMNS))


def _check_rows(programme: Programme, table: Table, voice: Voice) -> None:
    """Refuse a file with a row that could not be sent.

    Raises:
        InputError: There is one; names line, column and what to write.
    """
    way, wrong = _WAYS[programme.kind], list[RowFinding]()

    def note(finding: RowFinding) -> None:
        if finding.code != "duplicate":
            wrong.append(finding)

    recipe = CreateItems(way.form, partial(way.build, programme.airmeet_id), timezone=programme.timezone)
    survey = anyio.run(check_rows, table, recipe, note)
    if not wrong:
        voice.say(describe_counts(survey))
        return
    for finding in wrong[1:_MOST]:
        voice.say(str(blame(table, finding)))
    raise blame(table, wrong[0], len(wrong))


def blame(table: Table, finding: RowFinding, n: int = 0) -> InputError:
    """Return the error that says what is wrong with a row; with *n*, also that nothing was sent."""
    message = finding.message
    column = next((name for name in table.header if message.startswith((f"{name}: ", f"{name} is "))), None)
    if column is not None:
        message = message.removeprefix(column).removeprefix(":").strip()
    if n:
        message += f" ({counted(n, 'wrong row')}, so nothing was sent)"
    return fault(message, path=table.name, line=finding.line, column=column)


def intention(kind: str) -> str:
    """Return what is going to happen, in a sentence."""
    return f"each row makes one of the event's {kind}"


def words(airmeet_id: str, kind: Kind) -> Wording:
    """Return what is said after a run."""
    return Wording(
        warned="speakers who are not in the event",
        meaning="which Airmeet refuses",
        advice=f"add them first: airmeet import speakers {airmeet_id} SPEAKERS.csv",
        left="mend it and import it in the same way",
        links=False,
        repeats=False,
        look=_LOOK[kind].format(airmeet_id),
    )
