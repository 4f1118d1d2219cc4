"""The virtual clock: fast, repeatable, and never in the way of real I/O and threads."""

import asyncio
import socket
import threading
import time

import anyio
import anyio.to_thread
import pytest
from aiolimiter import AsyncLimiter

from airmeet_async.testing import VirtualTimeLoop, virtual_loop


def run(main, factory=VirtualTimeLoop):
    """Run *main* on a loop of its own and return its result with the real seconds it took."""
    start = time.perf_counter()
    with asyncio.Runner(loop_factory=factory) as runner:
        result = runner.run(main())
    return result, time.perf_counter() - start


async def test_an_hour_passes_at_once():
    """Sleeping moves the clock by what was asked for, and takes no time."""
    real, virtual = time.perf_counter(), anyio.current_time()

    await anyio.sleep(3600)

    assert anyio.current_time() - virtual == pytest.approx(3600, abs=1e-3)
    assert time.perf_counter() - real < 5


async def test_timers_fire_in_their_order():
    """Jumps go to the next timer, never past one."""
    woken = []

    async def sleeper(seconds):
        await anyio.sleep(seconds)
        woken.append((seconds, round(anyio.current_time() - start, 3)))

    start = anyio.current_time()
    async with anyio.create_task_group() as group:
        for seconds in (30, 10, 20):
            group.start_soon(sleeper, seconds)

    assert woken == [(10, 10.0), (20, 20.0), (30, 30.0)]


async def test_deadlines_pass():
    """A timeout around something that never comes ends in virtual time."""
    with anyio.move_on_after(86400 * 3) as scope:
        await anyio.Event().wait()

    assert scope.cancelled_caught


async def test_a_limiter_does_not_livelock():
    """aiolimiter waits for remainders that round to nothing; the tick lets them pass."""
    limiter = AsyncLimiter(1, 1 / 33)
    start = anyio.current_time()

    for _ in range(1000):
        await limiter.acquire()

    assert anyio.current_time() - start == pytest.approx(999 / 33, rel=0.01)


def test_two_runs_see_the_same_times():
    """The clock starts at zero and depends on the program alone."""

    async def main():
        times = []
        for step in range(50):
            await anyio.sleep(step / 7)
            times.append(anyio.current_time())
        return times

    assert run(main)[0] == run(main)[0]


async def test_sockets_answer_before_their_timeouts():
    """A conversation over a real connection is not overtaken by its deadlines."""

    async def echo(reader, writer):
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for number in range(20):
            writer.write(b"%d\n" % number)
            async with asyncio.timeout(30):
                assert await reader.readline() == b"%d\n" % number
        writer.close()
        await writer.wait_closed()


def test_a_slow_peer_is_given_its_grace():
    """A socket that is heard from within *io_grace* beats a timer."""

    async def main():
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            threading.Timer(0.05, far.send, [b"x"]).start()
            async with asyncio.timeout(30):
                return await asyncio.get_running_loop().sock_recv(near, 1)

    assert run(main, virtual_loop(io_grace=10))[0] == b"x"


@pytest.mark.parametrize("door", ["loop", "anyio"])
def test_work_in_threads_beats_timers(door):
    """The clock waits for a thread that the loop started."""

    async def main():
        async with asyncio.timeout(1):
            if door == "loop":
                await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)
            else:
                await anyio.to_thread.run_sync(time.sleep, 0.05)
        return asyncio.get_running_loop().time()

    assert run(main)[0] < 0.001


def test_a_stuck_thread_does_not_stop_the_clock():
    """After *thread_grace* the clock jumps, since the thread may wait for just that."""

    async def main():
        release = threading.Event()
        asyncio.get_running_loop().call_later(60, release.set)
        await asyncio.get_running_loop().run_in_executor(None, release.wait)
        return asyncio.get_running_loop().time()

    assert run(main, virtual_loop(thread_grace=0.01))[0] == pytest.approx(60, abs=1e-3)


def test_idle_it_blocks_and_can_be_woken():
    """With no timer the loop neither spins nor jumps, and another thread can wake it."""

    async def main():
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        threading.Timer(0.1, loop.call_soon_threadsafe, [woken.set]).start()
        busy = time.thread_time()
        await woken.wait()
        return loop.time(), time.thread_time() - busy

    (virtual, busy), _ = run(main)

    assert virtual < 0.001
    assert busy < 0.05


@pytest.mark.real_time
async def test_real_time_is_there_when_asked_for():
    """The marker `real_time` leaves the loop alone."""
    assert not isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
