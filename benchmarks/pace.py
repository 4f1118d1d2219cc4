"""How exactly a fixed rate is kept, in real time: what is delivered, the fullest second, and who waits meanwhile."""

import asyncio

from airmeet_async import AirmeetClient, Attendee
from benchmarks.adds import loop_factory
from benchmarks.instant import InstantTransport
from benchmarks.lab import Figures, Lab, Stopwatch
from benchmarks.ours import KEYS
from benchmarks.peers import EVENT, people
from benchmarks.table import Section, Target, at_most

RATES = (50, 500, 2000)
_SINGLE = "single-call@example.com"


def trial(rate: int, seconds: float, *, uvloop: bool) -> Figures:
    """Run a bulk job at a rate, with a single call now and then."""
    with asyncio.Runner(loop_factory=loop_factory(uvloop=uvloop)) as runner:
        runner.run(_run(2000, 0.05))  # what is loaded late is loaded
        with Stopwatch() as watch:
            seen, waits = runner.run(_run(rate, seconds))
    times = [at for at, _ in seen]
    steady = [at for at in times if at >= times[0] + min(0.5, seconds / 4)]  # without the start
    return {
        "delivered": (len(steady) - 1) / (steady[-1] - steady[0]) / rate,
        "fullest_second": fullest(times, 1.0),
        "single_call_waits_s": max(waits, default=0.0),
        "cpu_us": watch.figures(len(times))["cpu_us"],
        "rate": rate,
    }


async def _run(rate: int, seconds: float) -> tuple[list[tuple[float, str]], list[float]]:
    transport, waits = InstantTransport(keep=True), []
    clock = asyncio.get_running_loop().time
    async with AirmeetClient(*KEYS, base_url="https://sandbox.example/prod", transport=transport, rate=rate) as client:

        async def single_calls() -> None:
            for _ in range(5):
                await asyncio.sleep(seconds / 6)
                asked, before = clock(), len(transport.seen)
                await client.attendees.add(EVENT, Attendee(_SINGLE, "Ada", "L"), send_email_invite=False)
                waits.append(next(at for at, email in transport.seen[before:] if email == _SINGLE) - asked)

        beside = asyncio.create_task(single_calls())
        await client.bulk.add_attendees(EVENT, people(int(rate * seconds)), send_email_invite=False)
        beside.cancel()
    return transport.seen, waits


def fullest(times: list[float], length: float) -> int:
    """Return the most that came within any window of that length."""
    first, most = 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= length:
            first += 1
        most = max(most, last - first + 1)
    return most


def bench(lab: Lab) -> Section:
    """Each rate on each loop, once: it takes its time."""
    seconds, loops = (1.5, (False,)) if lab.settings.quick else (10.0, (False, True))
    figures: dict[str, Figures] = {}
    targets: list[Target] = []
    for uvloop in loops:
        for rate in RATES:
            name = f"{rate}/s{', uvloop' if uvloop else ''}"
            found = lab.run("pace", name, rate=rate, seconds=seconds, uvloop=uvloop)
            if found is not None:
                figures[name] = found
                targets += _targets(name, found)
    rows = [
        (
            name,
            f"{one['delivered']:.2%}",
            f"{one['fullest_second']:.0f}",
            f"{one['single_call_waits_s'] * 1000:.1f}",
            f"{one['cpu_us']:.0f}",
        )
        for name, one in figures.items()
    ]
    columns = ("", "delivered", "fullest second", "single call waits, ms", "CPU µs/row")
    return Section("pace", f"A fixed rate for {seconds:.0f} s, real time", columns, rows, figures, targets)


def _targets(name: str, found: Figures) -> list[Target]:
    rate, share = found["rate"], found["delivered"] * 100
    return [
        Target(f"{name}: delivered", "98 to 101 %", f"{share:.1f} %", 98 <= share <= 101),
        *at_most(f"{name}: any window of 1 s", found["fullest_second"], rate + max(1.0, rate / 50), "{:.0f}"),
        *at_most(f"{name}: a single call waits", found["single_call_waits_s"] * 1000, 2000 / rate, "{:.1f} ms"),
    ]
