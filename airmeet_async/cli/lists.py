"""Where the rows of each list come from, and in which shape they are given out."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from attrs import field, frozen

from airmeet_async.api.redact import escape
from airmeet_async.bulk.table_cells import counted
from airmeet_async.calls.attendance import READY_WITHIN
from airmeet_async.cli import catalogue
from airmeet_async.cli.shapes import Both, Shape
from airmeet_async.cli.voice import Voice
from airmeet_async.errors import NotReadyError
from airmeet_async.front import AirmeetClient

_NAMED = 5


@frozen
class Place:
    """What a list is asked with.

    Attributes:
        client: Who asks.
        airmeet_id: The event.
        voice: Says what is left out.
        wait: Wait for a list that Airmeet has to prepare.
        deadline: Most seconds to wait for it.
    """

    client: AirmeetClient = field(repr=False)
    airmeet_id: str
    voice: Voice = field(repr=False)
    wait: bool = True
    deadline: float = READY_WITHIN

    @property
    def patience(self) -> dict[str, Any]:
        """The arguments of a list that Airmeet has to prepare."""
        return {"wait": self.wait, "deadline": self.deadline}


@frozen
class Listing:
    """One list.

    Attributes:
        shape: Its columns, links included.
        rows: Asks for its items.
        noun: What one row is.
        has_fields: Its rows hold the answers to the event's registration fields.
    """

    shape: Shape
    rows: Callable[[Place], AsyncIterable[Any]]
    noun: str
    has_fields: bool = False

    def plain(self, *, links: bool) -> Shape:
        """Return the columns that every event has."""
        return self.shape if links else self.shape.without_links()

    async def dressed(self, place: Place, *, links: bool) -> Shape:
        """Return the columns for this event."""
        shape = self.plain(links=links)
        if not self.has_fields:
            return shape
        return shape.with_fields(await place.client.custom_fields.list(place.airmeet_id))


async def each(answer: Awaitable[Sequence[Any]]) -> AsyncIterator[Any]:
    """Yield the items of an answer without pages."""
    for item in await answer:
        yield item


async def _sessions(place: Place) -> AsyncIterator[Any]:
    for session in (await place.client.airmeets.info(place.airmeet_id)).sessions:
        yield session


async def _session_attendance(place: Place) -> AsyncIterator[Both]:
    """Yield everybody of every session that is over; the others have no such list yet (C)."""
    sessions = (await place.client.airmeets.info(place.airmeet_id)).sessions
    over = [session for session in sessions if session.status == "FINISHED"]
    waiting = [session.name or session.session_id for session in sessions if session.status != "FINISHED"]
    if waiting:
        place.voice.say(f"{counted(len(waiting), 'session')} not FINISHED yet, so without a list: {_names(waiting)}")
    list_of = place.client.attendance.session
    if place.wait:
        await _prepare([list_of(session.session_id, size=1, wait=False) for session in over])
    for session in over:
        async for one in list_of(session.session_id, **place.patience):
            yield Both(session, one)


async def _booth_attendance(place: Place) -> AsyncIterator[Both]:
    booths = await place.client.booths.list(place.airmeet_id)
    list_of = place.client.attendance.booth
    if place.wait:
        await _prepare([list_of(place.airmeet_id, booth.uid, size=1, wait=False) for booth in booths])
    for booth in booths:
        async for one in list_of(place.airmeet_id, booth.uid, **place.patience):
            yield Both(booth, one)


async def _prepare(lists: Sequence[Any]) -> None:
    """Ask for each list once, so that Airmeet prepares them all while we wait for the first one."""
    if len(lists) < 2:
        return
    for one in lists:
        try:
            await anext(one.pages(), None)
        except NotReadyError:
            continue


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return escape(", ".join(names[:_NAMED])) + more


def attendance_of(session: str | None, booth: str | None, *, replay: bool) -> Listing:
    """Return the list of one session, of one booth, of the recordings, or of the whole event."""
    if session is not None:
        return Listing(
            catalogue.ATTENDANCE, lambda place: place.client.attendance.session(session, **place.patience), "attendee"
        )
    if booth is not None:
        return Listing(
            catalogue.BOOTH_VISITS,
            lambda place: place.client.attendance.booth(place.airmeet_id, booth, **place.patience),
            "visitor",
        )
    return LISTS["replays"] if replay else LISTS["attendance"]


def participants_of(emails: Sequence[str], sort: str, limit: int | None) -> Listing:
    """Return the list of some or all people of an event."""
    size = min(limit or 1000, 1000)
    return Listing(
        catalogue.PARTICIPANTS,
        lambda place: place.client.participants.list(place.airmeet_id, email_ids=emails, sort=sort, size=size),
        "participant",
        has_fields=True,
    )


LISTS = {
    "participants": participants_of((), "registrationDate", None),
    "registrations": Listing(
        catalogue.REGISTRATIONS, lambda place: place.client.registrations.list(place.airmeet_id), "registration"
    ),
    "attendance": Listing(
        catalogue.ATTENDANCE,
        lambda place: place.client.attendance.event(place.airmeet_id, **place.patience),
        "attendee",
    ),
    "session-attendance": Listing(catalogue.SESSION_ATTENDANCE, _session_attendance, "attendee"),
    "booth-attendance": Listing(catalogue.BOOTH_ATTENDANCE, _booth_attendance, "visitor"),
    "replays": Listing(
        catalogue.REPLAYS, lambda place: place.client.attendance.replay(place.airmeet_id, **place.patience), "viewer"
    ),
    "polls": Listing(catalogue.POLLS, lambda place: place.client.polls.list(place.airmeet_id), "answer"),
    "questions": Listing(
        catalogue.QUESTIONS, lambda place: each(place.client.questions.list(place.airmeet_id)), "question"
    ),
    "utms": Listing(
        catalogue.UTMS, lambda place: place.client.utms.list(place.airmeet_id, **place.patience), "registration"
    ),
    "recordings": Listing(
        catalogue.RECORDINGS, lambda place: each(place.client.recordings.list(place.airmeet_id)), "recording"
    ),
    "fields": Listing(catalogue.FIELDS, lambda place: each(place.client.custom_fields.list(place.airmeet_id)), "field"),
    "tracks": Listing(catalogue.TRACKS, lambda place: each(place.client.tracks.list(place.airmeet_id)), "track"),
    "booths": Listing(catalogue.BOOTHS, lambda place: each(place.client.booths.list(place.airmeet_id)), "booth"),
    "sessions": Listing(catalogue.SESSIONS, _sessions, "session"),
}
"""What ``airmeet export`` can write."""
