"""``airmeet block`` and ``airmeet unblock``: a file, or some addresses as they were typed."""

from collections.abc import Sequence
from pathlib import Path

import anyio
from attrs import evolve, frozen

from airmeet_async import calls
from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.input.operations import ChangeAccess
from airmeet_async.bulk.input.plan import check_rows, describe_counts
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.options import JobOptions
from airmeet_async.bulk.table_cells import counted
from airmeet_async.bulk.tables import SourceRow
from airmeet_async.cli.console import Voice
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.input_file import FileChoice, open_people
from airmeet_async.cli.main import event_id
from airmeet_async.cli.output.results_csv import choose_paths
from airmeet_async.cli.output.summary import Wording
from airmeet_async.cli.runner import Errand, Outcome, Work, carry_out
from airmeet_async.protocol.validation import check_email

WORDS = Wording(
    links=False,
    left="give it to the same command",
    again="run the same command again; doing it twice does no harm",
)


@frozen(kw_only=True)
class Access(Errand):
    """Whose access is to be taken or given.

    Attributes:
        file: Who; the path is empty where addresses were typed.
        emails: Who, as typed.
        block: Take it, else give it back.
    """

    file: FileChoice
    emails: tuple[str, ...] = ()
    block: bool

    @property
    def operation(self) -> str:
        """Return the operation."""
        return "attendees.block" if self.block else "attendees.unblock"

    @property
    def intention(self) -> str:
        """Return what is going to happen, in a sentence."""
        return intention(block=self.block)

    def job(self, client: AirmeetClient, rows: object, columns: dict[str, str], options: JobOptions) -> BulkJob:
        """Return the run."""
        start = client.bulk.block_attendees if self.block else client.bulk.unblock_attendees
        return start(self.airmeet_id, rows, columns=columns, **options)  # type: ignore[arg-type]


def intention(*, block: bool) -> str:
    """Return what is going to happen, in a sentence."""
    return "access to the event is taken away" if block else "access to the event is given back"


def split(targets: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Tell a file from addresses. What is there as a file is one, whatever its name.

    Raises:
        UsageError: It is neither one file nor addresses only.
    """
    if not targets:
        raise UsageError("FILE_OR_EMAIL is missing: give a file, or one or more addresses")
    for one in targets:
        if one.startswith("-") and one != "-" and not Path(one).exists():
            raise UsageError(f"unknown option: {one!r:.80} (see airmeet block --help)")
    files = [one for one in targets if "@" not in one or Path(one).exists()]
    emails = tuple(one for one in targets if one not in files)
    if files and len(targets) > 1:
        raise UsageError(f"{files[0]!r:.80} is no address; give one file, or one or more addresses")
    for one in emails:
        if problem := check_email(one):
            raise UsageError(problem.message)
    return (files[0] if files else ""), emails


def change_access(access: Access, environ: dict[str, str], voice: Voice) -> Outcome:
    """Take or give access.

    Raises:
        AirmeetError: The run could not begin.
    """
    event_id(access.airmeet_id, access.file.path)
    if access.emails and (access.journal or access.fresh):
        raise UsageError("--journal and --fresh are for files; addresses that are typed have no journal")
    work = _of_addresses(access) if access.emails else _of_file(access, voice)
    return carry_out(access, work, Settings.of(environ), voice)


def _of_addresses(access: Access) -> Work:
    """Return the run for addresses that were typed. One or two need no result file, unless it is asked for."""
    rows = [SourceRow(index, index + 1, {"email": one}) for index, one in enumerate(access.emails)]
    results, failed = choose_paths("", access.results or "-", access.failed)
    return Work(
        operation=access.operation,
        source="",
        rows=len(rows),
        header=("email",),
        begin=lambda client, options: access.job(client, rows, {}, options),
        intention=f"{access.intention} for {counted(len(rows), 'person').replace('persons', 'people')}",
        results=results if access.results else None,
        failed=failed,
        words=WORDS,
    )


def _of_file(access: Access, voice: Voice) -> Work:
    results, failed = choose_paths(access.file.title, access.results, access.failed)
    people = open_people(evolve(access.file, preset="none"), required=("email",))
    voice.say(*people.lines())
    recipe = ChangeAccess(lambda email: calls.block_attendee(access.airmeet_id, email), people.overrides)
    voice.say(describe_counts(anyio.run(check_rows, people.table, recipe)))
    return Work(
        operation=access.operation,
        source=access.file.path,
        name=access.file.name,
        rows=people.table.rows,
        header=people.table.header,
        begin=lambda client, options: access.job(client, people.table, dict(people.overrides), options),
        intention=access.intention,
        results=results,
        failed=failed,
        words=WORDS,
    )
