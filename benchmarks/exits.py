"""How processes that used a transport end: each must end with 0, whether the client was closed or left to Python."""

import subprocess
import sys
from typing import Any

from benchmarks.lab import Figures, Lab
from benchmarks.table import Section, Target

_RUN = """
import asyncio, sys
from benchmarks import ours, peers
from airmeet_async import AirmeetClient

transport, base, closed, uvloop = sys.argv[1], sys.argv[2], sys.argv[3] == "closed", sys.argv[4] == "uvloop"
job = peers.Job(base, list(peers.people(40)), 8)

async def main():
    client = AirmeetClient(*ours.KEYS, base_url=base, transport=transport, max_in_flight=8)
    if closed:
        assert await ours.add_all(client, job.rows) == 40
    else:
        report = await client.bulk.add_attendees(peers.EVENT, job.rows, send_email_invite=False, rate=None)
        assert report.succeeded == 40

if uvloop:
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""

_WAYS: dict[str, tuple[str, str]] = {"asyncio": ("asyncio", ""), "uvloop": ("uvloop", ""), "TLS": ("asyncio", "tls")}


def bench(lab: Lab) -> Section:
    """Run each way so many times."""
    runs = 4 if lab.settings.quick else 70
    figures: dict[str, Figures] = {}
    for transport in ("httpx", "fast"):
        for way, (loop, tls) in _WAYS.items():
            base = lab.server.tls if tls else lab.server.plain  # type: ignore[union-attr]
            ends = [
                _ended_well(lab, transport, base, "closed" if number % 2 else "left", loop) for number in range(runs)
            ]
            figures[f"{transport}, {way}"] = {"runs": runs, "well": sum(ends)}
    all_runs, well = (int(sum(one[name] for one in figures.values())) for name in ("runs", "well"))
    rows = [(name, f"{one['runs']:.0f}", f"{one['well']:.0f}") for name, one in figures.items()]
    target = Target(
        "processes that ended with 0", f"{all_runs} of {all_runs}", f"{well} of {all_runs}", well == all_runs
    )
    title = "Processes that register 40 people and end, half of them without closing the client"
    return Section("exits", title, ("", "runs", "ended with 0"), rows, figures, [target])


def _ended_well(lab: Lab, *arguments: Any) -> bool:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments], env=lab._environment(), capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    if done.returncode:
        lab.note(f"{' '.join(arguments[:1])}: ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.returncode == 0
