"""Where the rows of each list come from, and in which shape they are given out."""

import json
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.table_cells import counted
from airmeet_async.calls.reports import READY_WITHIN
from airmeet_async.cli import list_columns
from airmeet_async.cli.commands.events import columns
from airmeet_async.cli.console import Calm, Voice
from airmeet_async.cli.environment import ask
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.list_columns import Both, Line, Shape, shown
from airmeet_async.errors import ConfigError, NotReadyError
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.redact import escape

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
            list_columns.ATTENDANCE,
            lambda place: place.client.attendance.session(session, **place.patience),
            "attendee",
        )
    if booth is not None:
        return Listing(
            list_columns.BOOTH_VISITS,
            lambda place: place.client.attendance.booth(place.airmeet_id, booth, **place.patience),
            "visitor",
        )
    return LISTS["replays"] if replay else LISTS["attendance"]


def participants_of(emails: Sequence[str], sort: str, limit: int | None) -> Listing:
    """Return the list of some or all people of an event."""
    size = min(limit or 1000, 1000)
    return Listing(
        list_columns.PARTICIPANTS,
        lambda place: place.client.participants.list(place.airmeet_id, email_ids=emails, sort=sort, size=size),
        "participant",
        has_fields=True,
    )


LISTS = {
    "participants": participants_of((), "registrationDate", None),
    "registrations": Listing(
        list_columns.REGISTRATIONS, lambda place: place.client.registrations.list(place.airmeet_id), "registration"
    ),
    "attendance": Listing(
        list_columns.ATTENDANCE,
        lambda place: place.client.attendance.event(place.airmeet_id, **place.patience),
        "attendee",
    ),
    "session-attendance": Listing(list_columns.SESSION_ATTENDANCE, _session_attendance, "attendee"),
    "booth-attendance": Listing(list_columns.BOOTH_ATTENDANCE, _booth_attendance, "visitor"),
    "replays": Listing(
        list_columns.REPLAYS, lambda place: place.client.attendance.replay(place.airmeet_id, **place.patience), "viewer"
    ),
    "polls": Listing(list_columns.POLLS, lambda place: place.client.polls.list(place.airmeet_id), "answer"),
    "questions": Listing(
        list_columns.QUESTIONS, lambda place: each(place.client.questions.list(place.airmeet_id)), "question"
    ),
    "utms": Listing(
        list_columns.UTMS, lambda place: place.client.utms.list(place.airmeet_id, **place.patience), "registration"
    ),
    "recordings": Listing(
        list_columns.RECORDINGS, lambda place: each(place.client.recordings.list(place.airmeet_id)), "recording"
    ),
    "fields": Listing(
        list_columns.FIELDS, lambda place: each(place.client.custom_fields.list(place.airmeet_id)), "field"
    ),
    "tracks": Listing(list_columns.TRACKS, lambda place: each(place.client.tracks.list(place.airmeet_id)), "track"),
    "booths": Listing(list_columns.BOOTHS, lambda place: each(place.client.booths.list(place.airmeet_id)), "booth"),
    "sessions": Listing(list_columns.SESSIONS, _sessions, "session"),
}
"""What ``airmeet export`` can write."""


_AT_ONCE = 100


class ReaderGoneError(Exception):
    """Nobody reads standard output any more, as in ``airmeet participants … | head``."""


class _Pipe(Calm):
    """Standard output, whose reader may leave: then there is no more to do."""

    def __init__(self) -> None:
        super().__init__(sys.stdout, any_error=False)

    def put(self, text: str, *, now: bool = False) -> None:
        """Write text, and send it on its way if it is wanted *now*.

        Raises:
            ReaderGoneError: Nobody reads it.
            ConfigError: It cannot be written.
        """
        try:
            self.write(text)
            if now:
                self.flush()
        except OSError as error:
            super().give_up()
            raise ConfigError(f"standard output cannot be written ({error.strerror})") from None

    def give_up(self) -> None:
        """Say that it is over."""
        super().give_up()
        raise ReaderGoneError


class Sink(Protocol):
    """Takes rows."""

    def add(self, line: Line) -> None:
        """Take one."""
        ...

    def end(self) -> None:
        """There are no more."""
        ...


class JsonArray:
    """Writes one JSON array, a row a line.

    Nothing is written before the first row is there, so that an error before it is the whole output; an array that is
    cut off by a later one has no end, and no parser takes it for complete.

    Args:
        before: What the array stands behind.
        after: What comes behind it.
    """

    def __init__(self, before: str = "", after: str = "") -> None:
        self._out = _Pipe()
        self._before = f"{before}[\n"
        self._end = f"]{after}\n"
        self._any = False

    def add(self, line: Line) -> None:
        """Write one row."""
        self._out.put(self._before + json.dumps(line.as_json(), default=str))
        self._before = ",\n"
        self._any = True

    def end(self) -> None:
        """Close the array."""
        self._out.put(("\n" if self._any else self._before) + self._end, now=True)


class Text:
    """Writes a table for people, some rows at a time: a column may widen on the way, and never narrows.

    Args:
        shape: Of the rows.
    """

    def __init__(self, shape: Shape) -> None:
        self._out = _Pipe()
        self._names = [name for name in shape.shown if name in shape.columns]
        self._rows: list[Sequence[str]] = []
        self._titles: list[Sequence[str]] = [[name.replace("_", " ").upper() for name in self._names]]
        self._widest = [0] * len(self._names)

    def add(self, line: Line) -> None:
        """Take one row."""
        self._rows.append([shown(line.cells[name]) for name in self._names])
        if len(self._rows) >= _AT_ONCE:
            self._write()

    def end(self) -> None:
        """Write what has been taken."""
        if self._rows:
            self._write()

    def _write(self) -> None:
        rows = [*self._titles, *self._rows]
        self._widest = [
            max(width, *map(len, cells)) for width, cells in zip(self._widest, zip(*rows, strict=True), strict=True)
        ]
        padded = [[cell.ljust(width) for cell, width in zip(row, self._widest, strict=True)] for row in rows]
        self._out.put("".join(f"{line}\n" for line in columns(padded)), now=True)
        self._titles, self._rows = [], []


async def pour(rows: AsyncIterable[Any], shape: Shape, sink: Sink, limit: int | None = None) -> int:
    """Put the rows of all items into a sink, at most *limit* of them, and return how many there were."""
    n = 0
    async for item in rows:
        for line in shape.lines(item):
            sink.add(line)
            n += 1
            if n == limit:
                return n
    return n


@frozen(kw_only=True)
class Wish:
    """How a list is wanted.

    Attributes:
        as_json: As one JSON array, else as a table.
        links: With the links that let people in.
        limit: Most rows.
        wait: Wait for a list that Airmeet has to prepare.
        deadline: Most seconds to wait for it; by default a quarter of an hour.
    """

    as_json: bool = False
    links: bool = False
    limit: int | None = None
    wait: bool = True
    deadline: float | None = None

    def place(self, client: AirmeetClient, airmeet_id: str, voice: Voice) -> Place:
        """Return where to ask."""
        deadline = READY_WITHIN if self.deadline is None else self.deadline
        return Place(client, airmeet_id, voice, self.wait, deadline)


def show(listing: Listing, airmeet_id: str, wish: Wish, environ: Mapping[str, str], voice: Voice) -> int:
    """Print a list."""
    check_id(airmeet_id, "AIRMEET_ID")

    async def work(client: AirmeetClient) -> int:
        place = wish.place(client, airmeet_id, voice)
        return await _print(listing, place, wish)

    try:
        n = ask(environ, voice, work)
    except ReaderGoneError:
        return Exit.OK
    if not wish.as_json:
        voice.say(counted(n, listing.noun))
    return Exit.OK


async def _print(listing: Listing, place: Place, wish: Wish) -> int:
    shape = listing.plain(links=wish.links)
    if wish.as_json:
        shape = await listing.dressed(place, links=wish.links)
    sink: Sink = JsonArray() if wish.as_json else Text(shape)
    n = await pour(listing.rows(place), shape, sink, wish.limit)
    sink.end()
    return n


def choose_one(**choices: Any) -> None:
    """Refuse more than one of some options.

    Raises:
        UsageError: There are two.
    """
    given = [f"--{name.replace('_', '-')}" for name, value in choices.items() if value]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} cannot be asked for together; choose one")
