"""Instructions per row, which do not drift with the machine: ``python -m benchmarks.instructions [CHECKOUT] [--ladder]``.

Counted by valgrind's cachegrind over a whole process: a trial of many rows less one of few, divided by the difference.
The server is a process of its own on loopback and is not counted. With the path of another checkout, that one's package
is measured by these benchmarks.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks import ladder, ours
from benchmarks.adds import AIOHTTP
from benchmarks.lab import Figures, Lab, Settings
from benchmarks.loopback import loopback
from benchmarks.machine import facts
from benchmarks.table import Section, Target, at_most, ratio, show, show_targets

RESULTS = Path(__file__).parent / "results"
TLS = ", TLS"
FAST, HTTPX, JOURNAL = "fast", "httpx, the default", "fast + journal"
FEW_JOURNAL = f"{JOURNAL}, generator, 8 in flight"

_FEW, _MANY = 1_000, 3_000
_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")
_COUNT = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")


@frozen
class Counted:
    """A trial that is counted.

    Attributes:
        module: Whose ``trial`` it is.
        settings: Its arguments, without the rows.
        share: Of the rows, since the slow ones would take minutes for all.
    """

    module: str
    settings: dict[str, Any]
    share: float = 1.0


def can_count() -> bool:
    """Tell whether valgrind is installed."""
    return shutil.which("valgrind") is not None


def per_row(lab: Lab, trials: Mapping[str, Counted], *, repeats: int = 1, at_once: int = 2) -> dict[str, Figures]:
    """Return the median instructions per row of each trial; a trial that fails leaves a note and is out."""

    def count(name: str, counted: Counted, rows: int) -> int | None:
        settings = {**counted.settings, "rows": rows}
        if settings.get("source") == ours.CSV:
            settings["path"] = str(Path(folder) / f"{rows}.csv")
        command = [*_COUNT, sys.executable, "-m", "benchmarks.lab", counted.module, json.dumps(settings)]
        environ = {**lab.environment(), "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if not line.startswith("==")]
            lab.note(f"{name}: {said[-1] if said else f'ended with {done.returncode}'}")
            return None
        found = _COUNTED.search(done.stderr)
        assert found is not None, done.stderr
        return int(found[1].replace(",", ""))

    def measure(name: str, counted: Counted) -> Figures | None:
        few, many = (max(20, round(rows * counted.share)) for rows in (_FEW, _MANY))
        if count(name, counted, 10) is None:  # compiles the modules, too
            return None
        counts = [(count(name, counted, few), count(name, counted, many)) for _ in range(repeats)]
        costs = [(high - low) / (many - few) for low, high in counts if low is not None and high is not None]
        if not costs:
            return None
        return {
            "instructions": statistics.median(costs),
            "spread": (max(costs) - min(costs)) / statistics.median(costs),
        }

    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder, ThreadPoolExecutor(at_once) as pool:
        for rows in (10, _FEW, _MANY):
            ours.write_csv(Path(folder) / f"{rows}.csv", rows)
        found = dict(zip(trials, pool.map(measure, trials, trials.values()), strict=True))
    return {name: figures for name, figures in found.items() if figures is not None}


def rows_from(base: str, **settings: Any) -> Counted:
    """Return a trial of our engine over the fast transport, 64 in flight unless said otherwise."""
    return Counted("ours", {"base": base, "source": ours.GENERATOR, "in_flight": 64, **settings})


def engine(lab: Lab, *, repeats: int) -> Section:
    """Count raw aiohttp and ourselves."""
    assert lab.server is not None
    plain, tls = lab.server.plain, lab.server.tls
    trials = {
        name + (TLS if base == tls else ""): Counted("adds", {"variant": AIOHTTP, "base": base, "in_flight": 64})
        for name, base in ((AIOHTTP, plain), (AIOHTTP, tls))
    }
    trials |= {FAST: rows_from(plain), FAST + TLS: rows_from(tls)}
    kinds = ours.SOURCES[:4]
    trials |= {f"{JOURNAL}, {kind}": rows_from(plain, source=kind, journal=True) for kind in kinds}
    trials[FEW_JOURNAL] = rows_from(plain, journal=True, in_flight=8)
    trials[JOURNAL + TLS] = rows_from(tls, journal=True)
    trials[HTTPX] = Counted("ours", {**rows_from(plain).settings, "transport": "httpx"}, 0.1)
    figures = per_row(lab, trials, repeats=repeats)
    targets = [
        *share(figures, FAST, AIOHTTP, 0.25, "aim 0.20"),
        *share(figures, FAST + TLS, AIOHTTP + TLS, 0.33),
        *(one for kind in kinds for one in share(figures, f"{JOURNAL}, {kind}", AIOHTTP, 0.42, "aim 0.34")),
        *share(figures, FEW_JOURNAL, AIOHTTP, 0.45),
    ]
    title = f"Instructions per row, 64 in flight ({_MANY:,} rows less {_FEW:,})"
    columns = ("", "instructions", "±", "/ aiohttp")
    return Section("instructions", title, columns, list(_cells(figures)), figures, targets)


def rungs(lab: Lab, *, repeats: int) -> Section:
    """Count each layer of ours on top of the one below."""
    assert lab.server is not None
    base = lab.server.plain
    trials = {name: Counted("ladder", {"rung": name, "base": base, "in_flight": 64}) for name in ladder.RUNGS}
    figures, rows, below = per_row(lab, trials, repeats=repeats), [], 0.0
    for name, one in figures.items():
        cost = one["instructions"]
        more = "" if name.startswith("(") or not below else f"{cost - below:+,.0f}"
        rows.append((name, f"{cost:,.0f}", more))
        below = cost
    title = "The ladder: instructions per row, each line on top of the one above, 64 in flight"
    return Section("ladder", title, ("", "instructions", "more"), rows, figures)


def share(figures: Mapping[str, Figures], ours_: str, theirs: str, limit: float, aim: str = "") -> list[Target]:
    """Return the target that we take at most that share of the peer's instructions."""
    value = ratio(dict(figures), ours_, theirs, "instructions")
    return at_most(f"instructions: {ours_} / {theirs}{f' ({aim})' if aim else ''}", value, limit, "{:.2f}")


def _cells(figures: Mapping[str, Figures]) -> Sequence[tuple[str, ...]]:
    for name, one in figures.items():
        peer = figures.get(AIOHTTP + TLS if name.endswith(TLS) else AIOHTTP)
        against = f"{one['instructions'] / peer['instructions']:.2f}" if peer else ""
        yield name, f"{one['instructions']:,.0f}", f"{one['spread'] / 2:.1%}", against


def main() -> None:
    """Count, print, and write ``results/instructions.json``."""
    parser = argparse.ArgumentParser(prog="benchmarks.instructions", description=__doc__)
    parser.add_argument("checkout", nargs="?", help="another checkout, whose package is measured")
    parser.add_argument("--ladder", action="store_true", help="only the ladder of layers")
    parser.add_argument("--repeats", type=int, default=3, help="times that each is counted; the median counts (3)")
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    options = parser.parse_args()
    if not can_count():
        sys.exit("instructions are counted by valgrind, which is not installed")
    if options.checkout:
        os.environ["BENCH_CHECKOUT"] = str(Path(options.checkout).resolve())
    name = "ladder" if options.ladder else "instructions"
    with loopback() as server:
        lab = Lab(Settings(_MANY, options.repeats, quick=False), server)
        section = (rungs if options.ladder else engine)(lab, repeats=options.repeats)
    show(section)
    show_targets(section.targets)
    report = {"machine": facts(), "notes": lab.notes, "benches": {name: section.as_json()}}
    path = options.output or RESULTS / f"{name}.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
