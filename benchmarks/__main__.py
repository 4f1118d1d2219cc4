"""What a registration costs, and the same with the loop that people write first.

Both register the same people in a sandbox that runs in a process of its own, 64 at a time and without a rate limit. The
rounds alternate, so a slow moment of the machine hits both. Only the ratio within one run means something.

    python -m benchmarks [--rows 1000] [--rounds 3] [--in-flight 64]
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import httpx

from airmeet_async import AirmeetClient
from airmeet_async.sandbox import community

EVENT = community.SUMMIT
KEYS = (community.ACCESS_KEY, community.SECRET_KEY)

Row = dict[str, str]
Variant = Callable[[str, list[Row], int], Awaitable[int]]


@contextmanager
def sandbox() -> Iterator[str]:
    """Run a sandbox, and yield its base address."""
    command = [sys.executable, "-m", "airmeet_async.sandbox", "--port", "0", "--until-stdin-closes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip().partition("AIRMEET_URI=")[2].strip("'\"")
        process.stdin.close()


async def ours(base: str, rows: list[Row], in_flight: int) -> int:
    """The bulk engine: validation, typed answers and a result per row included."""
    async with AirmeetClient(*KEYS, base_url=base, max_in_flight=in_flight) as client:
        report = await client.bulk.add_attendees(EVENT, rows, send_email_invite=False, rate=None)
    return report.succeeded


async def httpx_gather(base: str, rows: list[Row], in_flight: int) -> int:
    """One shared client, one task per row behind a semaphore; checks nothing but the status."""
    gate = asyncio.Semaphore(in_flight)
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(base_url=base, limits=limits, timeout=60) as client:
        names = ("X-Airmeet-Access-Key", "X-Airmeet-Secret-Key")
        token = (await client.post("/auth", headers=dict(zip(names, KEYS, strict=True)))).json()["token"]

        async def add(row: Row) -> int:
            body = {"email": row["email"], "firstName": row["first_name"], "lastName": row["last_name"]}
            async with gate:
                url = f"/airmeet/{EVENT}/attendee"
                reply = await client.post(url, json=body, headers={"X-Airmeet-Access-Token": token})
            return reply.status_code

        return (await asyncio.gather(*map(add, rows))).count(200)


def measure(variant: Variant, base: str, rows: list[Row], in_flight: int) -> tuple[float, float]:
    """Return rows per second, and microseconds of our own CPU per row."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = asyncio.run(variant(base, rows, in_flight))  # type: ignore[arg-type]
    assert done == len(rows), f"{done} of {len(rows)} rows"
    return len(rows) / (time.perf_counter() - wall), (time.process_time() - cpu) / len(rows) * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=64)
    options = parser.parse_args()
    variants: dict[str, Variant] = {"airmeet-async": ours, "httpx, gather + semaphore": httpx_gather}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    with sandbox() as base:
        for round_ in range(options.rounds):
            for name, variant in variants.items():
                mail = f"r{round_}-{name[:3]}"
                rows = [
                    {"email": f"{mail}-{n}@example.com", "first_name": "Ada", "last_name": "Lovelace"}
                    for n in range(options.rows)
                ]
                figures[name].append(measure(variant, base, rows, options.in_flight))
    print_table(figures)


def print_table(figures: dict[str, list[tuple[float, float]]]) -> None:
    """Print medians, and the ratio of CPU to the first."""
    print(f"{'':28}{'rows/s':>10}{'CPU µs/row':>14}{'CPU ratio':>12}")
    reference = None
    for name, rounds in figures.items():
        speed = statistics.median(rate for rate, _ in rounds)
        cpu = statistics.median(cost for _, cost in rounds)
        reference = reference or cpu
        print(f"{name:28}{speed:>10.0f}{cpu:>14.0f}{cpu / reference:>12.1f}")


if __name__ == "__main__":
    main()
