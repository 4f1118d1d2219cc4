"""``client.attendees.add(…)`` and its like: the operations of the API, in groups."""

import functools
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from airmeet_async import calls
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.paging import Page, Walk, next_page

_REMEMBERED = 5000

P = ParamSpec("P")
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


class operation(Generic[P, T]):  # noqa: N801 - used like a decorator
    """A method that sends what *build* returns."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        self.build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: Namespace, owner: type[Any]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Namespace | None, owner: type[Any]) -> Any:
        """Return the method, bound to the client."""
        if instance is None:
            return self
        client = instance._client

        @functools.wraps(self.build)
        def ask(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
            return client.send(self.build(*args, **kwargs))

        return ask


class Pages(Generic[T]):
    """The rows of a list, fetched page by page while you iterate: ``async for row in …``."""

    def __init__(self, client: Sender, first: Call[Page[T]]) -> None:
        self._client = client
        self._first = first

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Iterate over whole pages."""
        call: Call[Page[T]] | None = self._first
        walk = Walk()
        last: Page[T] | None = None
        while call is not None:
            page = await self._client.send(call)
            if last is not None and page.items and page.items == last.items:
                return  # the same page again, whatever its cursor says
            yield page
            last = page
            call = next_page(call, page, walk)
            walk = walk.past(page)

    async def __aiter__(self) -> AsyncIterator[T]:
        """Iterate over rows. One that comes twice, as a misbehaving cursor makes it, is given once.

        The last few thousand rows are remembered for that, not all: a list can be longer than memory.
        """
        identity = self._first.endpoint.identity
        seen: dict[object, None] = {}
        async for page in self.pages():
            fresh = _fresh(page.items, identity, seen)
            if page.items and not fresh:
                return
            for item in fresh:
                yield item


def _fresh(items: Sequence[T], identity: Callable[[T], object], seen: dict[object, None]) -> list[T]:
    """Return the items that are not among the *seen* ones, and note them there; the oldest are forgotten."""
    fresh = []
    for item in items:
        name = identity(item)
        if name is None or name not in seen:
            fresh.append(item)
        if name is not None:
            seen[name] = None
    for name in list(itertools.islice(seen, max(0, len(seen) - _REMEMBERED))):
        del seen[name]
    return fresh


class listing(Generic[P, T]):  # noqa: N801 - used like a decorator
    """A method that returns the rows of all pages that start with what *build* returns."""

    def __init__(self, build: Callable[P, Call[Page[T]]]) -> None:
        self.build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: Namespace, owner: type[Any]) -> Callable[P, Pages[T]]: ...
    def __get__(self, instance: Namespace | None, owner: type[Any]) -> Any:
        """Return the method, bound to the client."""
        if instance is None:
            return self
        client = instance._client

        @functools.wraps(self.build)
        def ask(*args: P.args, **kwargs: P.kwargs) -> Pages[T]:
            return Pages(client, self.build(*args, **kwargs))

        return ask


class Airmeets(Namespace):
    """Events."""

    list = listing(calls.airmeets.list_)
    info = operation(calls.airmeets.info)
    create = operation(calls.airmeets.create)
    set_status = operation(calls.airmeets.set_status)
    landing_page = operation(calls.airmeets.landing_page)
    duplicate = operation(calls.airmeets.duplicate)


class Attendance(Namespace):
    """Who was there."""

    event = listing(calls.attendance.event)
    session = listing(calls.attendance.session)
    booth = listing(calls.attendance.booth)
    replay = listing(calls.attendance.replay)


class Attendees(Namespace):
    """People of an event."""

    add = operation(calls.attendees.add)
    block = operation(calls.attendees.block)
    unblock = operation(calls.attendees.unblock)
    remove = operation(calls.attendees.remove)


class Booths(Namespace):
    """Booths of an event."""

    list = operation(calls.booths.list_)
    create = operation(calls.booths.create)


class CustomFields(Namespace):
    """An event's own registration fields."""

    list = operation(calls.custom_fields.list_)


class Participants(Namespace):
    """Everybody on an event's list."""

    list = listing(calls.participants.list_)


class Polls(Namespace):
    """What people answered to polls."""

    list = listing(calls.polls.list_)


class Questions(Namespace):
    """What people asked."""

    list = operation(calls.questions.list_)


class Recordings(Namespace):
    """Recordings of sessions."""

    list = operation(calls.recordings.list_)


class Registrations(Namespace):
    """The older list of registrations."""

    list = listing(calls.registrations.list_)


class Series(Namespace):
    """Event series."""

    list = operation(calls.series.list_)
    events = operation(calls.series.events)


class Sessions(Namespace):
    """Sessions of an event."""

    create = operation(calls.sessions.create)
    delete = operation(calls.sessions.delete)


class Speakers(Namespace):
    """Speakers of an event."""

    add = operation(calls.speakers.add)


class Tracks(Namespace):
    """Tracks of an event."""

    list = operation(calls.tracks.list_)


class Utms(Namespace):
    """Which campaigns brought the registrations."""

    list = listing(calls.utms.list_)


class Webhooks(Namespace):
    """Where Airmeet sends what happens."""

    register = operation(calls.webhooks.register)
    deregister = operation(calls.webhooks.deregister)
    list = operation(calls.webhooks.list_)
    sample_payload = operation(calls.webhooks.sample_payload)


class Operations:
    """All groups of a client, each under the name that the endpoint table has it by."""

    def _bind(self, client: Sender) -> None:
        self.airmeets = Airmeets(client)
        self.attendance = Attendance(client)
        self.attendees = Attendees(client)
        self.booths = Booths(client)
        self.custom_fields = CustomFields(client)
        self.participants = Participants(client)
        self.polls = Polls(client)
        self.questions = Questions(client)
        self.recordings = Recordings(client)
        self.registrations = Registrations(client)
        self.series = Series(client)
        self.sessions = Sessions(client)
        self.speakers = Speakers(client)
        self.tracks = Tracks(client)
        self.utms = Utms(client)
        self.webhooks = Webhooks(client)
