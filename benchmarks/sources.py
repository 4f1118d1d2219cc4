"""What a row costs from each kind of source, and how that depends on how many requests are in flight.

``python -m benchmarks.sources``; the other end is a stub in the same process, which answers in the next pass of the
loop, so that only the library's own cost is seen. CPU time of the whole process: the journal's thread is included.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks import ours
from benchmarks.counting import COUNT, Counted, per_row
from benchmarks.lab import Entry, Lab, Settings
from benchmarks.machine import facts
from benchmarks.table import Section, Target, at_most, show, show_targets

RESULTS = Path(__file__).parent / "results"
WIDTHS = (1, 8, 64, 256, 1000)

_ROWS_PER_WORKER = 20  # at least, or starting the workers is much of what is seen
_PATIENCE = 120.0


def bench(lab: Lab, figure: str = "cpu_us") -> Section:
    """Measure every kind of source at every width; with the journal from eight on."""
    widths = (1, 8, 256) if lab.settings.quick else WIDTHS
    unit = "instructions" if figure == COUNT else "CPU µs"
    ways = [(kind, journal) for kind in ours.SOURCES for journal in (False, True)]
    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder:

        def entry(kind: str, width: int, *, journal: bool) -> Entry:
            rows = max(lab.settings.rows // 2, _ROWS_PER_WORKER * width)
            path = Path(folder) / f"{rows}.csv"
            if kind == ours.CSV and not path.exists():
                ours.write_csv(path, rows)
            settings = {"source": kind, "rows": rows, "in_flight": width, "transport": ours.INSTANT}
            return Entry(_name(kind, width, journal=journal), {**settings, "journal": journal, "path": str(path)})

        entries = [
            entry(kind, width, journal=journal) for kind, journal in ways for width in _from(widths, journal=journal)
        ]
        if figure == COUNT:
            trials = {entry.name: Counted("ours", entry.settings) for entry in entries}
            figures = per_row(lab, trials, repeats=lab.settings.rounds)
        else:
            figures = lab.compare("ours", entries, patience=_PATIENCE)
    rows, targets = [], list[Target]()
    for kind, journal in ways:
        costs = {
            width: figures[name][figure] for width in widths if (name := _name(kind, width, journal=journal)) in figures
        }
        first, *_ = depths = _from(widths, journal=journal)
        what = f"{kind}{', journal' if journal else ''}"
        missing = [f"{width:,}" for width in depths if width not in costs]
        worst = max(costs.values()) / costs[first] if first in costs else None
        rows.append((what, *(f"{costs[width]:,.0f}" if width in costs else "-" for width in widths), _times(worst)))
        note = f"; {' and '.join(missing)} not measured" if missing else ""
        targets += at_most(f"{unit} per row, {what}: {first} to {widths[-1]:,} in flight, at most{note}", worst, 1.3)
    slower = [
        figures[late][figure] / figures[plain][figure]
        for width in widths
        if (late := _name(ours.ASYNC_GENERATOR, width, journal=False)) in figures
        and (plain := _name(ours.GENERATOR, width, journal=False)) in figures
    ]
    targets += at_most("G1: async generator against a plain one, at any width", max(slower, default=None), 1.3)
    title = f"{unit} per row by kind of source and requests in flight (answers come at once, from the same process)"
    columns = ("in flight", *(f"{width:,}" for width in widths), "most / first")
    return Section("sources", title, columns, rows, figures, targets)


def _from(widths: tuple[int, ...], *, journal: bool) -> tuple[int, ...]:
    """Return the widths to measure: with the journal, one in flight waits for the disk with every row."""
    return tuple(width for width in widths if width > 1 or not journal)


def _name(kind: str, width: int, *, journal: bool) -> str:
    return f"{kind}{', journal' if journal else ''}, {width} in flight"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def main() -> None:
    """Measure, print, and write ``results/sources.json``."""
    parser = argparse.ArgumentParser(prog="benchmarks.sources", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="half of them are sent at most widths (10,000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns for each; the median counts (3)")
    parser.add_argument("--output", type=Path, default=RESULTS / "sources.json")
    parser.add_argument("--count", action="store_true", help="instructions instead of CPU time, which takes an hour")
    options = parser.parse_args()
    lab = Lab(Settings(options.rows, options.rounds, quick=False), None)
    section = bench(lab, COUNT if options.count else "cpu_us")
    show(section)
    show_targets(section.targets)
    report = {"machine": facts(), "notes": lab.notes, "benches": {"sources": section.as_json()}}
    options.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
