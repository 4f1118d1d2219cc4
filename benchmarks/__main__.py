"""Measure, print tables with the peers beside us, and write ``benchmarks/results``. Nothing fails for being slow.

    python -m benchmarks [--quick] [--only NAME ...] [--rows N] [--rounds N]

Only ratios within one run mean something: absolute figures drift with the machine.
"""

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import adds, codec, exits, imports, ladder, limiters, memory, pace, picture, reads, sources
from benchmarks.lab import Lab, Settings
from benchmarks.machine import CLIENT_CORE, facts, load
from benchmarks.server import NoServerError, Server, serving
from benchmarks.table import Section, show, show_targets

RESULTS = Path(__file__).parent / "results"

# Those that need the server come first, and the long ones last.
OVER_HTTP: dict[str, Callable[[Lab], Section]] = {
    "http": adds.http,
    "tls": adds.tls,
    "slow": adds.slow,
    "few": adds.few,
    "sweep": adds.sweep,
    "reads": reads.bench,
    "ladder": ladder.bench,
    "exits": exits.bench,
}
ALONE: dict[str, Callable[[Lab], Section | list[Section]]] = {
    "codec": codec.bench,
    "imports": imports.bench,
    "sources": sources.bench,
    "pace": pace.bench,
    "memory": memory.bench,
    "limiters": limiters.bench,
}
BENCHES = OVER_HTTP | ALONE


def main() -> None:
    """Measure and print."""
    options = _options()
    names = [name for name in BENCHES if not options.only or name in options.only]
    quick = options.quick
    settings = Settings(
        options.rows or (1000 if quick else 10_000),
        options.rounds or (1 if quick else 3),
        quick,
        tuple(options.cells),
    )
    started, load_before = time.monotonic(), load()
    if CLIENT_CORE is None:
        print("one core only, or no way to pin: client and server share it, and figures are rough")
    with contextlib.ExitStack() as stack:
        lab = Lab(settings, _server(stack) if OVER_HTTP.keys() & set(names) else None)
        sections = _measure(lab, names)
    print("\nTargets")
    show_targets(target for section in sections for target in section.targets)
    minutes = (time.monotonic() - started) / 60
    print(f"\n{minutes:.1f} minutes; load {load_before} before and {load()} after; only ratios mean something.")
    report = {
        "machine": facts(),
        "load": {"before": load_before, "after": load()},
        "settings": {"rows": settings.rows, "rounds": settings.rounds},
        "notes": lab.notes,
        "benches": {section.name: section.as_json() for section in sections},
    }
    _write(report, sections, latest=not (options.only or quick))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a minute: shows that all works, its figures are rough")
    parser.add_argument("--only", nargs="+", choices=list(BENCHES), metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--rows", type=int, help="rows for the fastest; slower ones get a share (10,000)")
    parser.add_argument("--rounds", type=int, help="turns for each variant; the median counts (3)")
    parser.add_argument("--cells", nargs="+", default=[], metavar="NAME", help="of limiters; patterns, '*' for all")
    return parser.parse_args()


def _server(stack: contextlib.ExitStack) -> Server | None:
    try:
        return stack.enter_context(serving())
    except NoServerError as error:
        print(f"no server: {error}\nwhat needs none is measured all the same")
        return None


def _measure(lab: Lab, names: list[str]) -> list[Section]:
    sections: list[Section] = []
    for name in names:
        if name in OVER_HTTP and lab.server is None:
            lab.note(f"{name}: needs the server")
            continue
        print(f"measuring {name} ...", flush=True)
        try:
            found = BENCHES[name](lab)
        except Exception as error:  # noqa: BLE001 - a benchmark that breaks must not take the others with it
            lab.note(f"{name}: {type(error).__name__}: {error}")
            continue
        for section in found if isinstance(found, list) else [found]:
            if section.figures:
                sections.append(section)
                show(section)
    return sections


def _write(report: dict[str, Any], sections: list[Section], *, latest: bool) -> None:
    """Keep a whole run as the latest, with its picture; a part or a quick run is kept beside it, out of git."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / ("latest.json" if latest else "part.json")
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"written: benchmarks/results/{path.name}")
    people = next((section for section in sections if section.name == "http"), None)
    if latest and people is not None:
        (RESULTS / "adds.svg").write_text(picture.adds(people.figures))
        print("written: benchmarks/results/adds.svg")


if __name__ == "__main__":
    main()
