"""How well an unpublished limit is found and followed, against limiters that others wrote.

    python -m benchmarks.limiters [--virtual | --real] [--cells PATTERN ...] [--senders NAME ...] [--seeds N]

A cell is a limiter. In real time it is nginx (`benchmarks.limited_nginx`); in virtual time it is a model of it
(`benchmarks.limits`) under several seeds, which set the latency, its jitter and the phase of the server's clock.
A sender is a way to send: for `conn` and `queue`, "rate = limit" stands for ``max_in_flight=8`` without a rate.
The figures come from the server's log, except for the rows given up and the reason of the end:

- share: accepted / what the limiter would have let through, its bursts included, from the first request to the end of
  the run; it ends with its last row, or is cut off after 1.6 times the ideal time and 5 s;
- later: the same from 10 s after the first request on, bursts not counted as possible;
- refused: of all requests;
- found: seconds from the first request, or the last change of the limit, until 90 % of the limit came through in the
  next 2 s and in the next 10 s;
- stall: the longest time without an accepted row;
- latency: the median of accepted requests on the server;
- given up: rows that ended without success; rows that a cut-off run left are none;
- in doubt: rows whose mail is in doubt, of those accepted; mails: the most accepted requests for a mail to one person.

With several seeds: medians, but the lowest share, the longest stall, and all rows given up.
"""

import argparse
import asyncio
import fnmatch
import io
import json
import math
import os
import random
import statistics
import subprocess
import tarfile
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from airmeet_async import AirmeetClient, Attendee, Reply, Request, Retry
from airmeet_async.errors import AirmeetError, BulkStoppedError
from airmeet_async.testing import VirtualTimeLoop
from benchmarks import picture
from benchmarks.instant import InstantTransport
from benchmarks.lab import Lab, Settings
from benchmarks.limited_nginx import is_possible, limited
from benchmarks.limits import Connections, LeakyBucket, Limiter, Queue, Seen, Steps, TokenBucket, Window
from benchmarks.machine import facts, load
from benchmarks.ours import KEYS, known_name
from benchmarks.peers import EVENT, people
from benchmarks.server import NoServerError, find_nginx
from benchmarks.table import Section, Target, at_least, at_most, show, show_targets

RESULTS = Path(__file__).parent / "results"
SENDERS = {
    "auto": 'rate="auto"',
    "0.1": "the same in 0.1",
    "known": "rate = limit",
    "twice": "rate = 2 x limit",
    "loop": "loop with backoff",
}
_LAW_OF_0_1 = "d4c7668"  # the last commit with it
_STEADY_AFTER = 10.0
_CUT_SHORT = {"unprocessed", "unknown"}  # codes of the rows that a cut-off run leaves
_REQUESTS_AT_ONCE = 1000  # per second, of all runs that take place at the same time
_LEAST_FOR_PICTURE = 20.0  # seconds
_SEEDS_OF_OTHERS = 5  # of senders beside the first one

Found = dict[tuple[str, str], list[dict[str, Any]]]  # the figures of each run, by cell and sender

Ended = tuple[int, int, str]  # rows given up, mails in doubt, and why it ended before its last row


@frozen
class Cell:
    """A limiter, and how it refuses.

    Attributes:
        make: Makes it for a run that ideally takes so many seconds.
        seconds: Of the ideal run in virtual time; in real time all have the same.
        wanted: The share that a good sender reaches after 10 s.
        status: Of a refusal.
        names_time: A refusal has a Retry-After.
        processes: Clients that share the limit.
        invite: Each row asks for a mail.
        usual: It is measured when no cells are named.
    """

    make: Callable[[float], Limiter]
    seconds: float = 40.0
    wanted: float = 0.95
    status: int = 429
    names_time: bool = False
    processes: int = 1
    invite: bool = False
    usual: bool = True


def _cells() -> dict[str, Cell]:
    usual = {(10, 10), (20, 1), (20, 10), (100, 1), (100, 10), (100, 100), (500, 10), (500, 100)}
    refusals = {"": (429, False), "-retry-after": (429, True), "-503": (503, False), "-503-retry-after": (503, True)}
    also_usual = {"20-b10-retry-after", "100-b10-retry-after", "100-b10-503", "100-b10-503-retry-after", "500-b10-503"}
    cells = {
        f"nginx-{(name := f'{rate}-b{burst}{suffix}')}": Cell(
            lambda _, rate=rate, burst=burst: LeakyBucket(rate, burst),  # type: ignore[misc]
            seconds,
            0.9 if suffix else 0.95,
            status,
            names_time,
            usual=name in also_usual or (not suffix and (rate, burst) in usual),
        )
        for rate, seconds in ((10, 90.0), (20, 90.0), (100, 40.0), (500, 20.0))
        for burst in (1, 10, 100)
        for suffix, (status, names_time) in refusals.items()
    }
    cells["nginx-100-b10-503-invite"] = evolve(cells["nginx-100-b10-503"], invite=True)
    cells["conn-8"] = Cell(lambda _: Connections(8, 0.1), wanted=0.9)
    cells["conn-8-503"] = evolve(cells["conn-8"], status=503)
    cells["queue-4"] = Cell(lambda _: Queue(4, 0.05))
    cells["step"] = Cell(lambda s: Steps(LeakyBucket(100, 10), LeakyBucket(25, 10), s / 3), 90.0, wanted=0.92)
    cells["two-processes"] = evolve(cells["nginx-100-b10"], processes=2)
    cells["bucket-10-b20"] = Cell(lambda _: TokenBucket(10, 20), 90.0)
    cells["bucket-40-b40"] = Cell(lambda _: TokenBucket(40, 40), usual=False)
    cells["window-40-1s"] = Cell(lambda _: Window(40, 1.0))
    cells["window-40-1s-retry-after"] = evolve(cells["window-40-1s"], names_time=True, wanted=0.9)
    cells["window-100-10s"] = Cell(lambda _: Window(100, 10.0), 120.0, usual=False)
    cells["window-600-60s"] = Cell(lambda _: Window(600, 60.0), 180.0)
    return cells


CELLS = _cells()


# A run, in either kind of time.


async def send(client: AirmeetClient, name: str, sender: str, *, seconds: float, process: int) -> Ended:
    """Add one process's share of as many people as the limit lets through in so many seconds."""
    cell, event, cut_off = CELLS[name], f"{EVENT[:-1]}{process}", 1.6 * seconds + 5
    limiter = cell.make(seconds)
    rows = list(people(int(limiter.allows(seconds))))[process :: cell.processes]
    if sender == "loop":
        everybody = (Attendee(row["email"], row["first_name"], row["last_name"]) for row in rows)
        return await _loop(client, event, everybody, cut_off)
    times = {"known": 1, "twice": 2}.get(sender)
    options: dict[str, Any] = {"rate": "auto"}
    if times and isinstance(limiter, (Connections, Queue)):
        options = {"rate": None, "max_in_flight": 8 * times}
    elif times:
        options = {"rate": limiter.rate * times / cell.processes}
    given_up = in_doubt = 0
    job = client.bulk.add_attendees(event, rows, send_email_invite=cell.invite, deadline=cut_off, **options)
    try:
        async with job:
            async for result in job:
                given_up += result.error is not None and result.error.code not in _CUT_SHORT
                in_doubt += result.invite == "unverified"
    except BulkStoppedError as stopped:
        return given_up, in_doubt, stopped.stop_reason
    return given_up, in_doubt, ""


async def _loop(client: AirmeetClient, event: str, everybody: Iterator[Attendee], cut_off: float) -> Ended:
    """What many write: 64 at once, tenacity's wait_random_exponential(max=60) and stop_after_attempt(6)."""
    once, given_up = client.with_options(retry=Retry(attempts=1, free=1)), 0

    async def work() -> None:
        nonlocal given_up
        for person in everybody:
            for attempt in range(6):
                try:
                    await once.attendees.add(event, person, send_email_invite=False)
                    break
                except AirmeetError:
                    await asyncio.sleep(random.uniform(0, min(60, 2**attempt)))
            else:
                given_up += 1

    try:
        async with asyncio.timeout(cut_off), asyncio.TaskGroup() as group:
            for _ in range(64):
                group.create_task(work())
    except TimeoutError:
        return given_up, 0, "deadline"
    return given_up, 0, ""


def figures(limiter: Limiter, log: list[Seen], end: float, ended: Sequence[Ended]) -> dict[str, Any]:
    """Return the figures of a run that ended then, from the server's log and what the clients know."""
    start, passed = min(seen.at for seen in log), [seen for seen in log if seen.is_through]
    length, times = end - start, sorted(seen.at - start for seen in passed)
    window = max(2.0, limiter.length) if isinstance(limiter, Window) else 2.0
    changed = 2 * limiter.length if isinstance(limiter, Steps) else 0.0

    def came(since: float, until: float) -> int:
        return bisect_left(times, until) - bisect_left(times, since)

    def is_found(at: float) -> bool:
        ends = [min(length, at + span) for span in (window, 5 * window)]
        return all(came(at, one) >= 0.9 * limiter.rate * (one - at) for one in ends)

    mailed = Counter(seen.body for seen in passed if "true" in seen.body.partition('"sendEmailInvite":')[2][:5])
    quarters = (step / 4 for step in range(max(0, int(4 * (length - changed - window)))))
    possible_later = limiter.allows(length) - limiter.allows(_STEADY_AFTER)
    return {
        "share": len(times) / limiter.allows(length),
        "later": came(_STEADY_AFTER, length) / possible_later if length > 1.2 * _STEADY_AFTER and window == 2 else None,
        "refused": 1 - len(times) / len(log),
        "found": next((after for after in quarters if is_found(changed + after)), None),
        "stall": max(after - before for before, after in pairwise([0.0, *times, length])),
        "latency": statistics.median(seen.answered - seen.at for seen in passed),
        "given_up": sum(given_up for given_up, _, _ in ended),
        "in_doubt": sum(in_doubt for _, in_doubt, _ in ended) / len(times),
        "mails": max(mailed.values(), default=0),
        "stop": " ".join(sorted({stop for _, _, stop in ended} - {""})),
        "smaller": min(sum(seen.client == n for seen in passed) for n in range(len(ended))) / len(times),
        "seconds": length,
        "each_second": [came(second, second + 1) for second in range(int(length) + 1)],
    }


# Virtual time.


class LimitedTransport(InstantTransport):
    """The way to a limiter and back, which takes 20 to 100 ms by the seed, and each time a fifth more or less.

    Args:
        cell: How it refuses.
        limiter: The one of all processes.
        log: Of all processes.
        process: Which one this is.
        chance: Of this run.
    """

    def __init__(self, cell: Cell, limiter: Limiter, log: list[Seen], process: int, chance: random.Random) -> None:
        super().__init__()
        self._cell, self._limiter, self._log, self._process, self._chance = cell, limiter, log, process, chance
        self._one_way = chance.uniform(0.01, 0.05)

    async def exchange(self, request: Request) -> Reply:
        if request.target.endswith("/auth"):
            return await super().exchange(request)
        await self._travel()
        at = asyncio.get_running_loop().time()
        is_through, seconds = self._limiter.arrive(at)
        self._log.append(Seen(at, at + seconds * is_through, is_through, self._process, request.body.decode()))
        if is_through:
            await asyncio.sleep(seconds)
        await self._travel()
        if is_through:
            return await super().exchange(request)
        headers = {"retry-after": f"{seconds:.0f}"} if self._cell.names_time else {}
        return Reply(self._cell.status, headers, b"<html><head><title>Too many requests</title></head></html>")

    async def _travel(self) -> None:
        await asyncio.sleep(self._one_way * self._chance.uniform(0.8, 1.2))


def virtually(name: str, sender: str, seed: int) -> dict[str, Any]:
    """Do one run in virtual time, and return its figures."""
    cell, log, chance = CELLS[name], list[Seen](), random.Random(seed)
    limiter = cell.make(cell.seconds)
    random.seed(seed)  # the client's own jitter

    async def one(process: int) -> Ended:
        transport = LimitedTransport(cell, limiter, log, process, chance)
        await asyncio.sleep(process * chance.random())
        async with AirmeetClient(*KEYS, base_url="https://sandbox.example/prod", transport=transport) as client:
            return await send(client, name, sender, seconds=cell.seconds, process=process)

    async def run() -> dict[str, Any]:
        await asyncio.sleep(chance.uniform(0, 60))  # the phase of the server's clock
        ended = await asyncio.gather(*map(one, range(cell.processes)))
        return figures(limiter, log, asyncio.get_running_loop().time(), ended)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run())


def _virtually(run: tuple[str, str, int]) -> dict[str, Any]:
    return virtually(*run)


def in_virtual_time(lab: Lab, names: Sequence[str], senders: Sequence[str], seeds: int) -> Found:
    """Run each cell with each sender and seed, on all cores: nothing here depends on how fast they are."""
    found: Found = {}
    old = _law_of_0_1(lab) if "0.1" in senders else ""
    for checkout in ("", old) if old else ("",):
        runs = [
            (name, sender, seed)
            for name in names
            for sender in senders
            if (sender == "0.1") == bool(checkout)
            for seed in range(seeds if sender == senders[0] else min(seeds, _SEEDS_OF_OTHERS))
        ]
        outside = os.environ.get("BENCH_CHECKOUT", "")
        os.environ["BENCH_CHECKOUT"] = checkout or outside  # for the processes that are spawned now
        with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn")) as pool:
            for (name, sender, _), one in zip(runs, pool.map(_virtually, runs), strict=True):
                found.setdefault((name, sender), []).append(one)
        os.environ["BENCH_CHECKOUT"] = outside
    return found


# Real time.


def trial(*, base: str, name: str, sender: str, seconds: float, process: int, begin: float) -> dict[str, Any]:
    """Be one client in real time, from then on: the start of the others must not take its first seconds."""
    time.sleep(max(0.0, begin - time.time()))

    async def run() -> Ended:
        async with AirmeetClient(*KEYS, base_url=base, transport=known_name("fast")) as client:
            return await send(client, name, sender, seconds=seconds, process=process)

    return {"ended": asyncio.run(run()), "at": time.time()}


def in_real_time(lab: Lab, names: Sequence[str], senders: Sequence[str], seconds: float) -> Found:
    """Run each cell with each sender, several at once, each with an nginx of its own.

    Raises:
        NoServerError: There is no nginx.
    """
    find_nginx()
    old, found = _law_of_0_1(lab) if "0.1" in senders else "", Found()

    def run(name: str, sender: str, begin: float) -> None:
        cell, length = CELLS[name], 2 * seconds if name == "step" else seconds
        limiter = cell.make(length)
        settings: dict[str, Any] = {"name": name, "sender": sender, "seconds": length, "begin": begin}

        def one(process: int) -> Any:
            checkout = old if sender == "0.1" else ""
            return lab.run("limiters", f"{name}, {sender}", checkout=checkout, base=base, process=process, **settings)

        with (
            limited(limiter, cell.status, names_time=cell.names_time) as (base, log),
            ThreadPoolExecutor(cell.processes) as pool,
        ):
            ends = list(pool.map(one, range(cell.processes)))
        if all(ends) and log:
            end = max(one["at"] for one in ends)
            found[name, sender] = [figures(limiter, log, end, [tuple(one["ended"]) for one in ends])]

    possible = [name for name in names if is_possible(CELLS[name].make(seconds))]
    left = [(name, sender) for name in possible for sender in senders if old or sender != "0.1"]
    while left:
        rate, together = 0.0, list[tuple[str, str]]()
        while left and (not together or rate + CELLS[left[0][0]].make(seconds).rate <= _REQUESTS_AT_ONCE):
            rate += CELLS[left[0][0]].make(seconds).rate
            together.append(left.pop(0))
        with ThreadPoolExecutor(len(together)) as pool:
            begin = time.time() + 1 + 0.7 * len(together)
            list(pool.map(run, *zip(*together, strict=True), [begin] * len(together)))
        print(f"  {len(left)} runs left", flush=True)
    return found


def _law_of_0_1(lab: Lab) -> str:
    """Return a checkout of the package with the law of version 0.1.0, or nothing where the history is not at hand."""
    root = Path(__file__).parents[1]
    place = root / "build" / f"law-{_LAW_OF_0_1}"
    if not place.exists():
        command = ["git", "-C", str(root), "archive", _LAW_OF_0_1, "airmeet_async"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            lab.note(f"0.1: there is no commit {_LAW_OF_0_1} here")
            return ""
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(place, filter="data")
    return str(place)


# Tables.


def as_section(kind: str, title: str, found: Found, senders: Sequence[str]) -> Section:
    """Return the table: a line for each cell, with everything about the first sender and the share of the others."""
    first, *others = senders
    merged = {key: _merged(several) for key, several in found.items()}
    rows, targets = [], list[Target]()
    for name, cell in CELLS.items():
        if (one := merged.get((name, first))) is None:
            continue
        row = [name, *map(_percent, (one["share"], one["lowest"], one["later"], one["refused"]))]
        row += ["-" if one[key] is None else f"{one[key]:.1f}" for key in ("found", "stall")]
        row += [f"{1000 * one['latency']:.0f}", f"{one['given_up']}", _remark(cell, one)]
        rows.append((*row, *(_other(merged.get((name, other))) for other in others)))
        if first == "auto":
            targets += _targets(f"{name} ({kind})", cell, one)
    details = ("lowest", "later", "refused", "found s", "stall s", "latency ms", "given up", "ended")
    numbers = {
        f"{name}, {sender}": {key: value for key, value in one.items() if isinstance(value, (int, float))}
        for (name, sender), one in merged.items()
    }
    columns = ("", SENDERS[first], *details, *(SENDERS[one] for one in others))
    return Section(kind, title, columns, rows, numbers, targets)


def _merged(several: list[dict[str, Any]]) -> dict[str, Any]:
    def middle(key: str) -> float | None:
        values = [math.inf if one[key] is None else one[key] for one in several]
        return None if math.isinf(found := statistics.median_high(values)) else found

    return {key: middle(key) for key in several[0] if key not in {"stop", "each_second"}} | {
        "lowest": min(one["share"] for one in several),
        "stall": max(one["stall"] for one in several),
        "given_up": sum(one["given_up"] for one in several),
        "mails": max(one["mails"] for one in several),
        "stop": ", ".join(sorted({one["stop"] for one in several} - {""})),
    }


def _remark(cell: Cell, one: dict[str, Any]) -> str:
    remark: str = one["stop"] or "all rows"
    if cell.processes > 1:
        remark += f", smaller part {one['smaller']:.0%}"
    return remark + f", {one['in_doubt']:.1%} in doubt, {one['mails']} mails at most" * cell.invite


def _other(one: dict[str, Any] | None) -> str:
    if one is None:
        return "-"
    given_up = f"{one['given_up']} given up" if one["given_up"] else ""
    return ", ".join(filter(None, (_percent(one["share"]), given_up, one["stop"])))


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _targets(name: str, cell: Cell, one: dict[str, Any]) -> list[Target]:
    part = "share" if one["later"] is None else "later"
    unloaded = isinstance(limiter := cell.make(cell.seconds), Queue) and 2000 * limiter.seconds
    return [
        *at_least(f"{name}: {part}", 100 * one[part], 100 * cell.wanted, "{:.1f} %"),
        *(at_most(f"{name}: latency", 1000 * one["latency"], unloaded, "{:.0f} ms") if unloaded else ()),
        *(at_most(f"{name}: in doubt", 100 * one["in_doubt"], 1, "{:.1f} %") if cell.invite else ()),
        *(at_most(f"{name}: mails to one person", one["mails"], 1, "{:.0f}") if cell.invite else ()),
        Target(f"{name}: ended", "all rows, 0 given up", f"{_remark(cell, one)}, {one['given_up']} given up",
               not one["stop"] and not one["given_up"]),
    ]  # fmt: skip


def chosen(patterns: Sequence[str]) -> list[str]:
    """Return the names of cells, the usual ones without patterns."""
    return [
        name
        for name, cell in CELLS.items()
        if (any(fnmatch.fnmatch(name, one) for one in patterns) if patterns else cell.usual)
    ]


def bench(lab: Lab) -> list[Section]:
    """Both kinds of time; where nginx is not to be had, virtual time alone."""
    quick, senders = lab.settings.quick, list(SENDERS)
    names = chosen(lab.settings.cells or (("nginx-100-b10", "queue-4") if quick else ()))
    return measure(lab, names, senders, seconds=7 if quick else 30, seeds=2 if quick else 20)


def measure(lab: Lab, names: Sequence[str], senders: Sequence[str], *, seconds: float, seeds: int) -> list[Section]:
    """Measure in real time, unless *seconds* is 0, and in virtual time, unless *seeds* is."""
    sections = []
    if seconds:
        try:
            found = in_real_time(lab, names, senders, seconds)
        except NoServerError as error:
            lab.note(f"limiters in real time: {error}")
        else:
            title = f"nginx in real time, {seconds:g} s if the limit were known"
            sections.append(as_section("real", title, found, senders))
            if seconds >= _LEAST_FOR_PICTURE and {("step", "auto"), ("step", "0.1")} <= found.keys():
                lines = {SENDERS[one]: found["step", one][0]["each_second"] for one in ("0.1", "auto")}
                limits = [(2 * seconds / 3, rate) for rate in (100.0, 25.0, 100.0)]
                (RESULTS / "limiters.svg").write_text(picture.limit(limits, lines))
    if seeds:
        title = f"Models in virtual time, {seeds} seeds, at most {_SEEDS_OF_OTHERS} for the senders beside"
        sections.append(as_section("virtual", title, in_virtual_time(lab, names, senders, seeds), senders))
    return sections


def main() -> None:
    """Measure, print and write; what was not measured now stays in the file as it was."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.limiters", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--virtual", action="store_true", help="no real time")
    parser.add_argument("--real", action="store_true", help="no virtual time")
    parser.add_argument("--cells", nargs="+", default=[], metavar="PATTERN", help="'*' for all, else the usual ones")
    parser.add_argument(
        "--senders", nargs="+", choices=list(SENDERS), help="the first one in detail (all; with --virtual: auto)"
    )
    parser.add_argument("--seeds", type=int, default=20, help="runs in virtual time (20)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of an ideal run in real time (30)")
    parser.add_argument("--output", type=Path, help="results/limiters.json if all senders sent to all usual cells")
    options = parser.parse_args()
    lab = Lab(Settings(0, 1, quick=False), None)
    senders = options.senders or (["auto"] if options.virtual else list(SENDERS))
    seconds, seeds = 0.0 if options.virtual else options.seconds, 0 if options.real else options.seeds
    sections = measure(lab, chosen(options.cells), senders, seconds=seconds, seeds=seeds)
    for section in sections:
        show(section)
        show_targets(section.targets)
    is_whole = not options.cells and len(senders) == len(SENDERS)
    if path := options.output or (RESULTS / "limiters.json" if is_whole else None):
        kept = json.loads(path.read_text())["benches"] if path.exists() else {}
        benches = kept | {section.name: section.as_json() for section in sections}
        report = {"machine": facts(), "load": load(), "notes": lab.notes, "benches": benches}
        path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
