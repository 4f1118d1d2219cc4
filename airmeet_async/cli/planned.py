"""The plan before a run: the event is asked for its registration fields, all rows are looked at, and people agree."""

import anyio
from attrs import frozen

from airmeet_async import calls
from airmeet_async.api.decide import Retry
from airmeet_async.api.rules import FieldBook
from airmeet_async.bulk.plan import BulkPlan
from airmeet_async.bulk.planning import Terms, make_plan
from airmeet_async.bulk.prose import wrapped
from airmeet_async.cli.asking import terminable
from airmeet_async.cli.exits import DeclinedError
from airmeet_async.cli.settings import Settings
from airmeet_async.cli.shelf import Purpose, find
from airmeet_async.cli.source import People
from airmeet_async.cli.voice import Voice
from airmeet_async.errors import AirmeetError

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
    terms = Terms(
        airmeet_id=wanted.airmeet_id,
        invite=wanted.invite,
        register=wanted.register,
        rate=float(rate) if isinstance(rate, (int, float)) else None,
    )
    with terminable():
        book = _book(settings, wanted.airmeet_id, voice, patient=patient)
        return anyio.run(make_plan, people.table, people.reading, book, terms)


def _book(settings: Settings, airmeet_id: str, voice: Voice, *, patient: bool) -> FieldBook | None:
    call = calls.custom_fields.list_(airmeet_id)

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
