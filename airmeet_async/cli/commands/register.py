"""``airmeet register``: from a file to a run."""

from functools import partial
from typing import cast

import anyio
from attrs import frozen

from airmeet_async import calls
from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.input.column_names import PresetName
from airmeet_async.bulk.input.plan import BulkPlan, make_plan
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.options import JobOptions
from airmeet_async.cli.console import Voice
from airmeet_async.cli.environment import Settings, terminable
from airmeet_async.cli.exit_codes import DeclinedError, Exit
from airmeet_async.cli.input_file import FileChoice, People, open_people
from airmeet_async.cli.main import event_id
from airmeet_async.cli.output.results_csv import check_results, choose_paths
from airmeet_async.cli.run_store import Purpose, find
from airmeet_async.cli.runner import Errand, Outcome, Work, carry_out, page_file
from airmeet_async.errors import AirmeetError
from airmeet_async.formatting import wrapped
from airmeet_async.protocol.retry_policy import Retry
from airmeet_async.protocol.validation import FieldBook

_MANY = 100_000
_HASTE = Retry(attempts=2, free=2, longest_pause=5.0)  # the run that follows has all the patience there is
_SECONDS = 15.0


@frozen
class Wanted:
    """What is to be planned.

    Attributes:
        airmeet_id: The event.
        source: The file.
        invite: Whether Airmeet mails people.
        register: Whether they use up registrations.
        rate: Requests per second or ``auto``, as typed.
        journal: The path of the run's journal, as typed.
        fresh: A new run in any case.
    """

    airmeet_id: str
    source: str
    invite: bool
    register: bool
    rate: float | str | None = None
    journal: str | None = None
    fresh: bool = False


def draw(wanted: Wanted, people: People, settings: Settings, voice: Voice, *, patient: bool = False) -> BulkPlan:
    """Make the plan.

    Args:
        wanted: What is to be planned.
        people: Who.
        settings: Of the run, which then has the token, too.
        voice: Who speaks.
        patient: The plan is all that is wanted, so the event must answer. Else a run follows, which meets the same
            trouble and knows better what to do about it.

    Raises:
        AirmeetError: The settings, the file or the event cannot be used.
    """
    if people.table.rows > _MANY:
        voice.say("checking all rows before anything is sent...")
    rate = wanted.rate or settings.rate
    plan = partial(
        make_plan,
        airmeet_id=wanted.airmeet_id,
        invite=wanted.invite,
        register=wanted.register,
        rate=float(rate) if isinstance(rate, (int, float)) else None,
    )
    with terminable():
        book = _book(settings, wanted.airmeet_id, voice, patient=patient)
        result: BulkPlan = anyio.run(plan, people.table, people.reading, book)
        return result


def _book(settings: Settings, airmeet_id: str, voice: Voice, *, patient: bool) -> FieldBook | None:
    call = calls.list_custom_fields(airmeet_id)

    retry = None if patient else _HASTE

    async def ask() -> FieldBook:
        async with settings.client() as client:
            return FieldBook(await client.send(call, timeout=None if patient else _SECONDS, retry=retry))

    try:
        return anyio.run(ask)
    except (AirmeetError, TimeoutError) as error:
        if patient:
            raise
        why = str(error) or "no answer in time"
        voice.say(*wrapped(f"the event's registration fields are not known, so they are not checked yet: {why}"))
        return None


def consent(wanted: Wanted, plan: BulkPlan, settings: Settings, voice: Voice) -> None:
    """Ask, on a terminal, before people are mailed.

    Raises:
        DeclinedError: The answer was not yes.
        UsageError: What was typed about the journal contradicts itself.
    """
    if not voice.hears or not plan.invitations:
        return
    purpose = Purpose("attendees.add", wanted.airmeet_id, str(settings.base), wanted.source)
    begun = find(purpose, wanted.journal, fresh=wanted.fresh).facts
    people = "1 person" if plan.invitations == 1 else f"{plan.invitations:,} people"
    if not voice.agrees(f"{'Up to ' if begun else ''}{people} will be mailed by Airmeet. Go on?"):
        raise DeclinedError("nothing was sent")


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
