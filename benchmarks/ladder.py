"""The ladder: what a row costs in a bare loop, and what each layer of ours adds to it, as far as public seams allow."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airmeet_async import Attendee, Request
from benchmarks import floor, ours, peers
from benchmarks.counting import COUNT, Counted, can_count, per_row
from benchmarks.instant import InstantTransport
from benchmarks.lab import Entry, Figures, Lab, Skipped, Stopwatch
from benchmarks.peers import ADD, EVENT, Job
from benchmarks.table import Section


async def transport_alone(job: Job) -> int:
    """`exchange` of the fast transport, and orjson both ways: no client, no token, no checks of the answer."""
    import orjson

    client = ours.client_to(job.base, job.in_flight)
    transport = client._transport
    target = urlsplit(job.base).path + ADD
    headers = ((b"Content-Type", b"application/json"), (b"X-Airmeet-Access-Token", b"t" * 40))

    async def add(row: peers.Row) -> bool:
        reply = await transport.exchange(Request("POST", target, headers, orjson.dumps(peers.body_of(row))))
        return peers.is_about(orjson.loads(reply.body), row)

    async with client:
        return await peers.by_workers(job, add)


async def single_calls(job: Job) -> int:
    """``client.attendees.add`` by as many workers: token, pace, encoding, judgement, typed answer, the send loop."""
    async with ours.client_to(job.base, job.in_flight) as client:

        async def add(row: peers.Row) -> bool:
            person = Attendee(row["email"], row["first_name"], row["last_name"])
            return bool((await client.attendees.add(EVENT, person, send_email_invite=False)).entry_link)

        return await peers.by_workers(job, add)


async def engine_alone(job: Job) -> int:
    """The whole engine and no network: a stub answers at once."""
    return await ours.add_all(ours.client_to(job.base, job.in_flight, InstantTransport()), peers.people(len(job.rows)))


async def engine_unread(job: Job) -> int:
    """The engine over the fast transport, awaited as a whole instead of read row by row."""
    async with ours.client_to(job.base, job.in_flight) as client:
        report = await client.bulk.add_attendees(EVENT, job.rows, send_email_invite=False, rate=None)
    return int(report.succeeded)


async def prepared_first(job: Job) -> int:
    """With the journal, all rows read by ``prepare`` before the first is sent."""
    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder:
        client, done = ours.client_to(job.base, job.in_flight), 0
        options: dict[str, Any] = {"rate": None, "journal": Path(folder) / "job"}
        run = client.bulk.add_attendees(EVENT, job.rows, send_email_invite=False, **options)
        if not hasattr(run, "prepare"):
            await run  # a job that is never started warns
            raise Skipped("this version has no job.prepare()")
        async with client:
            await run.prepare()
            async with run:
                async for result in run:
                    done += bool(result.entry_link)
    return done


RUNGS: dict[str, Callable[[Job], Awaitable[int]]] = {
    "bare loop: BufferedProtocol, llhttp, a future, orjson": floor.lean,
    "the fast transport alone": transport_alone,
    "single calls: client.attendees.add": single_calls,
    "bulk engine, awaited as a whole": engine_unread,
    "bulk engine, read row by row": ours.fast,
    "with the journal": ours.fast_journal,
    "with the journal, after job.prepare()": prepared_first,
    "(bulk engine over a stub, no network)": engine_alone,
}


def trial(rung: str, base: str, rows: int, in_flight: int) -> Figures:
    """Add so many people up to that rung."""
    some = list(peers.people(rows))
    with Stopwatch() as watch:
        done = asyncio.run(RUNGS[rung](Job(base, some, in_flight)))  # type: ignore[arg-type]
    if done != rows:
        raise AssertionError(f"{done} of {rows} rows got their link")
    return watch.figures(rows)


def bench(lab: Lab) -> Section:
    """Measure each rung: CPU, and instructions where valgrind is installed."""
    settings = {name: {"rung": name, "base": lab.server.plain, "in_flight": 64} for name in RUNGS}  # type: ignore[union-attr]
    figures = lab.compare("ladder", [Entry(name, {**one, "rows": lab.settings.rows}) for name, one in settings.items()])
    if can_count() and not lab.settings.quick:
        trials = {name: Counted("ladder", one) for name, one in settings.items() if name in figures}
        counts = per_row(lab, trials, repeats=lab.settings.rounds)
        figures = {name: {**one, **counts.get(name, {})} for name, one in figures.items()}
    rows, below = [], dict[str, float]()
    for name, one in figures.items():
        cells = [name]
        for figure in ("cpu_us", COUNT):
            cost = one.get(figure)
            stands = cost is not None and figure in below and not name.startswith("(")
            cells += ["" if cost is None else f"{cost:,.0f}", f"{cost - below[figure]:+,.0f}" if stands else ""]
        below = one
        rows.append(tuple(cells))
    title = "The ladder: what a row costs, each line on top of the one above, 64 in flight, plain HTTP"
    return Section("ladder", title, ("", "CPU µs", "more", "instructions", "more"), rows, figures)
