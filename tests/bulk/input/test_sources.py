"""Where rows come from: read no faster than they are taken, to their end, and closed where they were read."""

import asyncio
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from airmeet_async import ConfigError, InputError
from airmeet_async.bulk.input.sources import RowSource, open_rows


async def taken_from(source: RowSource, n: int = 64, most: int | None = None) -> tuple[list[Any], Exception | None]:
    """Take all rows of a source that is pumped, as an engine does; at most so many before reading is stopped."""
    rows: list[Any] = []
    arrival = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(source.pump(arrival.set))
        while not source.ended:
            arrival.clear()
            try:
                piece = source.take(n)
            except InputError as error:
                return rows, error
            rows += piece
            if most is not None and len(rows) >= most:
                source.stop_reading()
            elif not piece and not source.ended:
                await arrival.wait()
    return rows, None


def breaking_at(n: int) -> Iterator[int]:
    yield from range(n)
    message = "the cursor is gone"
    raise LookupError(message)


async def breaking_slowly(n: int) -> AsyncIterator[int]:
    for one in range(n):
        await anyio.lowlevel.checkpoint()
        yield one
    message = "the cursor is gone"
    raise LookupError(message)


@pytest.mark.parametrize("source", [breaking_at, breaking_slowly])
@pytest.mark.parametrize("n", [0, 1, 64, 137])
async def test_a_source_that_breaks_raises_after_the_rows_before_it(source: Any, n: int) -> None:
    rows, error = await taken_from(RowSource(source(n)))

    assert rows == [*range(n)]
    assert isinstance(error, InputError)
    assert f"raised LookupError at row {n} (counted from 0): the cursor is gone" in str(error)
    assert isinstance(error.__cause__, LookupError)


async def test_an_error_is_raised_once() -> None:
    source = RowSource(breaking_at(0))
    with pytest.raises(InputError):
        source.take(1)

    assert source.ended
    assert source.take(1) == []


async def test_a_plain_source_is_read_no_further_than_asked() -> None:
    """An endless generator is fine."""
    numbers = itertools.count()
    source = RowSource(iter(numbers))

    assert (source.is_sync, source.finite, source.total) == (True, False, None)
    assert [*source.take(3), *source.take(2)] == [0, 1, 2, 3, 4]
    assert next(numbers) == 5
    source.stop_reading()
    assert source.take(9) == []
    assert source.ended


@pytest.mark.parametrize("n", [0, 1, 3, 4, 100])
async def test_the_end_is_known(n: int) -> None:
    source = RowSource([*range(n)])

    assert (source.finite, source.total) == (True, n)
    assert (await taken_from(source, n=3))[0] == [*range(n)]


async def test_one_row_of_an_asynchronous_source_is_read_ahead_and_each_is_told_once() -> None:
    """The source may take them from a queue, where nobody will find them again."""
    pulled: list[int] = []
    told = 0

    async def queue() -> AsyncIterator[int]:
        for number in range(5):
            await anyio.lowlevel.checkpoint()
            pulled.append(number)
            yield number

    def arrived() -> None:
        nonlocal told
        told += 1

    source = RowSource(queue())
    async with asyncio.TaskGroup() as group:
        group.create_task(source.pump(arrived))
        for number in range(5):
            await asyncio.sleep(1)
            assert pulled == [*range(number + 1)]
            assert source.take(64) == [number]

    assert source.take(1) == []
    assert (source.ended, told) == (True, 6)


async def test_rows_that_were_read_ahead_are_left_when_reading_stops() -> None:
    pulled: list[int] = []

    async def queue() -> AsyncIterator[int]:
        for number in itertools.count():
            await anyio.lowlevel.checkpoint()
            pulled.append(number)
            yield number

    source = RowSource(queue())
    async with asyncio.TaskGroup() as group:
        group.create_task(source.pump(lambda: None))
        await asyncio.sleep(1)
        source.stop_reading()
        assert source.take(5) == pulled
    assert source.ended


class Cleanup:
    """A source with a cleanup that takes its time, in the task that has driven it."""

    def __init__(self, how: str, seconds: float = 2.0) -> None:
        self.how = how
        self.seconds = seconds
        self.steps: list[str] = []

    async def rows(self) -> AsyncIterator[int]:
        task = asyncio.current_task()
        try:
            if self.how == "with asyncio's task group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(asyncio.sleep(1000))
                    yield 1
                    await asyncio.sleep(1000)
            elif self.how == "with anyio's task group":
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(anyio.sleep, 1000)
                    yield 1
                    await anyio.sleep(1000)
            else:
                yield 1
                if self.how == "while it waits for a row":
                    await asyncio.sleep(1000)
                yield 2
                yield 3
        finally:
            for step in "ab":
                await asyncio.sleep(self.seconds)
                self.steps.append(step)
            assert asyncio.current_task() is task


HOWS = ["with asyncio's task group", "with anyio's task group", "while it waits for a row", "while it waits for room"]


@pytest.mark.parametrize("how", HOWS)
async def test_a_source_is_closed_to_its_end_when_reading_stops(how: str) -> None:
    cleanup = Cleanup(how)

    assert await taken_from(RowSource(cleanup.rows()), most=1) == ([1], None)
    assert cleanup.steps == ["a", "b"]


@pytest.mark.parametrize("how", HOWS)
async def test_a_source_is_closed_to_its_end_when_its_reader_is_cancelled(how: str) -> None:
    """By a scope that cancels again and again, and by two cancellations one after the other."""
    for kind in ("scope", "twice"):
        cleanup = Cleanup(how)
        source = RowSource(cleanup.rows())
        if kind == "scope":
            with anyio.CancelScope() as scope:
                scope.deadline = anyio.current_time() + 1
                await source.pump(lambda: None)
            assert scope.cancelled_caught
        else:
            task = asyncio.create_task(source.pump(lambda: None))
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert cleanup.steps == ["a", "b"]
        assert source.take(1) == [1]


async def test_a_source_that_does_not_close_is_cut_off() -> None:
    """A run is over some seconds after it was stopped."""
    cleanup = Cleanup("while it waits for room", seconds=3.0)
    started = anyio.current_time()

    assert await taken_from(RowSource(cleanup.rows()), most=1) == ([1], None)
    assert cleanup.steps == ["a"]
    assert anyio.current_time() - started <= 7


class OwnRows:
    """Rows of a class of the caller's, which is iterable both ways: the asynchronous one is taken."""

    def __iter__(self) -> Iterator[int]:
        return iter([1])

    async def __aiter__(self) -> AsyncIterator[int]:
        yield 2


async def test_what_is_no_list_of_rows_is_refused() -> None:
    """A single mapping is a likely mistake."""
    for rows in (5, b"bytes", {"email": "a@example.com"}, None):
        with pytest.raises(ConfigError, match="iterable"):
            await open_rows(rows)  # type: ignore[arg-type]
    both: Any = OwnRows()
    assert isinstance(both, Iterable)
    assert isinstance(both, AsyncIterable)
    assert (await taken_from(RowSource(both)))[0] == [2]


async def test_as_many_rows_are_read_ahead_as_are_wanted() -> None:
    """Rows may be taken from a queue for good, so only for those who can send them at once."""
    pulled: list[int] = []

    async def queue() -> AsyncIterator[int]:
        for number in range(100):
            pulled.append(number)
            yield number

    source = RowSource(queue())
    async with asyncio.TaskGroup() as group:
        pumping = group.create_task(source.pump(lambda: None, lambda: 7))
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        assert len(pulled) == 7
        assert source.take(64) == [*range(7)]
        source.stop_reading()
        pumping.cancel()
