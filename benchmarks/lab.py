"""The lab: runs each trial in a fresh interpreter on the client's core, and interleaves those that are compared.

A benchmark is a module with ``bench(lab)``, which runs here and returns a `Section`, and ``trial(**settings)``, which
runs in the fresh interpreter and returns figures.
"""

import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Self

from attrs import define, field, frozen

from benchmarks.machine import CLIENT_CORE, pinned
from benchmarks.server import Server

Figures = dict[str, float]

_PATIENCE = 1200.0


class Skipped(Exception):  # noqa: N818 - not an error: something optional is not there
    """A trial cannot run here, and why."""


@frozen
class Settings:
    """What was asked for.

    Attributes:
        rows: Rows of the fastest variants; slower ones get a share of them.
        rounds: How often each variant has its turn.
        quick: Show within a minute that everything works.
        cells: Patterns of the limiters to measure; none for the usual ones.
    """

    rows: int
    rounds: int
    quick: bool
    cells: tuple[str, ...] = ()


@frozen
class Entry:
    """A variant in a comparison: its name in the table, and the settings of its trial."""

    name: str
    settings: dict[str, Any]


@define
class Lab:
    """Where trials run.

    Attributes:
        settings: What was asked for.
        server: The server's addresses, or None where there is none.
        notes: What could not be measured, and why.
    """

    settings: Settings
    server: Server | None
    notes: list[str] = field(factory=list)

    def run(
        self, module: str, name: str, /, *, patience: float = _PATIENCE, checkout: str = "", **settings: Any
    ) -> Figures | None:
        """Run one trial, of the package in *checkout* where one is named.

        One that cannot run, or takes more than *patience* seconds, leaves a note.
        """
        command = [sys.executable, "-m", "benchmarks.lab", module, json.dumps(settings)]
        try:
            done = subprocess.run(
                pinned(command, CLIENT_CORE), env=self.environment(checkout), capture_output=True, text=True,
                check=False, timeout=patience,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            self.note(f"{name}: did not end within {patience:.0f} s")
            return None
        if done.returncode:
            last = (done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1]
            self.note(f"{name}: {last}")
            return None
        figures: Figures = json.loads(done.stdout.splitlines()[-1])
        return figures

    def compare(self, module: str, entries: Sequence[Entry], *, patience: float = _PATIENCE) -> dict[str, Figures]:
        """Run all in turns, and return the median of each figure by name; who fails once is out."""
        found: dict[str, list[Figures]] = {entry.name: [] for entry in entries}
        for round_ in range(self.settings.rounds):
            for entry in entries:
                if round_ and not found[entry.name]:
                    continue
                figures = self.run(module, entry.name, patience=patience, **entry.settings)
                if figures is not None:
                    found[entry.name].append(figures)
        return {name: medians(several) for name, several in found.items() if several}

    def note(self, text: str) -> None:
        """Remember what could not be measured, once."""
        if text not in self.notes:
            self.notes.append(text)
            print(f"  not measured: {text}", flush=True)

    def environment(self, checkout: str = "") -> dict[str, str]:
        """The same for all: no proxies on the way, the server's certificate trusted, and modules compiled once."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        if checkout:
            kept["BENCH_CHECKOUT"] = checkout
        authority = self.server.authority if self.server else ""
        return {**kept, "SSL_CERT_FILE": authority, "REQUESTS_CA_BUNDLE": authority} if authority else kept


def medians(several: list[Figures]) -> Figures:
    """Return the median of each figure, and how far apart the lowest and the highest CPU were."""
    merged = {name: statistics.median(one[name] for one in several) for name in several[0]}
    if merged.get("cpu_us") and len(several) > 1:
        costs = [one["cpu_us"] for one in several]
        merged["spread"] = (max(costs) - min(costs)) / merged["cpu_us"]
    return merged


class Stopwatch:
    """Wall and CPU time of a block, threads and ended children included."""

    def __enter__(self) -> Self:
        self._wall, self._cpu = time.perf_counter(), _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self._wall, _cpu() - self._cpu

    def figures(self, rows: int) -> Figures:
        """Return rows per second, and microseconds of CPU per row."""
        return {"rows": rows, "rows_s": rows / self.wall, "cpu_us": self.cpu / rows * 1e6, "wall_s": self.wall}


def _cpu() -> float:
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def main() -> None:
    """Be the fresh interpreter: run one trial, and print its figures as JSON."""
    module, settings = sys.argv[1:]
    try:
        figures = importlib.import_module(f"benchmarks.{module}").trial(**json.loads(settings))
    except Exception as error:  # noqa: BLE001 - whatever it was, one line of it becomes a note
        sys.exit(f"{'' if type(error).__name__ == 'Skipped' else type(error).__name__ + ': '}{error}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
