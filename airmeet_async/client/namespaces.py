"""``client.attendees.add(…)`` and its like: the operations of the API, in groups.

Each name stands once, for both clients. A group has a type parameter that says which client it is of: by it, type
checkers see what an operation returns, a coroutine or the plain value.
"""

import asyncio
import functools
import inspect
import itertools
import json
from array import array
from bisect import bisect_left
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from datetime import UTC, datetime
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    get_args,
    overload,
)

from attrs import fields_dict

from airmeet_async import calls
from airmeet_async.data_frames import ColumnType, make_frame
from airmeet_async.errors import IncompleteListError, NotFoundError, RejectedError
from airmeet_async.protocol.call import Call, Paging
from airmeet_async.protocol.models import Answer
from airmeet_async.protocol.paging import Page, PagesRead
from airmeet_async.protocol.value_class import json_ready

# Rows of a list in which one that comes on two pages is noticed: five pages of the longest.
_REMEMBERED = 5000
# How often a list that changes is read through.
_MOST_LOOKS = 5
# Whatever a row is known by; one that has none of them is of nobody, such as a guest's poll answer.
_NAMES = ("id", "user_id", "email")
# By model: which of these names it has, and its parts that cannot be hashed as they are.
_NAMED: dict[type[Any], tuple[list[str], list[str]]] = {}
_HASHABLE: Final = (str, int, float, bool, str | None, int | None, float | None, bool | None, datetime | None)

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")


class Awaited:
    """Marks, for type checkers, the operations of an asynchronous client."""


class Blocking:
    """Marks, for type checkers, the operations of a client without ``await``, which return plain values."""


Mode = TypeVar("Mode")


class Sender(Protocol):
    """Whatever can send a call."""

    async def send(self, call: Call[T]) -> T:
        """Send *call* and return its typed answer."""
        ...


class BlockingSender(Protocol):
    """Whatever can send a call from a thread without an event loop."""

    def send(self, call: Call[T]) -> T:
        """Send *call* and return its typed answer."""
        ...

    def wait_for(self, function: Callable[[Any], Awaitable[T]]) -> T:
        """Call *function* with a `Sender` on that one's event loop, and return what it returns."""
        ...


class Namespace(Generic[Mode]):
    """A group of operations of one client."""

    def __init__(self, client: Sender | BlockingSender) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"


class _Method(Generic[P, R, S]):
    """A method with the signature and the docstring of *build*, a function of `calls`, and the name it is assigned to.

    Errors in the arguments are raised when it is called, not when its result is awaited. The class gets a plain
    function in its place, so that `help`, `inspect` and `create_autospec` see what there is; the function of a client
    without ``await`` is its attribute ``blocking``.

    Args:
        build: Makes the call.
        use: Makes of the client and the call what the method returns.
        returns: The type of that, by the model of the reply.
        use_blocking: The same, of a client without ``await``.
        returns_blocking: The type of that.
    """

    def __init__(
        self,
        build: Callable[P, Call[Any]],
        use: Callable[[Any, Call[Any]], R],
        returns: Callable[[Any], Any],
        use_blocking: Callable[[Any, Call[Any]], S],
        returns_blocking: Callable[[Any], Any],
    ) -> None:
        self.function: Any = _function(build, use, returns)
        self.function.blocking = _function(build, use_blocking, returns_blocking)

    def __set_name__(self, owner: type[Any], name: str) -> None:
        for function in (self.function, self.function.blocking):
            function.__name__, function.__qualname__ = name, f"{owner.__name__}.{name}"
            function.__module__ = owner.__module__
        setattr(owner, name, self.function)

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Namespace[Awaited]]) -> Callable[Concatenate[Any, P], R]: ...
        @overload
        def __get__(self, instance: None, owner: type[Namespace[Blocking]]) -> Callable[Concatenate[Any, P], S]: ...
        @overload
        def __get__(self, instance: Namespace[Awaited], owner: type[Any]) -> Callable[P, R]: ...
        @overload
        def __get__(self, instance: Namespace[Blocking], owner: type[Any]) -> Callable[P, S]: ...
        def __get__(self, instance: Namespace[Any] | None, owner: type[Any]) -> Any: ...


def _function(
    build: Callable[..., Call[Any]], use: Callable[[Any, Call[Any]], Any], returns: Callable[[Any], Any]
) -> Any:
    def function(self: Namespace[Any], /, *args: Any, **kwargs: Any) -> Any:
        call = build(*args, **kwargs)
        del args, kwargs  # error trackers print the locals of each frame; a call shows nobody's data
        return use(self._client, call)

    functools.update_wrapper(function, build)
    signature, own = inspect.signature(build), inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    function.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[own, *signature.parameters.values()],
        return_annotation=returns(get_args(signature.return_annotation)[0]),
    )
    return function


class operation(_Method[P, Coroutine[Any, Any, T], T], Generic[P, T]):  # noqa: N801 - used like a decorator
    """A method that sends what *build* returns."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        returns: Any = Awaitable
        super().__init__(build, _send, returns.__class_getitem__, _send, lambda model: model)
        # It is none by itself, but what it returns is one: mocks and frameworks ask for this.
        if mark := getattr(inspect, "markcoroutinefunction", None):  # from Python 3.12 on
            mark(self.function)
        else:
            self.function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]


def _send(client: Any, call: Call[Any]) -> Any:
    return client.send(call)


class _List(_Method[P, "Listing[T]", "BlockingListing[T]"], Generic[P, T]):
    def __init__(self, build: Callable[P, Call[Any]]) -> None:
        waits: Any = Listing
        blocks: Any = BlockingListing
        super().__init__(
            build,
            Listing,
            lambda rows: waits.__class_getitem__(get_args(rows)[0]),
            BlockingListing,
            lambda rows: blocks.__class_getitem__(get_args(rows)[0]),
        )


class paged_list(_List[P, T], Generic[P, T]):  # noqa: N801 - used like a decorator
    """A method that returns the rows of all pages that start with what *build* returns."""

    def __init__(self, build: Callable[P, Call[Page[T]]]) -> None:
        super().__init__(build)


class whole_list(_List[P, T], Generic[P, T]):  # noqa: N801 - used like a decorator
    """A method that returns the rows of the one reply to what *build* returns."""

    def __init__(self, build: Callable[P, Call[tuple[T, ...]]]) -> None:
        super().__init__(build)


class CoroutineObject(Coroutine[Any, Any, R], Generic[R]):
    """What is awaited, as a coroutine in all, so that `asyncio.run`, `asyncio.create_task` and task groups take it."""

    _steps: Coroutine[Any, Any, R] | None = None

    def _begin(self) -> Coroutine[Any, Any, R]:
        """Return the coroutine that does the work."""
        raise NotImplementedError

    def __await__(self) -> Generator[Any, Any, R]:
        return self._begin().__await__()

    def send(self, value: Any) -> Any:
        """Take one step, as the event loop does."""
        self._steps = self._steps or self._begin()
        try:
            return self._steps.send(value)
        except BaseException:  # it has ended, and the next use begins at the start
            self._steps = None
            raise

    def throw(self, *error: Any) -> Any:
        """Raise an error within, as the event loop does."""
        self._steps = self._steps or self._begin()
        try:
            return self._steps.throw(*error)
        except BaseException:
            self._steps = None
            raise

    def close(self) -> None:
        """End it early."""
        if self._steps is not None:
            self._steps.close()
            self._steps = None


class Listing(CoroutineObject["list[T]"], AsyncIterable[T], Generic[T]):
    """The rows of a list. Awaited it is a list; iterated it fetches page after page.

    ::

        events = await client.airmeets.list()
        async for event in client.airmeets.list(): ...
        event = await client.airmeets.list().first()

    Nothing is sent before that, and each use begins at the start. A list of several numbered pages is read twice, and
    one that changes meanwhile up to five times, for rows that have moved to a page that was read already. If rows are
    missing after that, by Airmeet's own count, it ends with `IncompleteListError`: a loop has had what was read by
    then, and of an awaited list it is in ``error.rows``.
    """

    def __init__(self, client: Sender, first: Call[Page[T]] | Call[tuple[T, ...]]) -> None:
        self._client = client
        self._first: Call[Any] = first

    def __repr__(self) -> str:
        return f"<Listing of {self._first}>"

    def _begin(self) -> Coroutine[Any, Any, list[T]]:
        return self.to_list()

    async def to_list(self) -> list[T]:
        """Return all rows; the same as awaiting it.

        Raises:
            IncompleteListError: Rows are missing; those that came are in its ``rows``.
        """
        rows: list[T] = []
        try:
            async for row in self:
                rows.append(row)  # noqa: PERF401 - what came before an error counts
        except IncompleteListError as error:
            error.rows = error.rows or tuple(rows)
            raise
        return rows

    async def first(self) -> T | None:
        """Return the first row, or None of an empty list. No more is fetched than its page."""
        async for page in self._once():
            if page.items:
                return page.items[0]
        return None

    async def to_frame(self, *, backend: str | None = None) -> Any:
        """Return all rows as a data frame, a column for each field of the model, also if there are no rows.

        Times are in UTC; what is nested, such as the answers to registration fields, is JSON text. Members that the
        model does not know are left out. It needs pandas; polars and pyarrow need the extra ``dataframe``.

        Args:
            backend: ``pandas``, ``polars`` or ``pyarrow``; by default the first of them that is installed.

        Raises:
            ConfigError: A package is missing.
            IncompleteListError: Rows are missing; those that came are in its ``rows``.
        """
        returns: Any = self._first.endpoint.returns
        model = next(iter(get_args(returns)), returns)
        make_frame({}, backend)  # what is missing is told before anything is fetched
        rows = await self.to_list()
        columns = {
            name: (kind := _column_type(spec.type), [_cell(kind, getattr(row, name)) for row in rows])
            for name, spec in fields_dict(model).items()
            if name != "extra"
        }
        return make_frame(columns, backend)

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Iterate over whole pages, once. A list without pages is one page."""
        read = PagesRead()
        async for page, _ in self._look(read):
            yield page
        if not read.is_part and read.missing():
            raise self._incomplete(read, read.rows)

    async def _once(self) -> AsyncIterator[Page[T]]:
        async for page, _ in self._look(PagesRead()):
            yield page

    async def __aiter__(self) -> AsyncIterator[T]:
        """Iterate over rows. One that is equal to another one as a whole is given once."""
        async for batch in self.batches():
            for row in batch:
                yield row

    async def batches(self) -> AsyncIterator[list[T]]:
        """Iterate over the same rows, those of a page together."""
        if self._first.endpoint.paging is Paging.NONE:
            yield list(await self._client.send(self._first))
            return
        given = array("q")  # what tells rows apart: eight bytes of each, since a list may have a million
        known = array("q")  # the same of earlier looks, in order
        is_numbered = self._first.endpoint.paging is Paging.NUMBER
        read = PagesRead()
        for n in range(_MOST_LOOKS):
            read, found_before = PagesRead(), len(given)
            async for _, rows in self._look(read):
                batch: list[T] = []
                for row, mark in rows:
                    if mark is None:
                        if n:
                            continue
                    elif known and known[min(bisect_left(known, mark), len(known) - 1)] == mark:
                        continue
                    given.append(mark or 0)
                    batch.append(row)
                yield batch
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
            page = await self._fetch(call, read)
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

    async def _fetch(self, call: Call[Any], read: PagesRead) -> Page[T]:
        """Fetch a page. Where Airmeet does not know the place any more, it is the list that has ended too early."""
        try:
            answer = await self._client.send(call)
        except (NotFoundError, RejectedError) as error:
            if not read.pages:
                raise
            name = call.endpoint.name
            what = f"{name}: Airmeet does not go on after page {read.pages:,} ({error.reason or error.status})"
            message = f"{what}: the place in the list has expired. Read it again"
            raise IncompleteListError(message, operation=name, read=read.rows, expected=read.total_count) from error
        return answer if isinstance(answer, Page) else Page(tuple(answer))

    def _incomplete(self, read: PagesRead, n: int) -> IncompleteListError:
        name = self._first.endpoint.name
        if read.total_count is not None and read.total_count > read.rows:
            what = f"Airmeet counts {read.total_count:,} rows, and only {read.rows:,} different ones came"
        else:
            what = f"Airmeet counts {read.page_count:,} pages, and its list ended after {read.pages:,}"
        message = f"{name}: {what}: some are missing. If the event changes at the moment, read it again later"
        return IncompleteListError(message, operation=name, read=n, expected=read.total_count)


class BlockingListing(Iterable[T], Generic[T]):
    """The rows of a list, for a client without ``await``. Iterated it fetches page after page.

    ::

        for event in client.airmeets.list(): ...
        events = client.airmeets.list().to_list()
        event = client.airmeets.list().first()

    All else is as for `Listing`.
    """

    def __init__(self, client: BlockingSender, first: Call[Page[T]] | Call[tuple[T, ...]]) -> None:
        self._client = client
        self._first: Call[Any] = first

    def __repr__(self) -> str:
        return f"<BlockingListing of {self._first}>"

    def __iter__(self) -> Iterator[T]:
        for batch in self._each(lambda rows: rows.batches()):
            yield from batch

    def pages(self) -> Iterator[Page[T]]:
        """Iterate over whole pages, once. A list without pages is one page."""
        return self._each(lambda rows: rows.pages())

    def to_list(self) -> list[T]:
        """Return all rows.

        Raises:
            IncompleteListError: Rows are missing; those that came are in its ``rows``.
        """
        return self._client.wait_for(lambda sender: Listing[T](sender, self._first).to_list())

    def first(self) -> T | None:
        """Return the first row, or None of an empty list. No more is fetched than its page."""
        return self._client.wait_for(lambda sender: Listing[T](sender, self._first).first())

    def to_frame(self, *, backend: str | None = None) -> Any:
        """Return all rows as a data frame: see `Listing.to_frame`."""
        return self._client.wait_for(lambda sender: Listing[T](sender, self._first).to_frame(backend=backend))

    def _each(self, parts_of: Callable[["Listing[T]"], AsyncIterator[R]]) -> Iterator[R]:
        parts: AsyncIterator[R] | None = None

        def following(sender: Sender) -> Awaitable[R | None]:
            nonlocal parts
            parts = parts or parts_of(Listing(sender, self._first))
            return anext(parts, None)

        while (part := self._client.wait_for(following)) is not None:
            yield part


_COLUMN_TYPES: dict[Any, ColumnType] = {int: "Int64", float: "Float64", bool: "Boolean", datetime: "Datetime"}


def _column_type(kind: Any) -> ColumnType:
    """Return the type of a column for a field, such as ``int | None``; of whatever is no number or time, text."""
    return next((_COLUMN_TYPES[one] for one in (kind, *get_args(kind)) if one in _COLUMN_TYPES), "String")


def _cell(kind: ColumnType, value: Any) -> Any:
    if kind == "Datetime":
        return value and value.astimezone(UTC)
    if kind != "String" or value is None:
        return value
    plain = json_ready(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


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


class AirmeetsNamespace(Namespace[Mode]):
    """Events."""

    list: Final = paged_list(calls.list_airmeets)
    info: Final = operation(calls.get_airmeet)
    create: Final = operation(calls.create_airmeet)
    set_status: Final = operation(calls.set_airmeet_status)
    landing_page: Final = operation(calls.change_landing_page)
    duplicate: Final = operation(calls.duplicate_airmeet)


class AttendanceNamespace(Namespace[Mode]):
    """Who was there."""

    event: Final = paged_list(calls.list_event_attendance)
    session: Final = paged_list(calls.list_session_attendance)
    booth: Final = paged_list(calls.list_booth_attendance)
    replay: Final = paged_list(calls.list_replay_attendance)


class AttendeesNamespace(Namespace[Mode]):
    """People of an event."""

    add: Final = operation(calls.add_attendee)
    block: Final = operation(calls.block_attendee)
    unblock: Final = operation(calls.unblock_attendee)
    remove: Final = operation(calls.remove_attendee)


class BoothsNamespace(Namespace[Mode]):
    """Booths of an event."""

    list: Final = whole_list(calls.list_booths)
    create: Final = operation(calls.create_booth)


class CustomFieldsNamespace(Namespace[Mode]):
    """An event's own registration fields."""

    list: Final = whole_list(calls.list_custom_fields)


class ParticipantsNamespace(Namespace[Mode]):
    """Everybody on an event's list."""

    list: Final = paged_list(calls.list_participants)


class PollsNamespace(Namespace[Mode]):
    """What people answered to polls."""

    list: Final = paged_list(calls.list_poll_responses)


class QuestionsNamespace(Namespace[Mode]):
    """What people asked."""

    list: Final = whole_list(calls.list_questions)


class RecordingsNamespace(Namespace[Mode]):
    """Recordings of sessions."""

    list: Final = whole_list(calls.list_recordings)


class RegistrationsNamespace(Namespace[Mode]):
    """The older list of registrations."""

    list: Final = paged_list(calls.list_registrations)


class SeriesNamespace(Namespace[Mode]):
    """Event series."""

    list: Final = whole_list(calls.list_series)
    events: Final = whole_list(calls.list_series_airmeets)


class SessionsNamespace(Namespace[Mode]):
    """Sessions of an event."""

    create: Final = operation(calls.create_session)
    delete: Final = operation(calls.delete_session)


class SpeakersNamespace(Namespace[Mode]):
    """Speakers of an event."""

    add: Final = operation(calls.add_speaker)


class TracksNamespace(Namespace[Mode]):
    """Tracks of an event."""

    list: Final = whole_list(calls.list_tracks)


class UtmsNamespace(Namespace[Mode]):
    """Which campaigns brought the registrations."""

    list: Final = paged_list(calls.list_utms)


class WebhooksNamespace(Namespace[Mode]):
    """Where Airmeet sends what happens."""

    register: Final = operation(calls.register_webhook)
    deregister: Final = operation(calls.deregister_webhook)
    list: Final = whole_list(calls.list_webhooks)
    sample_payload: Final = operation(calls.get_webhook_sample)


Group = TypeVar("Group")


class Grouped(Generic[Group]):
    """A group of operations as an attribute: of a client it is bound to it, of the class it is the group's class."""

    def __init__(self, group: type[Group]) -> None:
        self._group: Any = group
        self._name = ""
        self.__doc__ = group.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> type[Group]: ...
    @overload
    def __get__(self, instance: object, owner: type[Any]) -> Group: ...
    def __get__(self, instance: object | None, owner: type[Any]) -> Any:
        """Return the group: of a client always the same object, so that a mock that is put into it stays there."""
        group = _blocking_group(self._group) if owner.blocks and issubclass(self._group, Namespace) else self._group
        return group if instance is None else vars(instance).setdefault(self._name, group(instance))


@functools.cache
def _blocking_group(group: type[Any]) -> type[Any]:
    """Return the group of a client without ``await``."""
    functions = {name: one.blocking for name, one in vars(group).items() if hasattr(one, "blocking")}
    return type(group.__name__, (group,), {"__doc__": group.__doc__, "__module__": group.__module__, **functions})


class Operations(Generic[Mode]):
    """All groups of a client, each under the name that the endpoint table has it by.

    Attributes:
        blocks: Whether they return plain values instead of what is awaited.
    """

    blocks: ClassVar[bool] = False

    airmeets: Grouped[AirmeetsNamespace[Mode]] = Grouped(AirmeetsNamespace)
    attendance: Grouped[AttendanceNamespace[Mode]] = Grouped(AttendanceNamespace)
    attendees: Grouped[AttendeesNamespace[Mode]] = Grouped(AttendeesNamespace)
    booths: Grouped[BoothsNamespace[Mode]] = Grouped(BoothsNamespace)
    custom_fields: Grouped[CustomFieldsNamespace[Mode]] = Grouped(CustomFieldsNamespace)
    participants: Grouped[ParticipantsNamespace[Mode]] = Grouped(ParticipantsNamespace)
    polls: Grouped[PollsNamespace[Mode]] = Grouped(PollsNamespace)
    questions: Grouped[QuestionsNamespace[Mode]] = Grouped(QuestionsNamespace)
    recordings: Grouped[RecordingsNamespace[Mode]] = Grouped(RecordingsNamespace)
    registrations: Grouped[RegistrationsNamespace[Mode]] = Grouped(RegistrationsNamespace)
    series: Grouped[SeriesNamespace[Mode]] = Grouped(SeriesNamespace)
    sessions: Grouped[SessionsNamespace[Mode]] = Grouped(SessionsNamespace)
    speakers: Grouped[SpeakersNamespace[Mode]] = Grouped(SpeakersNamespace)
    tracks: Grouped[TracksNamespace[Mode]] = Grouped(TracksNamespace)
    utms: Grouped[UtmsNamespace[Mode]] = Grouped(UtmsNamespace)
    webhooks: Grouped[WebhooksNamespace[Mode]] = Grouped(WebhooksNamespace)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the groups out of a copy, such as `with_options` makes: those of the copy are bound to it."""
        return {name: part for name, part in vars(self).items() if getattr(part, "_client", None) is not self}
