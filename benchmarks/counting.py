"""Instructions per row of a trial, by valgrind's cachegrind: a whole process with many rows less one with few.

They do not drift with the machine. What the program waits for, and what its server does, is not in them.
"""

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.lab import Figures, Lab
from benchmarks.ours import CSV, write_csv

COUNT = "instructions"
"""The name of the figure."""

FEW, TIMES = 1_000, 3
"""Rows of the shorter run, and how many times as many the longer one has."""

_PATIENCE = 900.0
_FOUND = re.compile(r"I\s+refs:\s+([\d,]+)")
_VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")


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


def per_row(lab: Lab, trials: Mapping[str, Counted], *, repeats: int = 1) -> dict[str, Figures]:
    """Return the median instructions per row of each trial; one that fails leaves a note and is out.

    Two are counted at a time, since a count does not depend on what else the machine does.
    """

    def settings_of(name: str, trial: Counted, rows: int) -> dict[str, Any]:
        settings = {**trial.settings, "rows": rows}
        if settings.get("source") == CSV:
            # Beforehand, since writing it would be counted.
            settings["path"] = write_csv(Path(folder) / f"{name} {rows}.csv", rows)
        return settings

    def count(name: str, trial: Counted, rows: int) -> int:
        settings = json.dumps(settings_of(name, trial, rows))
        command = [*_VALGRIND, sys.executable, "-m", "benchmarks.lab", trial.module, settings]
        environ = {**lab.environment(), "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=_PATIENCE)
        found = _FOUND.search(done.stderr)
        assert found is not None, done.stderr
        return int(found[1].replace(",", ""))

    def measure(name: str, trial: Counted) -> Figures | None:
        # Once without being counted: to compile the modules, and to see whether it works at all.
        if lab.run(trial.module, name, **settings_of(name, trial, 100)) is None:
            return None
        few = max(2 * trial.settings["in_flight"], round(FEW * trial.share))
        many = TIMES * few
        try:
            costs = [(count(name, trial, many) - count(name, trial, few)) / (many - few) for _ in range(repeats)]
        except subprocess.CalledProcessError as error:
            said = [line for line in error.stderr.splitlines() if line and not line.startswith("==")]
            lab.note(f"{name}: could not be counted: {said[-1] if said else 'no reason given'}")
            return None
        except subprocess.TimeoutExpired:
            lab.note(f"{name}: was not counted within {_PATIENCE:.0f} s")
            return None
        middle = statistics.median(costs)
        return {COUNT: middle, "spread": (max(costs) - min(costs)) / middle}

    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder, ThreadPoolExecutor(2) as pool:
        found = dict(zip(trials, pool.map(measure, trials, trials.values()), strict=True))
    return {name: figures for name, figures in found.items() if figures is not None}
