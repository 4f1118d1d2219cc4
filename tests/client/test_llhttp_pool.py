"""The fast transport's pool without a socket, on virtual time: who gets which connection, and when it is checked."""

import asyncio

import pytest

from airmeet_async import NoReplyError, NotSentError, Reply, Request, Timeouts, TransportError
from airmeet_async.client.transports.llhttp_connection import Connection
from airmeet_async.client.transports.llhttp_transport import LlhttpTransport
from airmeet_async.protocol.base_urls import parse_base
from tests.support.transports import post


class FakeConnection:
    """Replies after a while, and has no socket."""

    def __init__(self, transport: "PoolOfFakes", number: int) -> None:
        self.pool, self.number = transport, number
        self.is_reusable, self.has_data = True, False
        self.started = self.last_activity = transport.clock()
        self.waiter: asyncio.Future[Reply | TransportError] | None = None
        self.checks: list[float] = []
        self.requests: list[bytes] = []

    def exchange(self, data: bytes, limit: int, started: float) -> "asyncio.Future[Reply | TransportError]":
        self.requests.append(data)
        self.limit, self.started = limit, started
        self.waiter = self.pool.loop.create_future()
        if self.pool.seconds is not None:
            self.pool.loop.call_later(self.pool.seconds, self.reply)
        return self.waiter

    def reply(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(self.pool.outcome)

    def finish(self, now: float) -> bool:
        whole = self.waiter is not None and self.waiter.done() and not self.waiter.cancelled()
        self.waiter, self.last_activity = None, now
        return whole and isinstance(self.pool.outcome, Reply)

    def has_input(self) -> bool:
        return self.has_data

    def abort(self) -> None:
        if self.is_reusable:
            self.is_reusable = False
            self.pool.loop.call_soon(self.pool.closed, self)

    def check_timeouts(self, now: float) -> None:
        self.checks.append(now)


class PoolOfFakes(LlhttpTransport):
    """The transport with connections that are not there."""

    def __init__(self, seconds: float | None = 1.0, timeouts: Timeouts | None = None, connections: int = 3) -> None:
        super().__init__(parse_base("http://127.0.0.1:9/prod"), connections=connections, timeouts=timeouts)
        self.seconds = seconds
        self.outcome: Reply | TransportError = Reply(200)
        self.made: list[FakeConnection] = []
        self.failing = False

    async def _connect(self) -> Connection:
        if self.failing:
            raise NotSentError("not today", reason="connect", host="x")
        fake = FakeConnection(self, len(self.made))
        self.made.append(fake)
        self.opened(fake)  # type: ignore[arg-type]
        return fake  # type: ignore[return-value]


async def test_a_free_connection_is_used_again() -> None:
    """With the limit of each request, and the moment it began."""
    pool = PoolOfFakes()
    first = await pool.exchange(post())
    began = pool.clock()
    second = await pool.exchange(Request("GET", "/", (), b"", reply_limit=7))

    assert (first, second, len(pool.made)) == (Reply(200), Reply(200), 1)
    assert (pool.made[0].limit, pool.made[0].started) == (7, began)
    await pool.aclose()


async def test_no_more_connections_than_allowed_and_the_longest_waiter_first() -> None:
    """Seven callers, three places."""
    pool, order = PoolOfFakes(), []

    async def one(number: int) -> None:
        await pool.exchange(post())
        order.append((number, pool.clock()))

    start = asyncio.get_running_loop().time()
    await asyncio.gather(*(one(number) for number in range(7)))

    assert len(pool.made) == 3
    assert sorted((round(at - start), number) for number, at in order) == [
        (1, 0), (1, 1), (1, 2), (2, 3), (2, 4), (2, 5), (3, 6),
    ]  # fmt: skip
    await pool.aclose()


async def test_a_place_given_to_a_cancelled_caller_goes_to_the_next() -> None:
    """Whether it was cancelled before, or in the very moment."""
    pool = PoolOfFakes(connections=1)
    first = asyncio.create_task(pool.exchange(post()))
    before, during, last = (asyncio.create_task(pool.exchange(post())) for _ in range(3))
    await asyncio.sleep(0.5)
    before.cancel()
    first.add_done_callback(lambda _: during.cancel())
    await asyncio.wait([first, before, during])
    began = pool.clock()
    await last

    assert (before.cancelled(), during.cancelled()) == (True, True)
    assert pool.clock() - began == pytest.approx(1.0, abs=0.01)
    await asyncio.wait_for(pool.exchange(post()), 1.5)
    await pool.aclose()


async def test_a_place_is_given_back_after_a_failure() -> None:
    """To connect, or later."""
    pool = PoolOfFakes(connections=1)
    pool.failing = True
    for _ in range(3):
        with pytest.raises(NotSentError):
            await pool.exchange(post())
    pool.failing = False
    pool.outcome = NoReplyError("gone", reason="reset", host="x")
    for _ in range(3):
        with pytest.raises(NoReplyError) as caught:
            await pool.exchange(post())
        assert caught.value.__cause__ is caught.value.__context__ is None
    pool.outcome = Reply(200)

    assert await asyncio.wait_for(pool.exchange(post()), 1.5) == Reply(200)
    assert [fake.is_reusable for fake in pool.made] == [False, False, False, True]
    await pool.aclose()


async def test_a_cancelled_exchange_ends_its_connection() -> None:
    """Its reply is still to come."""
    pool = PoolOfFakes(connections=1)
    task = asyncio.create_task(pool.exchange(post()))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait([task])
    await pool.exchange(post())

    assert [fake.is_reusable for fake in pool.made] == [False, True]
    await pool.aclose()


@pytest.mark.parametrize("seconds", [14.9, 15.0])
async def test_a_connection_that_was_free_for_too_long_is_not_used(seconds: float) -> None:
    """Its server may be about to close it."""
    pool = PoolOfFakes()
    await pool.exchange(post())
    await asyncio.sleep(seconds)
    await pool.exchange(post())

    assert len(pool.made) == (1 if seconds < 15 else 2)
    assert pool.made[0].is_reusable is (seconds < 15)
    await pool.aclose()


@pytest.mark.parametrize("ill", ["input", "ended"])
async def test_a_connection_that_has_ended_is_not_used(ill: str) -> None:
    """The check is just before the use; the next free one is taken."""
    pool = PoolOfFakes()
    await asyncio.gather(pool.exchange(post()), pool.exchange(post()))
    newest = pool._free[-1]
    if ill == "input":
        newest.has_data = True  # type: ignore[attr-defined]
    else:
        newest.is_reusable = False
    await pool.exchange(post())

    assert len(pool.made) == 2
    assert not newest.is_reusable
    assert [len(fake.requests) for fake in pool.made] == [2, 1]
    await pool.aclose()


async def test_a_connection_used_again_is_young_again() -> None:
    """The read time-out counts from the new request on."""
    pool = PoolOfFakes()
    await pool.exchange(post())
    await asyncio.sleep(10)
    began = pool.clock()
    task = asyncio.create_task(pool.exchange(post()))
    await asyncio.sleep(0.5)
    assert pool.made[0].last_activity == pytest.approx(began, abs=0.01)
    await task
    await pool.aclose()


@pytest.mark.parametrize(
    ("timeouts", "seconds"),
    [(Timeouts(), 0.5), (Timeouts(read=1.0), 0.1), (Timeouts(write=2.0), 0.2), (Timeouts(total=3.0), 0.3)],
)
async def test_one_timer_checks_all_connections(timeouts: Timeouts, seconds: float) -> None:
    """Ten times within the shortest time-out, at least twice a second; none without connections."""
    pool = PoolOfFakes(10.0, timeouts)
    tasks = [asyncio.create_task(pool.exchange(post())) for _ in range(2)]
    await asyncio.sleep(0)
    began = pool.clock()
    await asyncio.sleep(seconds * 4.5)

    for fake in pool.made:
        assert [round(at - began, 3) for at in fake.checks] == [round(seconds * n, 3) for n in (1, 2, 3, 4)]
    await asyncio.gather(*tasks)
    await pool.aclose()
    assert pool._timer is None
    before = len(pool.made[0].checks)
    await asyncio.sleep(5)
    assert len(pool.made[0].checks) == before


async def test_the_timer_goes_on_for_the_connections_that_are_left() -> None:
    """One of two ends."""
    pool = PoolOfFakes()
    await asyncio.gather(pool.exchange(post()), pool.exchange(post()))
    pool.made[0].abort()
    await asyncio.sleep(2)

    assert len(pool.made[1].checks) - len(pool.made[0].checks) == 4
    await pool.aclose()


async def test_a_program_that_was_busy_does_not_blame_the_server() -> None:
    """The time in which nothing could be read does not count, for the connections under way only."""
    pool = PoolOfFakes(None)
    task = asyncio.create_task(pool.exchange(post()))
    await asyncio.sleep(0.1)
    (fake,) = pool.made
    began, idle = fake.started, FakeConnection(pool, 1)
    pool.opened(idle)  # type: ignore[arg-type]
    born = idle.last_activity
    for late, counted in [(2.0, 0.0), (2.5, 2.5)]:
        pool._due = pool.clock() - late
        pool._check_timeouts()
        assert (fake.started, fake.last_activity) == (began + counted, began + counted)
    assert (idle.started, idle.last_activity) == (born, born)
    fake.reply()
    await task
    await pool.aclose()
    idle.abort()
    await asyncio.sleep(0)


async def test_a_closed_pool_keeps_no_connection() -> None:
    """The free ones end now, those in use when their exchange does."""
    pool = PoolOfFakes()
    await pool.exchange(post())
    tasks = [asyncio.create_task(pool.exchange(post())) for _ in range(2)]
    await asyncio.sleep(0.5)
    await pool.exchange(post())
    third = pool.made[-1]
    await pool.aclose()
    await asyncio.gather(*tasks)
    await asyncio.sleep(0)

    assert not third.is_reusable
    assert not pool.connections


async def test_a_connection_that_ends_by_itself_is_forgotten() -> None:
    """By its place among the free ones, too."""
    pool = PoolOfFakes()
    await asyncio.gather(pool.exchange(post()), pool.exchange(post()))
    for fake in pool.made:
        fake.abort()
    await asyncio.sleep(0)

    assert (pool.connections, pool._free, pool._timer) == (set(), [], None)
    await pool.aclose()


async def test_a_head_is_kept_for_each_length_of_body() -> None:
    """And the length is always the body's own."""
    pool = PoolOfFakes(0.0)
    headers = ((b"X", b"y"),)
    bodies = [b"{}", b"{ }", b"{}", b"", b"{}"]
    for body in [*bodies, *(b"x" * length for length in range(20))]:
        for method in ("POST", "PUT", "PATCH", "DELETE", "GET"):
            await pool.exchange(Request(method, "/a", headers, body))
        await pool.exchange(Request("POST", "/a", headers, body))
        await pool.exchange(Request("POST", "/a", headers, body))
        start = b"/a HTTP/1.1\r\nHost: 127.0.0.1:9\r\nX: y\r\n"
        length = b"Content-Length: %d\r\n" % len(body)
        requests = pool.made[0].requests
        assert requests[:3] == [
            method + b" " + start + length + b"\r\n" + body for method in (b"POST", b"PUT", b"PATCH")
        ]
        assert requests[3:5] == [
            method + b" " + start + (length if body else b"") + b"\r\n" + body for method in (b"DELETE", b"GET")
        ]
        assert requests[5:] == [requests[0], requests[0]]
        requests.clear()
    for size in range(1500):
        await pool.exchange(Request("POST", "/a", headers, b"x" * size))
    assert len(pool._heads) == 1000
    await pool.aclose()
