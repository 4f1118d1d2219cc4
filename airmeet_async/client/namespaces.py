"""``client.attendees.add(…)`` and its like: the operations of the API, in groups."""

import functools
import itertools
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from attrs import fields_dict

from airmeet_async import calls
from airmeet_async.errors import IncompleteListError
from airmeet_async.protocol.call import Call, Paging
from airmeet_async.protocol.models import Answer, Moment
from airmeet_async.protocol.paging import Page, PagesRead

# Rows of a list in which one that comes on two pages is noticed: five pages of the longest.
_REMEMBERED = 5000
# How often a list that changes is read through.
_MOST_LOOKS = 5
# Whatever a row is known by; one that has none of them is of nobody, such as a guest's poll answer.
_NAMES = ("id", "uid", "user_id", "email")
# By model: which of these names it has, and its parts that cannot be hashed as they are.
_NAMED: dict[type[Any], tuple[list[str], list[str]]] = {}
_HASHABLE: Final = (str, int, float, bool, str | None, int | None, float | None, bool | None, Moment | None)

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Sender(Protocol):
    """Whatever can send a call."""

    async def send(self, call: Call[T]) -> T:
        """Send *call* and return its typed answer."""
        ...


class Namespace:
    """A group of operations of one client."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"


class _Method(Generic[P, R]):
    """A method with the signature and the docstring of *build*, a function of `calls`, and the name it is assigned to.

    Errors in the arguments are raised when it is called, not when its result is awaited.
    """

    def __init__(self, build: Callable[P, Call[Any]], use: Callable[[Sender, Call[Any]], R]) -> None:
        self.build = build
        self.__doc__ = build.__doc__
        self._use = use
        self._name = build.__name__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: Namespace, owner: type[Any]) -> Callable[P, R]: ...
    def __get__(self, instance: Namespace | None, owner: type[Any]) -> Any:
        """Return the method, bound to the client."""
        if instance is None:
            return self
        client = instance._client

        @functools.wraps(self.build)
        def method(*args: P.args, **kwargs: P.kwargs) -> R:
            return self._use(client, self.build(*args, **kwargs))

        method.__name__ = self._name
        return method


class operation(_Method[P, Coroutine[Any, Any, T]], Generic[P, T]):  # noqa: N801 - used like a decorator
    """A method that sends what *build* returns."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        super().__init__(build, lambda client, call: client.send(call))


class listing(_Method[P, "Pages[T]"], Generic[P, T]):  # noqa: N801 - used like a decorator
    """A method that returns the rows of all pages that start with what *build* returns."""

    def __init__(self, build: Callable[P, Call[Page[T]]]) -> None:
        super().__init__(build, Pages)


class Pages(Generic[T]):
    """The rows of a list, fetched page by page while you iterate: ``async for row in …``.

    Each loop begins at the start. A list of several numbered pages is read twice, and one that changes meanwhile up to
    five times, for rows that have moved to a page that was read already. If rows are missing after that, by Airmeet's
    own count, the loop ends with `IncompleteListError`: what was read is in your hands by then.
    """

    def __init__(self, client: Sender, first: Call[Page[T]]) -> None:
        self._client = client
        self._first = first

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Iterate over whole pages, once."""
        read = PagesRead()
        async for page, _ in self._look(read):
            yield page
        if not read.is_part and read.missing():
            raise self._incomplete(read, read.rows)

    async def __aiter__(self) -> AsyncIterator[T]:
        """Iterate over rows. One that is equal to another one as a whole is given once."""
        given = array("q")  # what tells rows apart: eight bytes of each, since a list may have a million
        known = array("q")  # the same of earlier looks, in order
        is_numbered = self._first.endpoint.paging is Paging.NUMBER
        read = PagesRead()
        for n in range(_MOST_LOOKS):
            read, found_before = PagesRead(), len(given)
            async for _, rows in self._look(read):
                for row, mark in rows:
                    if mark is None:
                        if n:
                            continue
                    elif known and known[min(bisect_left(known, mark), len(known) - 1)] == mark:
                        continue
                    given.append(mark or 0)
                    yield row
            is_whole = read.is_part or not read.missing()
            # A cursor stays where it is when rows come and go. Numbered pages do not: if somebody left and somebody
            # else came, not even their number tells that a row has moved to a page that was read.
            may_have_moved = read.has_shrunk or (is_numbered and read.pages > 1)
            if is_whole and not (may_have_moved if n == 0 else len(given) > found_before):
                return
            if n and len(given) == found_before:
                break
            known = array("q", sorted(given))
        if not read.is_part and read.missing():
            raise self._incomplete(read, len(given))

    async def _look(self, read: PagesRead) -> AsyncIterator[tuple[Page[T], list[tuple[T, int | None]]]]:
        """Read the list through once: yield each page, and those of its rows that were on no page before."""
        call: Call[Page[T]] | None = self._first
        recent: dict[int, None] = {}
        last: Page[T] | None = None
        while call is not None:
            page = await self._client.send(call)
            is_repeat = last is not None and page.items == last.items
            n, fresh, once = 0, [], dict[int, None]()
            for row in page.items:
                mark = _mark(row)
                if is_repeat or mark in recent:
                    continue
                n += 1  # equal rows on one page are no page that was read twice: they count
                if mark is None or mark not in once:
                    fresh.append((row, mark))
                if mark is not None:
                    once[mark] = None
            recent |= once
            for mark in list(itertools.islice(recent, max(0, len(recent) - _REMEMBERED))):
                del recent[mark]
            yield page, fresh
            last = page
            call = read.next_call(call, page, n)

    def _incomplete(self, read: PagesRead, n: int) -> IncompleteListError:
        name = self._first.endpoint.name
        if read.total_count is not None and read.total_count > read.rows:
            what = f"Airmeet counts {read.total_count:,} rows, and only {read.rows:,} different ones came"
        else:
            what = f"Airmeet counts {read.page_count:,} pages, and its list ended after {read.pages:,}"
        message = f"{name}: {what}: some are missing. If the event changes at the moment, read it again later"
        return IncompleteListError(message, operation=name, read=n, expected=read.total_count)


def _mark(row: Any) -> int | None:
    """Return what two rows share that are equal as a whole; None for a row of nobody, of which there may be many."""
    model = type(row)
    if model not in _NAMED:
        parts = fields_dict(model)
        _NAMED[model] = (
            [name for name in _NAMES if name in parts],
            [name for name, part in parts.items() if part.type not in _HASHABLE],
        )
    names, others = _NAMED[model]
    for name in names:
        if getattr(row, name):
            break
    else:
        return None
    for name in others:  # nearly always empty: what is unknown or nested
        if getattr(row, name):
            return hash(_flat(row))
    return hash(row)


def _flat(value: Any) -> Any:
    if isinstance(value, Answer):
        return tuple([_flat(getattr(value, name)) for name in fields_dict(type(value))])
    if isinstance(value, dict):
        return tuple([(name, _flat(part)) for name, part in value.items()])
    return tuple([_flat(part) for part in value]) if isinstance(value, (list, tuple)) else value


class AirmeetsNamespace(Namespace):
    """Events."""

    list = listing(calls.list_airmeets)
    info = operation(calls.get_airmeet)
    create = operation(calls.create_airmeet)
    set_status = operation(calls.set_airmeet_status)
    landing_page = operation(calls.change_landing_page)
    duplicate = operation(calls.duplicate_airmeet)


class AttendanceNamespace(Namespace):
    """Who was there."""

    event = listing(calls.list_event_attendance)
    session = listing(calls.list_session_attendance)
    booth = listing(calls.list_booth_attendance)
    replay = listing(calls.list_replay_attendance)


class AttendeesNamespace(Namespace):
    """People of an event."""

    add = operation(calls.add_attendee)
    block = operation(calls.block_attendee)
    unblock = operation(calls.unblock_attendee)
    remove = operation(calls.remove_attendee)


class BoothsNamespace(Namespace):
    """Booths of an event."""

    list = operation(calls.list_booths)
    create = operation(calls.create_booth)


class CustomFieldsNamespace(Namespace):
    """An event's own registration fields."""

    list = operation(calls.list_custom_fields)


class ParticipantsNamespace(Namespace):
    """Everybody on an event's list."""

    list = listing(calls.list_participants)


class PollsNamespace(Namespace):
    """What people answered to polls."""

    list = listing(calls.list_poll_responses)


class QuestionsNamespace(Namespace):
    """What people asked."""

    list = operation(calls.list_questions)


class RecordingsNamespace(Namespace):
    """Recordings of sessions."""

    list = operation(calls.list_recordings)


class RegistrationsNamespace(Namespace):
    """The older list of registrations."""

    list = listing(calls.list_registrations)


class SeriesNamespace(Namespace):
    """Event series."""

    list = operation(calls.list_series)
    events = operation(calls.list_series_airmeets)


class SessionsNamespace(Namespace):
    """Sessions of an event."""

    create = operation(calls.create_session)
    delete = operation(calls.delete_session)


class SpeakersNamespace(Namespace):
    """Speakers of an event."""

    add = operation(calls.add_speaker)


class TracksNamespace(Namespace):
    """Tracks of an event."""

    list = operation(calls.list_tracks)


class UtmsNamespace(Namespace):
    """Which campaigns brought the registrations."""

    list = listing(calls.list_utms)


class WebhooksNamespace(Namespace):
    """Where Airmeet sends what happens."""

    register = operation(calls.register_webhook)
    deregister = operation(calls.deregister_webhook)
    list = operation(calls.list_webhooks)
    sample_payload = operation(calls.get_webhook_sample)


class Operations:
    """All groups of a client, each under the name that the endpoint table has it by."""

    def _bind(self, client: Sender) -> None:
        self.airmeets = AirmeetsNamespace(client)
        self.attendance = AttendanceNamespace(client)
        self.attendees = AttendeesNamespace(client)
        self.booths = BoothsNamespace(client)
        self.custom_fields = CustomFieldsNamespace(client)
        self.participants = ParticipantsNamespace(client)
        self.polls = PollsNamespace(client)
        self.questions = QuestionsNamespace(client)
        self.recordings = RecordingsNamespace(client)
        self.registrations = RegistrationsNamespace(client)
        self.series = SeriesNamespace(client)
        self.sessions = SessionsNamespace(client)
        self.speakers = SpeakersNamespace(client)
        self.tracks = TracksNamespace(client)
        self.utms = UtmsNamespace(client)
        self.webhooks = WebhooksNamespace(client)
