"""What is shown before people are mailed or lose access, and who has to agree. One place for all commands.

1. The event is asked for before a list is read. An id that no event has ends the command there. An event that cannot be
   read for another reason is said, and keeps no run from waiting for Airmeet.
2. Before people are mailed or lose access, somebody agrees: at a terminal with an answer, elsewhere with ``--yes``.
3. Mails for an event that is over need a second yes at a terminal, elsewhere ``--finished-event``.
4. Nobody is asked about nobody.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from attrs import frozen

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.cli.console import Console
from airmeet_async.cli.environment import Settings, region_of
from airmeet_async.cli.exit_codes import DeclinedError, UsageError
from airmeet_async.errors import (
    AirmeetError,
    CredentialsError,
    NotFoundError,
    PermissionDeniedError,
    TokenRejectedError,
)
from airmeet_async.formatting import long_duration, wrapped
from airmeet_async.protocol.models import AirmeetInfo, AirmeetStatus
from airmeet_async.tables import shown

_PATIENCE_S = 15.0
_FATAL = (CredentialsError, TokenRejectedError, PermissionDeniedError)
_STATES = {
    AirmeetStatus.CREATED: "not started",
    AirmeetStatus.ONGOING: "live now",
    AirmeetStatus.PAUSED: "paused",
    AirmeetStatus.FINISHED: "finished",
    AirmeetStatus.ARCHIVED: "archived",
}
_OVER = frozenset({AirmeetStatus.FINISHED, AirmeetStatus.ARCHIVED})
_GOING_ON = frozenset({AirmeetStatus.ONGOING, AirmeetStatus.PAUSED})
_LONGEST = timedelta(days=1)  # of an event that does not say when it ends


@frozen
class TargetEvent:
    """The event of a run.

    Attributes:
        airmeet_id: Its id.
        info: What Airmeet says of it; None where that could not be read, or the run is about no event.
        error: Why it could not be read.
    """

    airmeet_id: str
    info: AirmeetInfo | None = None
    error: str = ""

    @property
    def title(self) -> str:
        """Its name in quotes, else its id."""
        return shown(self.info.name) if self.info is not None and self.info.name else f"event {self.airmeet_id}"

    def lines(self, settings: Settings) -> list[str]:
        """Say which event it is, when, in which state, and with whose keys at which address a run goes there."""
        info, region = self.info, region_of(str(settings.base))
        place = f"{region.name if region.name != 'GLOBAL' else 'global'} region" if region else str(settings.base)
        who = f"account {settings.keys.masked} · {place}"
        if not self.airmeet_id:
            return [who]
        if info is None:
            why = f"the event could not be read, so its name and date are not known here ({self.error})"
            return [f"event {self.airmeet_id}", *wrapped(why), who]
        status = _STATES.get(info.status, str(info.status).lower()) if info.status else ""  # type: ignore[call-overload]
        date = describe_moment(info.start_time, info.timezone) if info.start_time else ""
        return [*wrapped(" · ".join(filter(None, (info.name or self.airmeet_id, date, status)))), who]

    def is_over(self, now: datetime) -> bool:
        """Whether it has finished, or its end is in the past and nobody has started it."""
        info = self.info
        if info is None or info.status in _GOING_ON:
            return False
        end, start = info.end_time, info.start_time
        if end is None and start is not None:
            end = start + _LONGEST
        return info.status in _OVER or (end is not None and end < now)


def describe_moment(at: datetime, timezone: str | None) -> str:
    """Return a time as people write it, in the event's own time zone: ``12 March 2027, 10:00 Europe/Paris``."""
    zone = timezone or "UTC"
    try:
        at = at.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):  # an unknown zone, or a machine without any
        at, zone = at.astimezone(UTC), "UTC"
    return f"{at.day} {at:%B %Y, %H:%M} {zone}"


async def find_event(client: AirmeetClient, airmeet_id: str) -> TargetEvent:
    """Ask Airmeet for the event of a run.

    Raises:
        AirmeetError: There is none with that id, or the keys are refused or may not use it.
    """
    if not airmeet_id:
        return TargetEvent("")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            try:
                return TargetEvent(airmeet_id, await client.airmeets.info(airmeet_id))
            except NotFoundError as error:
                if error.operation == "auth":
                    raise
                await client.custom_fields.list(airmeet_id)  # two know nothing of it: then there is none
                return TargetEvent(airmeet_id, error=str(error))
    except NotFoundError as error:
        if error.operation == "auth":
            raise
        message = f"no event {airmeet_id} for these keys. Yours: airmeet events"
        raise NotFoundError(message, status=error.status, operation=error.operation) from None
    except _FATAL:
        raise
    except (AirmeetError, TimeoutError) as error:
        return TargetEvent(airmeet_id, error=str(error) or "no answer in time")


def confirm_run(
    event: TargetEvent,
    console: Console,
    *,
    mails: int = 0,
    second_mails: int = 0,
    doubtful_mails: int = 0,
    not_coming: int = 0,
    blocks: int = 0,
    seconds: float | None = None,
    yes: bool = False,
    finished_event: bool = False,
) -> None:
    """Let somebody agree to what a run does to people.

    Args:
        event: The event.
        console: Where to ask.
        mails: People who will be mailed.
        second_mails: Those of them who were mailed before.
        doubtful_mails: Those of them of whom nobody knows whether they were.
        not_coming: People of whom a column of the list says that they do not come.
        blocks: People who will lose access.
        seconds: How long it takes, if that is known.
        yes: Agreed already (``--yes``).
        finished_event: Mails for an event that is over are agreed, too.

    Raises:
        DeclinedError: The answer was no.
        UsageError: Nobody can be asked, and nobody has agreed.
    """
    if not mails and not blocks:
        return
    is_over = bool(mails) and event.is_over(datetime.now(UTC)) and not finished_event
    over, info = f"{event.title} is over", event.info
    if info is not None and info.start_time:
        over += f" (it was on {describe_moment(info.start_time, info.timezone).partition(',')[0]})"
    if not console.can_ask:
        what = f"mails {counted_people(mails)}" if mails else f"takes away the access of {counted_people(blocks)}"
        if is_over:
            words = "--finished-event" if yes else "--yes --finished-event"
            raise UsageError(f"{over}, and this {what}; if that is right, add {words} (nothing was sent)")
        if not yes:
            raise UsageError(f"this {what}; if that is right, add --yes (nothing was sent)")
        return
    time = f" It takes about {long_duration(seconds)}." if seconds and seconds >= 60 else ""
    question = f"Take away access to {event.title} from {counted_people(blocks)}?{time}"
    if mails:
        if first := mails - second_mails:
            also = f", and {counted_people(second_mails)} a second one" if second_mails else ""
            question = f"Mail {counted_people(first)} an invitation to {event.title}{also}?{time}"
        else:
            question = f"Mail {counted_people(mails)} a second invitation to {event.title}?{time}"
        question += " Some of them may get it twice." if doubtful_mails else ""
        are = "is" if not_coming == 1 else "are"
        question += f" {not_coming:,} of them {are} marked in the list as not coming." if not_coming else ""
    console.say("")
    agreed = yes or console.confirm(question)
    if agreed and is_over:
        agreed = console.confirm(f"{over}. Mail {'this person' if mails == 1 else 'them'} all the same?")
    if not agreed:
        raise DeclinedError("nothing was sent")


def counted_people(n: int) -> str:
    """Return ``1 person`` or ``9,640 people``."""
    return "1 person" if n == 1 else f"{n:,} people"
