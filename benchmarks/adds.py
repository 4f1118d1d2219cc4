"""Adding people: ours, the peers and the floor, in the same run against the same server."""

import asyncio
import importlib
import inspect
from typing import Any

from attrs import frozen

from benchmarks import counting, peers
from benchmarks.counting import COUNT
from benchmarks.lab import Entry, Figures, Lab, Skipped, Stopwatch
from benchmarks.table import Section, Target, at_least, at_most, ratio, spread

GATHER, WORKERS, REQUESTS = "httpx gather + semaphore", "httpx TaskGroup + workers", "requests + threads"
AIOHTTP = "aiohttp gather + semaphore"
FLOOR, FLOOR_UV, BARE = "floor: llhttp and json", "floor: llhttp and json, uvloop", "floor: llhttp, bytes only"
LANES, FAST, FAST_UV = "airmeet-async, default", "airmeet-async[fast]", "airmeet-async[fast], uvloop"
JOURNAL = "airmeet-async[fast] + journal"

_WARM_UP = 30
_COUNTED_SHARES = {GATHER: 0.04, AIOHTTP: 1.0, LANES: 0.4, FAST: 1.0, JOURNAL: 1.0, FLOOR: 1.0}


@frozen
class Variant:
    """A way to add people.

    Attributes:
        function: Adds the rows of a job, and returns how many got their own link: module and name.
        share: Of the rows, since the slow ones would take minutes for all.
        uvloop: On that event loop.
    """

    function: str
    share: float
    uvloop: bool = False


VARIANTS = {
    GATHER: Variant("peers.httpx_gather", 0.05),
    WORKERS: Variant("peers.httpx_workers", 0.05),
    REQUESTS: Variant("peers.requests_threads", 0.1),
    AIOHTTP: Variant("peers.aiohttp_gather", 0.5),
    LANES: Variant("ours.lanes", 0.15),
    FAST: Variant("ours.fast", 1),
    FAST_UV: Variant("ours.fast", 1, uvloop=True),
    JOURNAL: Variant("ours.fast_journal", 0.5),
    FLOOR: Variant("floor.floor", 1),
    FLOOR_UV: Variant("floor.floor", 1, uvloop=True),
    BARE: Variant("floor.bare", 1),
}


def trial(variant: str, base: str, rows: int, in_flight: int) -> Figures:
    """Add so many people once; a few before that, not counted, load what is loaded late."""
    chosen, add = VARIANTS[variant], _function(VARIANTS[variant].function)
    some = list(peers.people(rows))
    _run(add, peers.Job(base, some[:_WARM_UP], min(in_flight, 4)), uvloop=chosen.uvloop)
    with Stopwatch() as watch:
        done = _run(add, peers.Job(base, some, in_flight), uvloop=chosen.uvloop)
    if done != rows:
        raise AssertionError(f"{done} of {rows} rows got their link")
    return watch.figures(rows)


def _function(name: str) -> Any:
    """Return a function of this package; the modules of the others are not loaded."""
    module, _, function = name.partition(".")
    return getattr(importlib.import_module(f"benchmarks.{module}"), function)


def _run(add: Any, job: peers.Job, *, uvloop: bool) -> int:
    if not inspect.iscoroutinefunction(add):
        return int(add(job))
    with asyncio.Runner(loop_factory=loop_factory(uvloop=uvloop)) as runner:
        return int(runner.run(add(job)))


def loop_factory(*, uvloop: bool) -> Any:
    """Return what makes the event loop.

    Raises:
        Skipped: uvloop is not installed.
    """
    if not uvloop:
        return None
    try:
        import uvloop as package
    except ImportError:
        raise Skipped("uvloop is not installed") from None
    return package.new_event_loop


def http(lab: Lab) -> Section:
    """Over plain HTTP, 64 in flight."""
    figures = _counted(lab, lab.server.plain, _compare(lab, lab.server.plain, 64, [*VARIANTS]))  # type: ignore[union-attr]
    return _section("http", "Adding people, 64 in flight, plain HTTP, a server that answers at once", figures, [
        *at_least("default lanes against httpx gather, rows per CPU second", ratio(figures, GATHER, LANES), 8),
        *at_least("fast against raw aiohttp, rows per CPU second", ratio(figures, AIOHTTP, FAST), 3),
        *at_least("fast with the journal against raw aiohttp", ratio(figures, AIOHTTP, JOURNAL), 2),
        *at_most("fast against the llhttp floor, CPU per row", ratio(figures, FAST, FLOOR), 1.7),
        *at_most("fast / raw aiohttp, instructions per row", ratio(figures, FAST, AIOHTTP, COUNT), 0.25, "{:.2f}"),
        *at_most("fast + journal / raw aiohttp, instructions", ratio(figures, JOURNAL, AIOHTTP, COUNT), 0.42, "{:.2f}"),
    ])  # fmt: skip


def tls(lab: Lab) -> Section:
    """Over TLS, 64 in flight."""
    figures = _compare(lab, lab.server.tls, 64, [GATHER, AIOHTTP, LANES, FAST, JOURNAL, FLOOR])  # type: ignore[union-attr]
    figures = _counted(lab, lab.server.tls, figures)  # type: ignore[union-attr]
    return _section("tls", "The same over TLS", figures, [
        *at_least("fast against raw aiohttp, TLS, rows per CPU second", ratio(figures, AIOHTTP, FAST), 3),
        *at_least("fast with the journal against raw aiohttp, TLS", ratio(figures, AIOHTTP, JOURNAL), 2),
        *at_most("fast / raw aiohttp, TLS, instructions per row", ratio(figures, FAST, AIOHTTP, COUNT), 0.33, "{:.2f}"),
    ])  # fmt: skip


def slow(lab: Lab) -> Section:
    """Against a server that takes 50 ms, where waiting is all there is to do."""
    shares = {GATHER: 0.06, AIOHTTP: 1.0, LANES: 1.0, FAST: 1.0}
    rows = 960 if lab.settings.quick else 6400
    figures = _compare(lab, lab.server.slow, 64, [*shares], shares=shares, rows=rows)  # type: ignore[union-attr]
    possible = 64 / 0.05
    targets = [
        one
        for name in (LANES, FAST)
        if name in figures
        for one in at_least(
            f"{name}, of the possible {possible:.0f}/s", figures[name]["rows_s"] / possible * 100, 90, "{:.0f} %"
        )
    ]
    return _section("slow", "The same against a server that takes 50 ms, plain HTTP", figures, targets)


def few(lab: Lab) -> Section:
    """Eight in flight, where the pool of httpx is at its best."""
    shares = {GATHER: 0.1}
    figures = _compare(lab, lab.server.plain, 8, [GATHER, AIOHTTP, LANES, FAST], shares=shares)  # type: ignore[union-attr]
    return _section("few", "Adding people, 8 in flight, plain HTTP", figures, at_least(
        "default lanes against httpx gather, 8 in flight", ratio(figures, GATHER, LANES), 1.3
    ))  # fmt: skip


def sweep(lab: Lab) -> Section:
    """From one to a thousand in flight."""
    depths = (8, 1000) if lab.settings.quick else (1, 8, 64, 256, 1000)
    plain, rows = lab.server.plain, lab.settings.rows  # type: ignore[union-attr]
    each = 5 if lab.settings.quick else 60  # rows per connection at least, or connecting is much of what is seen
    figures = lab.compare("adds", [
        Entry(f"{FAST}, {depth} in flight", {
            "variant": FAST, "base": plain, "rows": max(rows // 5 if depth == 1 else rows, each * depth),
            "in_flight": depth,
        })
        for depth in depths
    ])  # fmt: skip
    grown = ratio(figures, f"{FAST}, 1000 in flight", f"{FAST}, 8 in flight")
    title = "How the cost of a row depends on how many are in flight, plain HTTP"
    return _section("sweep", title, figures, at_most("CPU per row, 1,000 against 8 in flight", grown, 1.3))


def _compare(
    lab: Lab, base: str, in_flight: int, names: list[str], *, shares: dict[str, float] | None = None, rows: int = 0
) -> dict[str, Figures]:
    asked = rows or lab.settings.rows
    entries = []
    for name in names:
        share = (shares or {}).get(name, VARIANTS[name].share)
        count = max(int(asked * share), 2 * in_flight)
        entries.append(Entry(name, {"variant": name, "base": base, "rows": count, "in_flight": in_flight}))
    return lab.compare("adds", entries)


def _counted(lab: Lab, base: str, figures: dict[str, Figures]) -> dict[str, Figures]:
    """Return the figures with the instructions per row of the main variants, where valgrind is installed."""
    if lab.settings.quick or not counting.can_count():
        return figures
    trials = {
        name: counting.Counted("adds", {"variant": name, "base": base, "in_flight": 64}, share)
        for name, share in _COUNTED_SHARES.items()
        if name in figures
    }
    counts = counting.per_row(lab, trials)
    return {name: {**one, **({COUNT: counts[name][COUNT]} if name in counts else {})} for name, one in figures.items()}


def _section(name: str, title: str, figures: dict[str, Figures], targets: list[Target]) -> Section:
    is_counted = any(COUNT in one for one in figures.values())
    columns = ("", "rows", "rows/s", "CPU µs/row", "±", "rows/CPU s", "x httpx", "x aiohttp")
    columns += ("instr/row",) if is_counted else ()
    rows = [
        (
            variant,
            f"{one['rows']:,.0f}",
            f"{one['rows_s']:,.0f}",
            f"{one['cpu_us']:,.0f}",
            spread(one),
            f"{1e6 / one['cpu_us']:,.0f}",
            _times(ratio(figures, GATHER, variant)),
            _times(ratio(figures, AIOHTTP, variant)),
            *([f"{one[COUNT]:,.0f}" if COUNT in one else ""] if is_counted else []),
        )
        for variant, one in figures.items()
    ]
    return Section(name, title, columns, rows, figures, targets)


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"
