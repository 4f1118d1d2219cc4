"""How long a program waits for ``import airmeet_async``."""

import resource
import statistics
import subprocess
import sys
import time

from benchmarks.lab import Figures, Lab
from benchmarks.machine import CLIENT_CORE, pinned
from benchmarks.table import Section, Target, at_most, ratio

NOTHING, HTTPX, AIOHTTP = "python, nothing imported", "import httpx", "import aiohttp"
OURS, CLIENT, HELP = "import airmeet_async", "from airmeet_async import AirmeetClient", "airmeet --help"
COMMANDS = {name: ["-c", "pass" if name is NOTHING else name] for name in (NOTHING, HTTPX, AIOHTTP, OURS, CLIENT)}
COMMANDS[HELP] = ["-m", "airmeet_async", "--help"]


def bench(lab: Lab) -> Section:
    """Start each in turns, the first time uncounted."""
    turns, names = (3 if lab.settings.quick else 16), list(COMMANDS)
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(turns):
        for name in list(spent):
            taken = _start(COMMANDS[name])
            if taken is None:
                lab.note(f"{name}: does not work here")
                del spent[name]
            else:
                spent[name].append(taken)
    figures: dict[str, Figures] = {
        name: {
            "wall_ms": statistics.median(wall for wall, _ in several[1:]) * 1000,
            "cpu_ms": statistics.median(cpu for _, cpu in several[1:]) * 1000,
        }
        for name, several in spent.items()
    }
    rows = [(name, f"{one['wall_ms']:.0f}", f"{one['cpu_ms']:.0f}") for name, one in figures.items()]
    title = f"Starting a program, the interpreter included (median of {turns - 1})"
    return Section("imports", title, ("", "wall ms", "CPU ms"), rows, figures, _targets(figures))


def _targets(figures: dict[str, Figures]) -> list[Target]:
    """The interpreter's own start is in both; a program needs the client sooner or later, so it counts, too."""
    targets = [
        target
        for name in (OURS, CLIENT)
        for target in at_most(f"{name}, against import httpx", ratio(figures, name, HTTPX, "cpu_ms"), 1.2)
    ]
    return targets + at_most(HELP, figures.get(HELP, {}).get("cpu_ms"), 200, "{:.0f} ms of CPU")


def _start(arguments: list[str]) -> tuple[float, float] | None:
    """Return the wall and CPU time of a program, or None if it fails."""
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = pinned([sys.executable, *arguments], CLIENT_CORE)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return None
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begin, cpu
