"""``airmeet register``: from a file to a run."""

from typing import cast

from attrs import frozen

from airmeet_async.bulk.asked import JobOptions
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.plan import BulkPlan
from airmeet_async.bulk.presets import PresetName
from airmeet_async.cli.errand import Errand, Outcome, Work, carry_out, page_file
from airmeet_async.cli.exits import Exit
from airmeet_async.cli.mistyped import event_id
from airmeet_async.cli.outcome import choose_paths
from airmeet_async.cli.planned import Wanted, consent, draw
from airmeet_async.cli.result_files import check_results
from airmeet_async.cli.settings import Settings
from airmeet_async.cli.source import FileChoice, open_people
from airmeet_async.cli.voice import Voice
from airmeet_async.front import AirmeetClient


@frozen(kw_only=True)
class Order(Errand):
    """Who is to be registered.

    Attributes:
        file: Who.
        invite: Whether Airmeet mails them.
        register: Whether they become confirmed registrations.
        sure: Nobody needs to be asked before people are mailed.
    """

    file: FileChoice
    command: str = "register"
    invite: bool
    register: bool = False
    sure: bool = False

    def wanted(self) -> Wanted:
        """Return what is to be planned."""
        return Wanted(self.airmeet_id, self.file.path, self.invite, self.register, self.rate, self.journal, self.fresh)


def register(order: Order, environ: dict[str, str], voice: Voice) -> Outcome:
    """Register everybody of a file.

    Everything that can be found out without sending is found out first: the input, then the settings, then the
    result files.

    Raises:
        AirmeetError: The run could not begin.
    """
    event_id(order.airmeet_id, order.file.path)
    results, failed = choose_paths(order.file.title, order.results, order.failed)
    check_results(order.results, order.failed)
    people = open_people(order.file)
    with page_file(order, order.file.path, results, failed):
        pass  # whatever is wrong with its place is found before the event is asked for anything
    wanted = order.wanted()
    settings = Settings.of(environ)
    found = draw(wanted, people, settings, voice)
    voice.say(*found.lines())
    if order.invite and not order.sure:
        consent(wanted, found, settings, voice)
    table = people.table

    def begin(client: AirmeetClient, options: JobOptions) -> BulkJob:
        return client.bulk.add_attendees(
            order.airmeet_id,
            table,
            send_email_invite=order.invite,
            register_attendee=order.register,
            columns=people.overrides,
            preset=cast("PresetName | None", order.file.preset),
            split_name=order.file.split_name,
            **options,
        )

    work = Work(
        operation="attendees.add",
        source=order.file.path,
        name=order.file.name,
        rows=table.rows,
        header=table.header,
        begin=begin,
        intention=intention(invite=order.invite, register=order.register),
        results=results,
        failed=failed,
    )
    return carry_out(order, work, settings, voice)


def rehearse(order: Order, environ: dict[str, str], voice: Voice) -> tuple[BulkPlan, int]:
    """Say what `register` would do, and return the plan and the exit code.

    Raises:
        AirmeetError: The input or the event cannot be used.
    """
    event_id(order.airmeet_id, order.file.path)
    found = draw(order.wanted(), open_people(order.file), Settings.of(environ), voice, patient=True)
    voice.say(*found.lines(), "dry run: nothing was sent")
    return found, Exit.LEFT_OVER if found.invalid else Exit.OK


def intention(*, invite: bool, register: bool) -> str:
    """Return what is going to happen, in a sentence."""
    mails = "Airmeet mails each person an invitation" if invite else "no invitations are mailed"
    kind = "; confirmed registrations, which use up the plan's" if register else ""
    return f"{mails}{kind}"
