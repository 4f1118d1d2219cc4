"""One rate for several processes: what a real Redis on loopback makes of it.

    python -m benchmarks.fleet [--seconds 30] [--runs 3] [--only NAME ...]

Each process has one pace with shared permits and 50 who wait; the moments at which requests would have left are read
from the clock that all processes of a machine share. Nothing is sent, except for the throughput and the learned rate.

- delivered: permits of all processes / (rate x seconds), from a second after the last one was ready;
- worst second: the most permits of all processes within any second;
- gap: the longest time without a permit;
- commands: of Redis, for each permit;
- person: 95 % of the personal calls that are made beside, eight a second, had their permit within this time;
- after a pause: permits of all processes from 50 ms after one of them was told to pause until its end;
- learned: bulk runs against nginx's `limit_req` with a burst of a tenth of a second, and 50 ms for each request that it
  lets through, or against its `limit_conn` (`benchmarks.limited_nginx`): accepted / what it would have let through,
  over all and from 10 s on; refused of all requests; and the fewest and most accepted of one process, of an even part;
- throughput: rows per second of 1, 2 and 4 processes that share a token and have no limit, as ratios, with the
  server's share of the CPU time, the CPU time of the client for each row, all commands that Redis was sent, and for
  which part of the time the server and a client were able to run and had to wait for a core.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from airmeet_async import AirmeetClient
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.cluster.redis_permits import RedisPermits
from airmeet_async.errors import BulkStoppedError
from benchmarks.limited_nginx import limited
from benchmarks.limits import Connections, LeakyBucket, Limiter
from benchmarks.loopback import loopback
from benchmarks.machine import facts, load
from benchmarks.peers import EVENT, person
from benchmarks.table import Section, at_least, at_most, show, show_targets
from tests.support.redis_process import RedisProcess, redis_process

RESULTS = Path(__file__).parent / "results" / "fleet.json"
PROCESSES, WAITERS, RATE = 4, 50, 100.0
_PERSONS = 2.0  # calls per second of each process
_PAUSE = 2.0
_TAKES_S = 0.05  # of an add that the limited server lets through
_LIMITS: dict[str, Limiter] = {
    "200/s": LeakyBucket(200, 20),
    "50/s": LeakyBucket(50, 5),
    "1,000/s": LeakyBucket(1000, 100),
    "100/s, burst 1": LeakyBucket(100, 1),
    "8 connections of 0.1 s": Connections(8, 0.1),
}
_STEADY_AFTER = 10.0
_SENDERS = {
    "one": '1 process, `rate="auto"`',
    "each": "4 processes, only the token is shared: each finds its part",
    "shared": '4 processes, `Fleet(rate="auto")`',
}
_CASES = {
    "plain": "bulk alone",
    "persons": "8 personal calls/s beside it",
    "pause": "a pause of 2 s in the middle",
    "killed": "Redis killed for 5 s",
}


async def _nothing() -> None:
    pass


async def _begin() -> float:
    """Say that this process is ready, and wait until all are; return the moment."""
    print("ready", flush=True)
    begin = float(await asyncio.to_thread(sys.stdin.readline))
    await asyncio.sleep(begin - time.monotonic())
    return begin


async def take_permits(url: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Take permits from one moment of the common clock to another, and return when each was had."""
    permits = RedisPermits(url, wanted["rate"], workers=PROCESSES).for_account("benchmark")
    pace = Pace(None, 500, permits=permits)
    begin = await _begin()
    end = begin + wanted["seconds"] + 1.5
    taken: list[float] = []
    waits: list[float] = []

    async def wait_in_turn() -> None:
        while True:
            await pace.acquire(Priority.BULK, _nothing)
            taken.append(time.monotonic())
            pace.release()
            await asyncio.sleep(0)

    async def call_as_a_person(offset: float) -> None:
        await asyncio.sleep(offset)
        while True:
            asked = time.monotonic()
            await pace.acquire(Priority.INTERACTIVE, _nothing)
            taken.append(time.monotonic())
            waits.append(taken[-1] - asked)
            pace.release()
            await asyncio.sleep(1 / _PERSONS)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wait_in_turn()) for _ in range(wanted["waiters"])]
        if wanted.get("persons"):
            tasks.append(group.create_task(call_as_a_person(wanted["number"] / PROCESSES / _PERSONS)))
        if wanted.get("pause_after") and wanted["number"] == 0:
            await asyncio.sleep(begin + wanted["pause_after"] - time.monotonic())
            pace.pause(_PAUSE)
        await asyncio.sleep(end - time.monotonic())
        for task in tasks:
            task.cancel()
    await permits.aclose()
    return {"taken": taken, "waits": waits}


async def send_rows(url: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Send rows from the moment at which all are ready, and return when that began and ended."""
    from airmeet_async.cluster.fleet import Fleet

    rows = [person(wanted["number"] * wanted["rows"] + n) for n in range(wanted["rows"])]
    async with AirmeetClient("a" * 32, "s" * 32, base_url=wanted["base"], transport="fast", fleet=Fleet(url)) as client:
        await client.bulk.add_attendees(EVENT, rows[:100], send_email_invite=False, rate=None)
        _ = await _begin()
        begun, cpu, waited = time.monotonic(), time.process_time(), _waited_of(os.getpid())
        report = await client.bulk.add_attendees(EVENT, rows, send_email_invite=False, rate=None)
    assert report.succeeded == len(rows), report
    waited = _waited_of(os.getpid()) - waited
    return {"begun": begun, "ended": time.monotonic(), "cpu": time.process_time() - cpu, "waited": waited}


async def send_limited(url: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Add people until the time is over, to a server that refuses what comes too fast."""
    from airmeet_async.cluster.fleet import Fleet

    number, seconds = wanted["number"], wanted["seconds"]
    fleet = Fleet(url, rate="auto" if wanted["shared"] else None)
    rows = [person(number * wanted["most"] + n) for n in range(wanted["most"])]
    event = f"{EVENT[:-1]}{number}"
    async with AirmeetClient("a" * 32, "s" * 32, base_url=wanted["base"], transport="fast", fleet=fleet) as client:
        await client.token.get()
        _ = await _begin()
        job = client.bulk.add_attendees(event, rows, send_email_invite=False, deadline=seconds)
        with suppress(BulkStoppedError):
            await job
    return {}


def run_processes(
    url: str, number: int, wanted: dict[str, Any], meanwhile: Callable[[float], None] | None = None
) -> tuple[float, list[dict[str, Any]]]:
    """Run that many processes with the same wishes, and return when they began and what each says."""
    command = [sys.executable, "-m", "benchmarks.fleet", "--process"]
    processes = [
        subprocess.Popen(
            [*command, json.dumps({**wanted, "number": one})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "AIRMEET_REDIS": url}, text=True,
        )
        for one in range(number)
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        begin = time.monotonic() + 0.5
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(f"{begin}\n")
            process.stdin.flush()
        if meanwhile is not None:
            meanwhile(begin)
        return begin, [json.loads(process.communicate(timeout=180)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()


def pace(server: RedisProcess, seconds: float, *, case: str = "plain", rate: float = RATE) -> dict[str, Any]:
    """Measure one run."""
    wanted: dict[str, Any] = {"rate": rate, "seconds": seconds, "waiters": WAITERS}
    if case == "persons":
        wanted["persons"] = True
    if case == "pause":
        wanted["pause_after"] = seconds / 2

    def kill_server(begin: float) -> None:
        time.sleep(max(0.0, begin + 5 - time.monotonic()))
        server.kill()
        time.sleep(5)
        server.start()

    from redis import Redis

    with Redis.from_url(server.url) as redis:
        redis.config_resetstat()
        begin, found = run_processes(server.url, PROCESSES, wanted, kill_server if case == "killed" else None)
        commands = sum(one["calls"] for name, one in redis.info("commandstats").items() if "evalsha" in name)
    taken = sorted(moment for one in found for moment in one["taken"])
    start = begin + 1
    window = [moment for moment in taken if start <= moment < start + seconds]
    figures = {
        "load": load(),
        "delivered": 100 * len(window) / (rate * seconds),
        "worst_second": _most_within(window, 1.0),
        "gap_ms": 1000 * max((later - earlier for earlier, later in pairwise(window)), default=seconds),
        "commands": commands / len(taken),
        "shares": sorted(len(one["taken"]) for one in found),
    }
    if waits := sorted(wait for one in found for wait in one["waits"]):
        figures |= {
            "person_p50_ms": 1000 * waits[len(waits) // 2],
            "person_p95_ms": 1000 * waits[int(len(waits) * 0.95)],
        }
    if case == "pause":
        paused = begin + wanted["pause_after"]
        inside = [moment for moment in taken if paused + 0.001 < moment < paused + _PAUSE - 0.01]
        figures |= {
            "in_pause": len([moment for moment in inside if moment > paused + 0.05]),
            "last_after_ms": 1000 * (max(inside) - paused) if inside else 0.0,
            "worst_second_after": _most_within([moment for moment in taken if moment > paused + _PAUSE - 0.1], 1.0),
        }
    return figures


def learned(server: RedisProcess, seconds: float, limit: str, sender: str) -> dict[str, Any]:
    """Measure one run against a limit that nobody was told."""
    from redis import Redis

    limiter, processes = _LIMITS[limit], 1 if sender == "one" else PROCESSES
    takes_s = 0.0 if isinstance(limiter, Connections) else _TAKES_S
    nginx = limited(limiter, 429, names_time=False, takes_s=takes_s)
    with nginx as (base, log), Redis.from_url(server.url) as redis:
        redis.flushall()
        redis.config_resetstat()
        wanted = {"base": base, "seconds": seconds, "most": int(limiter.allows(seconds)), "shared": sender == "shared"}
        run_processes(server.url, processes, wanted)
        commands = sum(one["calls"] for name, one in redis.info("commandstats").items() if "evalsha" in name)
    start = min(seen.at for seen in log)
    sent = [seen for seen in log if seen.at < start + seconds]
    passed = [seen for seen in sent if seen.is_through]
    later = sum(seen.at >= start + _STEADY_AFTER for seen in passed)
    of_each = [100 * processes * sum(seen.client == n for seen in passed) / len(passed) for n in range(processes)]
    return {
        "limit": limit,
        "sender": sender,
        "load": load(),
        "share": 100 * len(passed) / limiter.allows(seconds),
        "later": 100 * later / (limiter.rate * (seconds - _STEADY_AFTER)),
        "refused": 100 * (1 - len(passed) / len(sent)),
        "commands": commands / len(sent),
        "least": min(of_each),
        "most": max(of_each),
    }


def throughput(server: RedisProcess, rows: int) -> list[dict[str, Any]]:
    from redis import Redis

    found = []
    for number in (1, 2, 4):
        with loopback() as airmeet, Redis.from_url(server.url) as redis:
            redis.config_resetstat()
            before, waited = _cpu_of(airmeet.pid), _waited_of(airmeet.pid)
            wanted = {"base": airmeet.plain, "rows": rows // number}
            _, ended = run_processes(server.url, number, wanted)
            served, waited = _cpu_of(airmeet.pid) - before, _waited_of(airmeet.pid) - waited
            commands = sum(one["calls"] for name, one in redis.info("commandstats").items() if "eval" in name)
        seconds = max(one["ended"] for one in ended) - min(one["begun"] for one in ended)
        sent = rows // number * number
        cpu = sum(one["cpu"] for one in ended)
        found.append({
            "processes": number, "rows_s": sent / seconds, "server_share": served / (served + cpu), "load": load(),
            "cpu_us": 1e6 * cpu / sent, "cores": (served + cpu) / seconds, "commands": commands,
            "server_waited": waited / seconds,
            "client_waited": statistics.mean(one["waited"] / (one["ended"] - one["begun"]) for one in ended),
        })  # fmt: skip
    return found


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _waited_of(pid: int) -> float:
    """Return for how many seconds a process was able to run and had no core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def _most_within(moments: list[float], window: float) -> int:
    most = first = 0
    for last, at in enumerate(moments):
        while at - moments[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--only", nargs="*", default=[*_CASES, "learned", "throughput"])
    parser.add_argument("--process", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.process:
        wanted = json.loads(given.process)
        work = send_rows if "rows" in wanted else send_limited if "base" in wanted else take_permits
        print(json.dumps(asyncio.run(work(os.environ["AIRMEET_REDIS"], wanted))))
        return
    report: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": {}}
    report["machine"], runs = facts(), report["runs"]
    with redis_process() as server:
        for case in given.only:
            if case == "learned":
                first, *others = _LIMITS
                turns = [(first, sender) for sender in _SENDERS] * given.runs
                turns += [(limit, sender) for limit in others for sender in ("each", "shared")]
                runs[case] = []
                for limit, sender in turns:
                    runs[case].append(learned(server, given.seconds, limit, sender))
                    print(case, _shown(runs[case][-1]), flush=True)
                continue
            if case == "throughput":
                runs[case] = throughput(server, given.rows)
                continue
            runs[case] = []
            for _ in range(given.runs):
                runs[case].append(pace(server, given.seconds, case=case))
                print(case, _shown(runs[case][-1]), flush=True)
    sections = [
        section
        for section in (_section_of_pace(runs), _section_of_learned(runs), _section_of_throughput(runs))
        if section.rows
    ]
    for section in sections:
        show(section)
        show_targets(section.targets)
    report["benches"] = {section.name: section.as_json() for section in sections}
    RESULTS.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def _section_of_pace(runs: dict[str, Any]) -> Section:
    """Return the medians of the runs."""
    medians = {
        case: {name: statistics.median(run[name] for run in runs[case]) for name in runs[case][0] if name != "shares"}
        for case in _CASES
        if runs.get(case)
    }
    rows = []
    for case, median in medians.items():
        of_all = [share for run in runs[case] for share in run["shares"]]
        is_pause = case == "pause"
        rows.append((
            _CASES[case],
            "-" if is_pause else f"{median['delivered']:.1f} %",
            f"{median['worst_second']:.0f}",
            "-" if is_pause else f"{median['gap_ms']:.0f} ms",
            f"{median['commands']:.2f}",
            f"{min(of_all)} to {max(of_all)}",
            f"{median['person_p50_ms']:.1f} / {median['person_p95_ms']:.1f} ms" if "person_p95_ms" in median else "",
            f"{median['load']:.1f}",
        ))  # fmt: skip
    plain, persons, pauses, killed = (medians.get(case, {}) for case in _CASES)
    targets = [
        *at_least("delivered", plain.get("delivered"), 98, "{:.1f} %"),
        *at_most("delivered", plain.get("delivered"), 101, "{:.1f} %"),
        *at_most("worst second", plain.get("worst_second"), 106, "{:.0f}"),
        *at_most("longest gap", plain.get("gap_ms"), 100, "{:.0f} ms"),
        *at_most("commands of Redis per permit", plain.get("commands"), 0.5, "{:.2f}"),
        *at_most("a person's call, 95 %", persons.get("person_p95_ms"), 50, "{:.1f} ms"),
        *at_most("permits from 50 ms after a pause began", pauses.get("in_pause"), 0, "{:.0f}"),
        *at_most("worst second with Redis killed for 5 s", killed.get("worst_second"), 110, "{:.0f}"),
    ]
    head = ("", "delivered", "worst second", "longest gap", "commands/permit", "shares", "person p50 / p95", "load")
    title = "Four processes x 50 waiting tasks at 100/s; medians of the runs, shares of all"
    return Section("pace", title, head, rows, medians, targets)


def _section_of_learned(runs: dict[str, Any]) -> Section:
    """Return the medians of the runs."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs.get("learned", []):
        found.setdefault((run["limit"], run["sender"]), []).append(run)
    medians = {
        f"{limit}, {sender}": {
            name: statistics.median(run[name] for run in several)
            for name, value in several[0].items()
            if isinstance(value, float)
        }
        for (limit, sender), several in found.items()
    }
    rows = [
        (
            f"{limit}: {_SENDERS[sender]}",
            f"{one['share']:.1f} %",
            f"{one['later']:.1f} %",
            f"{one['refused']:.1f} %",
            "-" if sender == "one" else f"{one['least']:.0f} to {one['most']:.0f} %",
            f"{one['commands']:.2f}",
            f"{one['load']:.1f}",
        )
        for (limit, sender), one in zip(found, medians.values(), strict=True)
    ]
    shared = medians.get("200/s, shared", {})
    targets = [
        *at_least("four processes on a learned rate, after 10 s", shared.get("later"), 90, "{:.1f} %"),
        *at_most("four processes on a learned rate, refused", shared.get("refused"), 2, "{:.1f} %"),
        *at_least("the smallest part of one of them", shared.get("least"), 95, "{:.0f} %"),
    ]
    head = ("", "accepted", "after 10 s", "refused", "parts", "commands/request", "load")
    title = "A limit that nobody was told; medians of the runs, at 200/s of several"
    return Section("learned", title, head, rows, medians, targets)


def _section_of_throughput(runs: dict[str, Any]) -> Section:
    found = runs.get("throughput", [])
    rows = [
        (
            f"{one['processes']}",
            f"{one['rows_s'] / found[0]['rows_s']:.2f}",
            f"{one['cpu_us'] / found[0]['cpu_us']:.2f}",
            f"{one['cores']:.2f}",
            f"{one['server_share']:.0%}",
            f"{one['client_waited']:.0%} / {one['server_waited']:.0%}",
            f"{one['commands']}",
            f"{one['load']:.1f}",
        )
        for one in found
    ]
    title = "Rows per second without a limit, as ratios; the server is one process on the same cores"
    head = (
        "processes",
        "rows/s",
        "client's CPU per row",
        "cores had",
        "server's share",
        "waiting for a core: client / server",
        "Redis commands",
        "load",
    )
    return Section("throughput", title, head, rows, {})


def _shown(figures: dict[str, Any]) -> str:
    return "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items()
    )


if __name__ == "__main__":
    main()
