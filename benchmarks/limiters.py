"""How well an unpublished limit is found and followed, against limiters that others wrote.

    python -m benchmarks.limiters [--virtual] [--cells PATTERN ...] [--senders NAME ...] [--seeds N] [--quick]

A cell is a limiter. In real time it is nginx (see `benchmarks.limited_nginx`), in virtual time a model of it (see
`benchmarks.limits`), run with several seeds for the latency, its jitter and the phase of the server's clock.
All figures come from the server's log, except for the rows that were given up and why the run ended:

- share: accepted / what the limiter would have let through (its first burst included) from the first request to the
  end of the run, that is the last row, or the time at which the run was cut off. "later" is the same without the first
  10 s and the burst;
- refused: of all requests;
- found: seconds until the first 2 s with at least 90 % of the limit, if the 10 s from then on have it, too;
- stall: the longest time without an accepted row; latency: the median of accepted requests, on the server;
- given up: rows that ended without success; those that were not begun when the run was cut off do not count.
"""

import argparse
import asyncio
import fnmatch
import math
import os
import random
import statistics
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from typing import Any, NamedTuple

from attrs import evolve, frozen

from airmeet_async import AirmeetClient, Attendee, Reply, Request, Retry
from airmeet_async.errors import AirmeetError, BulkStoppedError
from airmeet_async.testing import VirtualTimeLoop
from benchmarks.instant import InstantTransport
from benchmarks.limits import Connections, LeakyBucket, Limiter, Queue, Steps, TokenBucket, Window
from benchmarks.ours import KEYS
from benchmarks.peers import EVENT, Row, people
from benchmarks.table import table

IN_FLIGHT = 64
_STEADY_AFTER = 10.0
_CUT_OFF = 1.6  # times the ideal time, and 5 s
_CUT_SHORT = {"unprocessed", "unknown"}  # codes of rows that had no end when the run was cut off


@frozen
class Cell:
    """A limiter, and how it refuses.

    Attributes:
        make: Makes it, for a run that ideally takes so many seconds.
        seconds: Of the ideal run in virtual time.
        status: Of a refusal.
        names_time: A refusal has a Retry-After.
        clients: Processes that share the limit.
        invite: Each row asks for a mail.
        usual: It is among those that run when nobody names cells.
    """

    make: Callable[[float], Limiter]
    seconds: float = 40.0
    status: int = 429
    names_time: bool = False
    clients: int = 1
    invite: bool = False
    usual: bool = True


_USUAL = set(
    [
        "nginx-10-b10",
        "nginx-20-b1",
        "nginx-20-b10",
        "nginx-20-b10-retry-after",
        "nginx-100-b1",
        "nginx-100-b10",
        "nginx-100-b100",
        "nginx-100-b10-retry-after",
        "nginx-100-b10-503",
        "nginx-100-b10-503-retry-after",
        "nginx-500-b10",
        "nginx-500-b100",
        "nginx-500-b10-503",
    ]
)


def _cells() -> dict[str, Cell]:
    def nginx(rate: float, burst: int) -> Callable[[float], Limiter]:
        return lambda _: LeakyBucket(rate, burst)

    cells = {}
    for rate, seconds in ((10, 90.0), (20, 90.0), (100, 40.0), (500, 20.0)):
        for burst in (1, 10, 100):
            for status in (429, 503):
                for names_time in (False, True):
                    name = f"nginx-{rate}-b{burst}{'-503' * (status == 503)}{'-retry-after' * names_time}"
                    cells[name] = Cell(nginx(rate, burst), seconds, status, names_time, usual=name in _USUAL)
    cells["nginx-100-b10-503-invite"] = evolve(cells["nginx-100-b10-503"], invite=True)
    cells["conn-8"] = Cell(lambda _: Connections(8, 0.1))
    cells["conn-8-503"] = evolve(cells["conn-8"], status=503)
    cells["queue-4"] = Cell(lambda _: Queue(4, 0.05))
    cells["step"] = Cell(lambda seconds: Steps(LeakyBucket(100, 10), LeakyBucket(25, 10), seconds / 3), seconds=90.0)
    cells["two-processes"] = evolve(cells["nginx-100-b10"], clients=2)
    cells["bucket-10-b20"] = Cell(lambda _: TokenBucket(10, 20), seconds=90.0)
    cells["bucket-40-b40"] = Cell(lambda _: TokenBucket(40, 40), usual=False)
    cells["window-40-1s"] = Cell(lambda _: Window(40, 1.0))
    cells["window-40-1s-retry-after"] = evolve(cells["window-40-1s"], names_time=True)
    cells["window-100-10s"] = Cell(lambda _: Window(100, 10.0), seconds=120.0, usual=False)
    cells["window-600-60s"] = Cell(lambda _: Window(600, 60.0), seconds=180.0)
    return cells


CELLS = _cells()
SENDERS = {
    "auto": 'rate="auto"',
    "0.1": 'rate="auto" of version 0.1.0',
    "known": "rate = the limit",
    "twice": "rate = 2 x the limit",
    "loop": "a loop with backoff",
}


class Seen(NamedTuple):
    """A request in the server's log: seconds from the first one until it came and was answered."""

    at: float
    answered: float
    ok: bool
    client: int


async def send(
    sender: str, cell: Cell, limiter: Limiter, client: AirmeetClient, rows: list[Row], cut_off: float
) -> tuple[int, int, str]:
    """Add everybody, and return how many rows were given up, how many mails are in doubt, and why it ended early."""
    if sender == "loop":
        return await _loop(client, rows, cut_off)
    width = 8 if isinstance(limiter, (Connections, Queue)) else None
    times = {"known": 1, "twice": 2}.get(sender)
    options: dict[str, Any] = {"rate": "auto", "deadline": cut_off}
    if times and width:
        options |= {"rate": None, "max_in_flight": width * times}
    elif times:
        options["rate"] = limiter.rate * times / cell.clients
    given_up = in_doubt = 0
    job = client.bulk.add_attendees(EVENT, rows, send_email_invite=cell.invite, **options)
    try:
        async with job:
            async for result in job:
                given_up += result.error is not None and result.error.code not in _CUT_SHORT
                in_doubt += result.invite == "unverified"
    except BulkStoppedError as stopped:
        return given_up, in_doubt, stopped.stop_reason
    return given_up, in_doubt, ""


async def _loop(client: AirmeetClient, rows: list[Row], cut_off: float) -> tuple[int, int, str]:
    """What many write: 64 at once, tenacity's wait_random_exponential(max=60) and stop_after_attempt(6)."""
    left, given_up, once = (
        (Attendee(row["email"], row["first_name"], row["last_name"]) for row in rows),
        0,
        client.with_options(retry=Retry(attempts=1, free=1)),
    )

    async def work() -> None:
        nonlocal given_up
        for person in left:
            for attempt in range(6):
                try:
                    await once.attendees.add(EVENT, person, send_email_invite=False)
                    break
                except AirmeetError:
                    await asyncio.sleep(random.uniform(0, min(60, 2**attempt)))
            else:
                given_up += 1

    try:
        async with asyncio.timeout(cut_off), asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(work())
    except TimeoutError:
        return given_up, 0, "deadline"
    return given_up, 0, ""


class LimitedTransport(InstantTransport):
    """The way to a limiter and back, in virtual time: 20 to 100 ms, by the seed, and a fifth more or less each time.

    Args:
        cell: What is refused, and how.
        limiter: Of all clients.
        log: Where all requests of all clients are written.
        client: Which one this is.
        chance: Of this run.
    """

    def __init__(self, cell: Cell, limiter: Limiter, log: list[Seen], client: int, chance: random.Random) -> None:
        super().__init__()
        self._cell, self._limiter, self._log, self._client, self._chance = cell, limiter, log, client, chance
        self._one_way = chance.uniform(0.01, 0.05)

    async def exchange(self, request: Request) -> Reply:
        if request.target.endswith("/auth"):
            return await super().exchange(request)
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(self._one_way * self._chance.uniform(0.8, 1.2))
        at = clock()
        is_through, seconds = self._limiter.arrive(at)
        if not is_through:
            self._log.append(Seen(at, at, False, self._client))
            await asyncio.sleep(self._one_way * self._chance.uniform(0.8, 1.2))
            headers = {"retry-after": f"{seconds:.0f}"} if self._cell.names_time else {}
            return Reply(self._cell.status, headers, b"<html>")
        self._log.append(Seen(at, at + seconds, True, self._client))
        await asyncio.sleep(seconds + self._one_way * self._chance.uniform(0.8, 1.2))
        return await super().exchange(request)


def virtually(name: str, sender: str, seed: int, seconds: float | None = None) -> dict[str, Any]:
    """Do one run in virtual time, and return its figures."""
    cell = CELLS[name]
    seconds = seconds or cell.seconds
    limiter, log, chance = cell.make(seconds), [], random.Random(seed)
    random.seed(seed)  # the client's own jitter
    rows = list(people(int(limiter.allows(seconds))))

    async def one(client: int) -> tuple[int, int, str]:
        transport = LimitedTransport(cell, limiter, log, client, chance)
        await asyncio.sleep(client * chance.random())
        async with AirmeetClient(*KEYS, base_url="https://sandbox.example/prod", transport=transport) as airmeet:
            share = rows[client :: cell.clients]
            return await send(sender, cell, limiter, airmeet, share, _CUT_OFF * seconds + 5)

    async def run() -> tuple[list[tuple[int, int, str]], float]:
        await asyncio.sleep(chance.uniform(0, 60))  # the phase of the server's clock
        ends = await asyncio.gather(*map(one, range(cell.clients)))
        return ends, asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        ends, ended = runner.run(run())
    return figures(limiter, log, ended, ends)


def figures(limiter: Limiter, log: list[Seen], ended: float, ends: list[tuple[int, int, str]]) -> dict[str, Any]:
    """Return all figures of a run from the server's log and what the clients know."""
    start = min(seen.at for seen in log)
    accepted = [seen for seen in log if seen.ok]
    times = sorted(seen.at - start for seen in accepted)
    length, found_at = ended - start, None
    begin = limiter.length * 2 if isinstance(limiter, Steps) else 0.0
    window = 2.0 if not isinstance(limiter, Window) else max(2.0, limiter.length)

    def came(first: float, seconds: float) -> int:
        return bisect_left(times, first + seconds) - bisect_left(times, first)

    def is_kept(at: float) -> bool:
        """Whether 90 % of the limit came in the 2 s and the 10 s from then on, as far as the run goes."""
        spans = (min(window, length - at), min(5 * window, length - at))
        return all(came(at, span) >= 0.9 * limiter.rate * span for span in spans)

    for step in range(int(4 * (length - begin - window)) + 1):
        if is_kept(begin + step / 4):
            found_at = step / 4
            break
    later = limiter.allows(length) - limiter.allows(_STEADY_AFTER)
    stalls = [after - before for before, after in pairwise([0.0, *times, length])]
    shares = [sum(seen.client == client for seen in accepted) / len(accepted) for client in range(len(ends))]
    return {
        "share": len(times) / limiter.allows(length),
        "later": came(_STEADY_AFTER, length) / later if later > 0 and window == 2 else None,
        "refused": 1 - len(times) / len(log),
        "found": found_at,
        "stall": max(stalls),
        "latency": statistics.median(seen.answered - seen.at for seen in accepted),
        "given_up": sum(end[0] for end in ends),
        "in_doubt": sum(end[1] for end in ends),
        "stop": " ".join(sorted({end[2] for end in ends} - {""})),
        "seconds": length,
        "smallest": min(shares),
    }


COLUMNS = (
    "cell", "sender", "share", "worst", "later", "refused", "found s", "stall s", "latency ms", "given up", "in doubt",
    "smallest share", "ended",
)  # fmt: skip


def as_row(name: str, sender: str, several: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the cells of a table for runs of several seeds: medians, and the longest stall, and all rows given up."""

    def middle(key: str) -> float | None:
        """Return the median; no value at all is worse than any other."""
        found = statistics.median_high(math.inf if one[key] is None else one[key] for one in several)
        return None if math.isinf(found) else found

    def shown(value: float | None, form: str) -> str:
        return "-" if value is None else form.format(value)

    stops = sorted({one["stop"] or "all rows" for one in several})
    return (
        name,
        sender,
        shown(middle("share"), "{:.1%}"),
        f"{min(one['share'] for one in several):.1%}",
        shown(middle("later"), "{:.1%}"),
        shown(middle("refused"), "{:.1%}"),
        shown(middle("found"), "{:.1f}"),
        f"{max(one['stall'] for one in several):.1f}",
        f"{1000 * statistics.median(one['latency'] for one in several):.0f}",
        str(sum(one["given_up"] for one in several)),
        str(sum(one["in_doubt"] for one in several)),
        shown(middle("smallest"), "{:.0%}") if CELLS[name].clients > 1 else "",
        ", ".join(stops),
    )


def _virtual_task(task: tuple[str, str, int]) -> dict[str, Any]:
    return virtually(*task)


def run_virtual(names: list[str], senders: list[str], seeds: int) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Run each cell with each sender and seed, on all cores."""
    each = [(name, sender) for name in names for sender in senders]
    tasks = [(name, sender, seed) for name, sender in each for seed in range(seeds)]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        found = pool.map(_virtual_task, tasks)
        for name, sender in each:
            yield name, sender, [next(found) for _ in range(seeds)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--virtual", action="store_true", help="models in virtual time instead of nginx")
    parser.add_argument("--cells", nargs="+", metavar="PATTERN", help="such as 'nginx-100-*'; '*' for all")
    parser.add_argument("--senders", nargs="+", choices=list(SENDERS), default=["auto"])
    parser.add_argument("--seeds", type=int, default=20, help="runs in virtual time (20)")
    options = parser.parse_args()
    names = [
        name
        for name, cell in CELLS.items()
        if (cell.usual if not options.cells else any(fnmatch.fnmatch(name, one) for one in options.cells))
    ]
    rows = []
    for found in run_virtual(names, options.senders, options.seeds):
        rows.append(as_row(*found))
        print("  ".join(rows[-1]), file=sys.stderr, flush=True)
    print()
    for line in table([COLUMNS, *rows]):
        print(line)


if __name__ == "__main__":
    main()
