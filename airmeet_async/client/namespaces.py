"""``client.attendees.add(…)`` and its like: the operations of the API, in groups."""

import functools
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from airmeet_async import calls
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.paging import Page, PagesRead

_REMEMBERED = 5000
"""Rows of a list in which one that comes twice is noticed: five pages of the longest, without keeping a whole list."""

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

    Each loop begins at the start.
    """

    def __init__(self, client: Sender, first: Call[Page[T]]) -> None:
        self._client = client
        self._first = first

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Iterate over whole pages."""
        call: Call[Page[T]] | None = self._first
        read = PagesRead()
        last: Page[T] | None = None
        while call is not None:
            page = await self._client.send(call)
            if last is not None and page.items and page.items == last.items:
                return  # the same page again, whatever its cursor says
            yield page
            last = page
            call = read.next_call(call, page)

    async def __aiter__(self) -> AsyncIterator[T]:
        """Iterate over rows. One that comes twice is given once: the cursor of events was seen to misbehave (C)."""
        identity = self._first.endpoint.identity
        seen: dict[object, None] = {}
        async for page in self.pages():
            unseen = _unseen(page.items, identity, seen)
            if page.items and not unseen:
                return
            for item in unseen:
                yield item


def _unseen(items: Sequence[T], identity: Callable[[T], object], seen: dict[object, None]) -> list[T]:
    """Return the items that are not among the *seen* ones, and note them there; the oldest are forgotten."""
    unseen = []
    for item in items:
        name = identity(item)
        if name is None or name not in seen:
            unseen.append(item)
        if name is not None:
            seen[name] = None
    for name in list(itertools.islice(seen, max(0, len(seen) - _REMEMBERED))):
        del seen[name]
    return unseen


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
