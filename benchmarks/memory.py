"""Memory and CPU per row of the engine alone, from a thousand to a million rows that are never all in memory."""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from airmeet_async import AirmeetClient, Request
from benchmarks.instant import InstantTransport
from benchmarks.lab import Figures, Lab, Skipped
from benchmarks.ours import KEYS, add_all
from benchmarks.peers import ADD, body_of, people
from benchmarks.table import Section, Target, at_most

STREAM, JOURNAL, GATHER = "airmeet-async", "airmeet-async + journal", "asyncio.gather, nothing else"
_ADDRESS = "https://sandbox.example/prod"


def trial(variant: str, rows: int, repeats: int = 1) -> Figures:
    """Add so many fictional people, and look at the largest memory that the process has had."""
    before = peak_mib()
    asyncio.run(_add(variant, 200))
    cpu = time.process_time()
    for _ in range(repeats):
        done = asyncio.run(_add(variant, rows))
        if done != rows:
            raise AssertionError(f"{done} of {rows} rows got their link")
    spent = time.process_time() - cpu
    return {"rows": rows, "peak_mib": peak_mib(), "start_mib": before, "cpu_us": spent / rows / repeats * 1e6}


def peak_mib() -> float:
    """Return the high-water mark of this very process; ``ru_maxrss`` would begin with that of its parent.

    Raises:
        Skipped: This is not Linux.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        raise Skipped("peak memory is read from /proc, which is not here") from None
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


async def _add(variant: str, rows: int) -> int:
    if variant == GATHER:
        return await _gather(rows)
    if variant == STREAM:
        return await _stream(rows)
    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder:
        return await _stream(rows, journal=Path(folder) / "job")


async def _stream(rows: int, **options: Any) -> int:
    client = AirmeetClient(*KEYS, base_url=_ADDRESS, transport=InstantTransport())
    return await add_all(client, people(rows), **options)


async def _gather(rows: int) -> int:
    """One task per row and a list of all answers: what most people's first program holds in memory."""
    transport, gate = InstantTransport(), asyncio.Semaphore(64)

    async def add(row: dict[str, str]) -> dict[str, Any]:
        async with gate:
            reply = await transport.exchange(Request("POST", ADD, body=json.dumps(body_of(row)).encode()))
        answer: dict[str, Any] = json.loads(reply.body)
        return answer

    answers = await asyncio.gather(*map(add, people(rows)))
    return sum(bool(answer["entryLink"]) for answer in answers)


def bench(lab: Lab) -> Section:
    """Compare sizes. Once each: a million rows take minutes, and memory hardly varies."""
    return measure(lab, *((5_000, 20_000) if lab.settings.quick else (100_000, 1_000_000)))


def measure(lab: Lab, middle: int, large: int) -> Section:
    """Compare a thousand rows with more and with many."""
    plan = [(variant, rows) for variant in (STREAM, JOURNAL) for rows in (1000, middle, large)] + [(GATHER, middle)]
    figures: dict[str, Figures] = {}
    gone: set[str] = set()
    for variant, rows in plan:
        name = f"{variant}, {rows:,} rows"
        if variant in gone:
            continue
        found = lab.run("memory", name, variant=variant, rows=rows, repeats=20 if rows == 1000 else 1)
        if found is None:
            gone.add(variant)
        else:
            figures[name] = found
    rows_ = [
        (name, f"{one['peak_mib']:.0f}", f"{one['peak_mib'] - one['start_mib']:.0f}", f"{one['cpu_us']:.0f}")
        for name, one in figures.items()
    ]
    title = "Memory of the engine alone (answers come at once, from the same process)"
    columns = ("", "peak MiB", "of it the run's", "CPU µs/row")
    return Section("memory", title, columns, rows_, figures, _targets(figures, middle, large))


def _targets(figures: dict[str, Figures], middle: int, large: int) -> list[Target]:
    def peak(variant: str, rows: int) -> float | None:
        found = figures.get(f"{variant}, {rows:,} rows")
        return found["peak_mib"] if found else None

    def more(variant: str) -> float | None:
        low, high = peak(variant, middle), peak(variant, large)
        return None if low is None or high is None else high - low

    def dearer(variant: str) -> float | None:
        small, whole = figures.get(f"{variant}, 1,000 rows"), figures.get(f"{variant}, {large:,} rows")
        return whole["cpu_us"] / small["cpu_us"] if small and whole else None

    growth = f"{large:,} rows over {middle:,}"
    return [
        *at_most(f"peak memory, {large:,} rows streamed", peak(STREAM, large), 64, "{:.0f} MiB"),
        *at_most(f"peak memory, {growth}", more(STREAM), 20, "{:+.0f} MiB"),
        *at_most(f"peak memory with the journal, {large:,} rows", peak(JOURNAL, large), 96, "{:.0f} MiB"),
        *at_most(f"peak memory with the journal, {growth}", more(JOURNAL), 20, "{:+.0f} MiB"),
        *at_most(f"CPU per row, {large:,} rows against 1,000", dearer(STREAM), 1.1),
        *at_most(f"CPU per row with the journal, {large:,} rows against 1,000", dearer(JOURNAL), 1.1),
    ]
