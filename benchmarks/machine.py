"""The machine: which core does what, and the facts that belong beside figures. No names of hosts, no paths."""

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("httpx", "httpcore", "aiohttp", "requests", "httptools", "orjson", "uvloop", "anyio", "attrs", "cattrs")


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


CLIENT_CORE, SERVER_CORE = (_cores()[0], _cores()[-1]) if len(_cores()) > 1 else (None, None)


def pinned(command: list[str], core: int | None) -> list[str]:
    """Return *command* bound to a core, where that can be done."""
    taskset = shutil.which("taskset")
    return command if core is None or taskset is None else [taskset, "--cpu-list", str(core), *command]


def load() -> float:
    """Return how many processes want to run at this moment, on average of the last minute."""
    return round(os.getloadavg()[0], 2)


def facts() -> dict[str, Any]:
    """Return what somebody must know to compare figures."""
    return {
        "cores": len(_cores()) or os.cpu_count(),
        "processor": _processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
