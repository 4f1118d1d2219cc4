"""Instructions per row, which do not drift with the machine.

    python -m benchmarks.instructions [CHECKOUT] [--ladder] [--repeats N] [--output FILE]

Each is counted with 3,000 rows and with 1,000 (`benchmarks.counting`). The server is a process of its own on loopback
and is not counted. With the path of another checkout, that one's package is measured by these benchmarks.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import ladder, ours
from benchmarks.adds import AIOHTTP
from benchmarks.counting import COUNT, FEW, TIMES, Counted, can_count, per_row
from benchmarks.lab import Figures, Lab, Settings
from benchmarks.loopback import loopback
from benchmarks.machine import facts
from benchmarks.table import Section, Target, at_most, ratio, show, show_targets

RESULTS = Path(__file__).parent / "results"
TLS = ", TLS"
FAST, HTTPX, JOURNAL = "fast", "httpx, the default", "fast + journal"
FEW_JOURNAL = f"{JOURNAL}, generator, 8 in flight"


def rows_from(base: str, **settings: Any) -> Counted:
    """Return a trial of our engine over the fast transport, 64 in flight unless said otherwise."""
    return Counted("ours", {"base": base, "source": ours.GENERATOR, "in_flight": 64, **settings})


def engine(lab: Lab) -> Section:
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
    trials[HTTPX] = Counted("ours", {**rows_from(plain).settings, "transport": "httpx"}, 0.4)
    figures = per_row(lab, trials, repeats=lab.settings.rounds)
    targets = [
        *share(figures, FAST, AIOHTTP, 0.25, "aim 0.20"),
        *share(figures, FAST + TLS, AIOHTTP + TLS, 0.33),
        *(one for kind in kinds for one in share(figures, f"{JOURNAL}, {kind}", AIOHTTP, 0.42, "aim 0.34")),
        *share(figures, FEW_JOURNAL, AIOHTTP, 0.45),
    ]
    title = f"Instructions per row, 64 in flight unless said otherwise ({TIMES * FEW:,} rows less {FEW:,})"
    columns = ("", "instructions", "±", "/ aiohttp")
    return Section("instructions", title, columns, list(_cells(figures)), figures, targets)


def share(figures: Mapping[str, Figures], ours_: str, theirs: str, limit: float, aim: str = "") -> list[Target]:
    """Return the target that we take at most that share of the peer's instructions."""
    value = ratio(dict(figures), ours_, theirs, COUNT)
    return at_most(f"instructions: {ours_} / {theirs}{f' ({aim})' if aim else ''}", value, limit, "{:.2f}")


def _cells(figures: Mapping[str, Figures]) -> Iterator[tuple[str, ...]]:
    for name, one in figures.items():
        peer = figures.get(AIOHTTP + TLS if name.endswith(TLS) else AIOHTTP)
        against = f"{one[COUNT] / peer[COUNT]:.2f}" if peer else ""
        yield name, f"{one[COUNT]:,.0f}", f"{one['spread'] / 2:.1%}", against


def main() -> None:
    """Count, print, and write ``results/instructions.json``."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.instructions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
        lab = Lab(Settings(TIMES * FEW, options.repeats, quick=False), server)
        section = ladder.bench(lab) if options.ladder else engine(lab)
    show(section)
    show_targets(section.targets)
    report = {"machine": facts(), "notes": lab.notes, "benches": {name: section.as_json()}}
    path = options.output or RESULTS / f"{name}.json"
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"written: {path.name}")


if __name__ == "__main__":
    main()
