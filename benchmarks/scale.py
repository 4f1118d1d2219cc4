"""A million rows: loading, resuming, memory, and how long the event loop is held. Linux only.

    python -m benchmarks.scale [--rows N] [--only NAME ...] [--output FILE]

Each line names one of the findings G2 to G8 with its figure and its target. Everything runs in a process of its own.
The other end is a stub in the same process, except for the loop's lag and the command line, which talk to the server of
`benchmarks.loopback`. Try ``--rows 20000`` first: a million take half an hour.
"""

import argparse
import asyncio
import contextlib
import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from airmeet_async import Attendee
from benchmarks import memory, ours
from benchmarks.instant import InstantTransport
from benchmarks.lab import Figures, Lab, Settings
from benchmarks.loopback import loopback
from benchmarks.machine import facts
from benchmarks.peers import EVENT, people, person
from benchmarks.table import Section, Target, at_most, show, show_targets

RESULTS = Path(__file__).parent / "results"
BASE = "http://127.0.0.1:1/prod"
_PER_TRANSACTION = 20_000
_PATIENCE = 3600.0
_MIB = 1024 * 1024

# The command, which leaves its peak memory in a file: rusage would begin with that of the process that starts it.
_COMMAND = """
import atexit, os, pathlib, sys
def note_peak():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    pathlib.Path(os.environ["BENCH_PEAK"]).write_text(peak)
atexit.register(note_peak)
sys.argv[0] = "airmeet"
from airmeet_async.__main__ import main
sys.exit(main())
"""


class _EnoughError(Exception):
    """What was to be measured is over."""


class _NotingTransport(InstantTransport):
    """Notes when the first person was sent."""

    first: float | None = None

    async def exchange(self, request: Any) -> Any:
        if self.first is None and b'"email"' in request.body:
            self.first = time.perf_counter()
        return await super().exchange(request)


def trial(what: str, **settings: Any) -> Figures:
    """Run one measurement: a function of this file."""
    return _TRIALS[what](**settings)


# Loading.


def load(path: str, journal: str) -> Figures:
    """Take a file into a journal, and send nothing."""

    async def run() -> None:
        async with ours.client_to(BASE, 64, InstantTransport()) as client:
            await _prepare(client.bulk.add_attendees(EVENT, path, send_email_invite=False, rate=None, journal=journal))

    return _written(lambda: asyncio.run(run()), Path(journal).parent)


async def _prepare(job: Any) -> None:
    if hasattr(job, "prepare"):
        await job.prepare()
        return
    with contextlib.suppress(_EnoughError):  # 0.1 read its input when the job was entered
        async with job:
            raise _EnoughError


def load_plainly(path: str, database: str) -> Figures:
    """The same rows by ``csv`` and ``executemany``: what a table with an index takes at least."""

    def run() -> None:
        connection = sqlite3.connect(database, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE people (n INTEGER PRIMARY KEY, address TEXT UNIQUE, first TEXT, last TEXT)")
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            next(rows)
            while batch := list(islice(rows, _PER_TRANSACTION)):
                connection.execute("BEGIN")
                connection.executemany("INSERT OR IGNORE INTO people (address, first, last) VALUES (?, ?, ?)", batch)
                connection.execute("COMMIT")
        connection.close()

    return _written(run, Path(database).parent)


def _written(work: Callable[[], None], folder: Path) -> Figures:
    """Return seconds, and the bytes that went into files, beside their size afterwards."""
    before, size, cpu, wall = _bytes_written(), _size(folder), time.process_time(), time.perf_counter()
    work()
    return {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "written_mib": (_bytes_written() - before) / _MIB,
        "size_mib": (_size(folder) - size) / _MIB,
        "peak_mib": memory.peak_mib(),
    }


def _bytes_written() -> int:
    """Return what this process has handed to ``write``, whether or not it has reached a disk yet."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("wchar")))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# The event loop.


def lag(phase: str, rows: int, base: str, path: str, journal: str) -> Figures:
    """Tick every millisecond meanwhile, and return how late the ticks were.

    The time in which the loop's thread could have run and had no core is not counted: on a busy machine that is most of
    it. What is left is its own work, waiting for a disk, and waiting for other threads of this process.
    """
    late: list[tuple[float, float, float]] = []

    async def tick() -> None:
        while True:
            wall, queued, cpu = time.perf_counter(), _queued(), time.thread_time()
            await asyncio.sleep(0.001)
            took = time.perf_counter() - wall - 0.001
            late.append((max(0.0, took - (_queued() - queued)), time.thread_time() - cpu, took))

    async def run() -> None:
        client = ours.client_to(base, 64)
        async with client:
            await client.attendees.add(EVENT, _attendee(0), send_email_invite=False)
            # What is loaded late is loaded now.
            await client.bulk.add_attendees(EVENT, people(200), send_email_invite=False, rate=None)
            ticker = asyncio.create_task(tick())
            await asyncio.sleep(0.01)
            if phase == "calls":
                calls = (client.attendees.add(EVENT, _attendee(n), send_email_invite=False) for n in range(rows))
                await asyncio.gather(*calls)
            else:
                options: dict[str, Any] = {"journal": journal} if journal else {}
                source: Any = path if phase == "prepare" else people(rows)
                job = client.bulk.add_attendees(EVENT, source, send_email_invite=False, rate=None, **options)
                if phase == "prepare":
                    await _prepare(job)
                else:
                    async with job:
                        async for _ in job:
                            pass
            ticker.cancel()

    asyncio.run(run())
    held, cpus, walls = (sorted(column) for column in zip(*late, strict=True))
    return {
        "ticks": len(held),
        "p99_ms": _p99(held) * 1000,
        "max_ms": held[-1] * 1000,
        "cpu_p99_ms": _p99(cpus) * 1000,
        "cpu_max_ms": cpus[-1] * 1000,
        "wall_p99_ms": _p99(walls) * 1000,
        "wall_max_ms": walls[-1] * 1000,
    }


def _queued() -> float:
    """Return the seconds that this thread has waited for a core so far."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


def _attendee(number: int) -> Attendee:
    row = person(number)
    return Attendee(row["email"], row["first_name"], row["last_name"])


def _p99(ordered: list[float]) -> float:
    return ordered[int(len(ordered) * 0.99)]


# Again.


def send(path: str, journal: str, until: int = 0) -> Figures:
    """Send a file with a journal, all of it or about so many rows."""

    async def run() -> None:
        client, done = ours.client_to(BASE, 64, InstantTransport()), 0
        job = client.bulk.add_attendees(EVENT, path, send_email_invite=False, rate=None, journal=journal)
        async with client, job:
            async for _ in job:
                done += 1
                if done == until:
                    break

    return _written(lambda: asyncio.run(run()), Path(journal).parent)


def first_request(journal: str, path: str = "") -> Figures:
    """Go on, by `resume` or with the same file once more, until the first person is sent."""
    transport = _NotingTransport()

    async def run() -> None:
        async with ours.client_to(BASE, 64, transport) as client:
            if path:
                job = client.bulk.add_attendees(EVENT, path, send_email_invite=False, rate=None, journal=journal)
            else:
                job = client.bulk.resume(journal, rate=None)
            with contextlib.suppress(_EnoughError):
                async with job:
                    async for _ in job:
                        if transport.first is not None:
                            raise _EnoughError

    start, cpu = time.perf_counter(), time.process_time()
    asyncio.run(run())
    spent = time.process_time() - cpu
    assert transport.first is not None, "nobody was sent"
    return {"first_s": transport.first - start, "cpu_s": spent}


_TRIALS: dict[str, Callable[..., Figures]] = {
    "load": load, "load_plainly": load_plainly, "lag": lag, "send": send, "first_request": first_request,
}  # fmt: skip


# The benches: each prints its lines as they are known.


def loading(lab: Lab, rows: int, folder: Path) -> Iterator[Section]:
    """G2: a file with addresses in no order."""
    path = ours.write_csv(folder / "mixed.csv", rows, in_order=False)
    found: dict[str, Figures] = {}
    for name, what, key in (("csv and executemany", "load_plainly", "database"), ("job.prepare()", "load", "journal")):
        (place := folder / what).mkdir(mode=0o700)
        figures = _run(lab, name, what=what, path=path, **{key: str(place / "job")})
        shutil.rmtree(place)
        if figures is not None:
            found[name] = figures
    targets = []
    if len(found) == 2:
        plain, own = found.values()
        targets = [
            *at_most(
                f"G2: CPU of loading {rows:,} rows in no order / csv and executemany", own["cpu_s"] / plain["cpu_s"], 3
            ),
            *at_most("G2: bytes written / the journal's size", own["written_mib"] / own["size_mib"], 3),
        ]
    yield _section("loading", f"Loading {rows:,} rows of CSV, addresses in no order", found, targets)


def lags(lab: Lab, rows: int, folder: Path) -> Iterator[Section]:
    """G3: how late the loop's other tasks are."""
    some, sent, calls = min(rows, 250_000), min(rows, 30_000), min(rows, 5000)
    path = ours.write_csv(folder / "mixed.csv", some, in_order=False)
    with loopback() as server:
        plan = {
            f"prepare, {some:,} rows, journal": ("prepare", some, "a"),
            f"run, {sent:,} rows": ("run", sent, ""),
            f"run, {sent:,} rows, journal": ("run", sent, "b"),
            f"{calls:,} single calls in a gather": ("calls", calls, ""),
        }
        found = {
            name: figures
            for name, (phase, count, journal) in plan.items()
            if (
                figures := _run(
                    lab, name, what="lag", phase=phase, rows=count, base=server.plain, path=path,
                    journal=str(folder / journal) if journal else "",
                )
            )
        }  # fmt: skip
    targets = [
        Target(
            f"G3: loop lag, {what}, {name}", f"≤ {limit} ms",
            f"{one[f'{key}_ms']:.1f} ms", one[f"{key}_ms"] <= limit,
        )
        for name, one in found.items()
        for what, key, limit in (("p99", "p99", 10), ("maximum", "max", 50))
    ]  # fmt: skip
    title = "Loop lag without waiting for a core (p99, max); of it the loop's own thread (cpu); by the clock (wall)"
    yield _section("lags", title, found, targets)


def resuming(lab: Lab, rows: int, folder: Path) -> Iterator[Section]:
    """G4: going on with a job that is half done; G5: one more row after a job that is done."""
    path, journal = ours.write_csv(folder / "people.csv", rows), str(folder / "half")
    found: dict[str, Figures] = {}
    targets: list[Target] = []
    if _run(lab, "half of it", what="send", path=path, journal=journal, until=rows // 2):
        for name, source in (("resume", ""), ("the same file again", path)):
            figures = _run(lab, name, what="first_request", journal=journal, path=source)
            if figures is not None:
                found[f"{name}, half of {rows:,} done"] = figures
                what = f"G4: {name}, half of {rows:,} done: first new request"
                measured = f"{figures['first_s']:.1f} s ({figures['cpu_s']:.1f} of CPU)"
                targets.append(Target(what, "≤ 5 s", measured, figures["first_s"] <= 5))
    yield _section("resuming", "Seconds to the first new request", found, targets)

    some = min(rows, 100_000)
    (place := folder / "one more").mkdir(mode=0o700)
    path, journal = ours.write_csv(folder / "all.csv", some), str(place / "job")
    found, targets = {}, []
    first = _run(lab, "all of it", what="send", path=path, journal=journal)
    if first is not None:
        again = _run(lab, "the same again", what="send", path=path, journal=journal)
        with Path(path).open("a", encoding="utf-8") as file:
            file.write("one-more@example.com,Ada,Lovelace\r\n")
        more = _run(lab, "one row more", what="send", path=path, journal=journal)
        found = {f"{some:,} rows": first}
        found |= {what: one for what, one in (("the same again", again), ("one row more", more)) if one is not None}
        if more is not None:
            targets += at_most(f"G5: one row more than {some:,}, CPU", more["cpu_s"], 3, "{:.1f} s")
            grown = more["size_mib"] / first["size_mib"] * 100
            targets += at_most("G5: the journal's growth by that", grown, 15, "{:.0f} %")
    yield _section("one more", "A finished job, and one more row", found, targets)


def commands(lab: Lab, rows: int, folder: Path) -> Iterator[Section]:
    """G6 to G8: ``airmeet register``, against a server on loopback."""
    found: dict[str, Figures] = {}
    with loopback() as server:
        for count in (size for size in (1000, 10_000, 100_000, 1_000_000) if size <= max(rows, 1000)):
            (place := folder / str(count)).mkdir(mode=0o700)
            ours.write_csv(place / "people.csv", count)
            for name in (f"{count:,} rows", f"{count:,} rows again"):
                print(f"  {name} ...", flush=True)
                try:
                    found[name] = _command(place, server.plain)
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    lab.note(f"{name}: {error}")
                    break
            shutil.rmtree(place)
    targets: list[Target] = []
    firsts = [one for name, one in found.items() if not name.endswith("again")]
    if len(firsts) > 2:
        grown = firsts[-1]["peak_mib"] - firsts[1]["peak_mib"]
        name = [name for name in found if not name.endswith("again")][-1]
        targets += at_most(f"G7: peak memory of the command, {name} over 10,000", grown, 10, "{:+.0f} MiB")
    name, last = next(reversed(found.items()), ("", None))
    if last is not None and name.endswith("again"):
        measured = f"{last['wall_s']:.1f} s ({last['cpu_s']:.1f} of CPU)"
        targets.append(Target(f"G4: {name}, the whole command", "≤ 5 s", measured, last["wall_s"] <= 5))
        longest = max(one["silent_s"] for one in found.values())
        targets += at_most("G6: longest silence of --progress json", longest, 2, "{:.1f} s")
        side = max(one["side_mib"] for one in found.values())
        targets += at_most("G8: side files that stay beside finished journals", side, 0, "{:.1f} MiB")
        targets += at_most(f"G8: new files of {name}, without a new row", last["new_mib"], 1, "{:.1f} MiB")
    yield _section("commands", "airmeet register, the whole command, fast transport, loopback", found, targets)


def _command(place: Path, base: str) -> Figures:
    """Run the command in *place*, and return its memory, its time, its longest silence and the files it left."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRMEET_", "XDG_"))}
    environ |= {"AIRMEET_ACCESS_KEY": ours.KEYS[0], "AIRMEET_SECRET_KEY": ours.KEYS[1], "AIRMEET_URI": base}
    environ |= {"HOME": str(place / "home"), "BENCH_PEAK": str(place / "peak"), "AIRMEET_TOKEN_CACHE": "off"}
    if checkout := environ.get("BENCH_CHECKOUT"):
        environ["PYTHONPATH"] = checkout
    (place / "home").mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-c", _COMMAND, "register", EVENT, "people.csv", "--no-invite"]
    command += ["--rate", "100000", "--concurrency", "64", "--progress", "json"]
    before, wall, usage, said = _size(place), time.perf_counter(), os.times(), [""]
    heard, silent = wall, 0.0
    with subprocess.Popen(
        command, cwd=place, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            now = time.perf_counter()
            heard, silent = now, max(silent, now - heard)
            said = [*said[-4:], line.strip()]
    if process.returncode:
        raise RuntimeError(f"ended with {process.returncode}: {' '.join(said)[-300:]}")
    after = os.times()
    side = sum(path.stat().st_size for path in place.rglob("*") if path.name.endswith(("-wal", "-shm")))
    return {
        "peak_mib": int((place / "peak").read_text()) / 1024,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": after.children_user + after.children_system - usage.children_user - usage.children_system,
        "silent_s": silent,
        "new_mib": (_size(place) - before) / _MIB,
        "side_mib": side / _MIB,
    }


def _run(lab: Lab, name: str, **settings: Any) -> Figures | None:
    print(f"  {name} ...", flush=True)
    return lab.run("scale", name, patience=_PATIENCE, **settings)


def _section(name: str, title: str, figures: dict[str, Figures], targets: list[Target]) -> Section:
    columns = tuple(next(iter(figures.values()), {}))
    rows = [
        (variant, *(f"{one[column]:,.1f}".removesuffix(".0") for column in columns)) for variant, one in figures.items()
    ]
    heads = (column.replace("_", " ").replace("mib", "MiB").replace("cpu", "CPU") for column in columns)
    return Section(name, title, ("", *heads), rows, figures, targets)


def streaming(lab: Lab, rows: int, _folder: Path) -> Iterator[Section]:
    """Memory and CPU per row, streamed."""
    yield memory.measure(lab, max(1000, rows // 10), rows)


BENCHES: dict[str, Callable[[Lab, int, Path], Iterator[Section]]] = {
    "memory": streaming, "loading": loading, "lag": lags, "resume": resuming, "command": commands,
}  # fmt: skip


def main() -> None:
    """Measure, print, and write ``results/scale.json``."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the largest (1,000,000)")
    parser.add_argument("--only", nargs="+", choices=list(BENCHES), metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--output", type=Path, default=RESULTS / "scale.json")
    options = parser.parse_args()
    lab, sections = Lab(Settings(options.rows, 1, quick=False), None), list[Section]()
    for name, bench in BENCHES.items():
        if options.only and name not in options.only:
            continue
        print(f"measuring {name} ...", flush=True)
        with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder:
            for section in bench(lab, options.rows, Path(folder)):
                sections.append(section)
                show(section)
                show_targets(section.targets)
    print("\nTargets")
    show_targets(target for section in sections for target in section.targets)
    report = {
        "machine": facts(), "settings": {"rows": options.rows}, "notes": lab.notes,
        "benches": {section.name: section.as_json() for section in sections},
    }  # fmt: skip
    options.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
