"""Reading an attendance of 100,000 rows, in pages of 50, against loops that leave each row a dict."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from airmeet_async import AirmeetClient
from airmeet_async.protocol.base_urls import parse_base
from airmeet_async.protocol.http_messages import Request
from benchmarks.lab import Entry, Figures, Lab, Stopwatch
from benchmarks.ours import KEYS
from benchmarks.peers import EVENT
from benchmarks.table import Section, at_most, ratio, spread

PAGES = f"/airmeet/{EVENT}/attendees?size=50"
LANES, FAST = "airmeet-async, default", "airmeet-async[fast]"
DICTS, DICTS_LANES, HTTPX = "dicts over our fast transport", "dicts over our default transport", "dicts over httpx"
VARIANTS = (LANES, DICTS_LANES, HTTPX, FAST, DICTS)

_TOKEN = "benchmark-token"


def trial(variant: str, base: str, rows: int) -> Figures:
    """Read so many rows, and add up the time that people spent."""
    asyncio.run(_total(variant, base, 200))
    with Stopwatch() as watch:
        seen, spent = asyncio.run(_total(variant, base, rows))
    if seen != rows or spent <= 0:
        raise AssertionError(f"{seen} of {rows} rows")
    return watch.figures(rows)


async def _total(variant: str, base: str, rows: int) -> tuple[int, int]:
    seen = spent = 0
    async for milliseconds in _typed(variant, base) if variant in (LANES, FAST) else _dicts(variant, base):
        seen, spent = seen + 1, spent + milliseconds
        if seen == rows:
            break
    return seen, spent


async def _typed(variant: str, base: str) -> AsyncIterator[int]:
    transport = "fast" if variant == FAST else "httpx"
    async with AirmeetClient(*KEYS, base_url=base, transport=transport) as client:
        async for person in client.attendance.event(EVENT):
            yield person.time_spent_ms or 0


async def _dicts(variant: str, base: str) -> AsyncIterator[int]:
    """Follow the cursor; nothing is checked, and a cursor that leads in a circle would be followed for ever."""
    pages = _httpx_pages(base) if variant == HTTPX else _own_pages(variant, base)
    async for page in pages:
        for person in page["data"]:
            yield int(person["time_spent"])


async def _httpx_pages(base: str) -> AsyncIterator[Any]:
    import httpx

    async with httpx.AsyncClient(headers={"X-Airmeet-Access-Token": _TOKEN}) as client:
        after = ""
        while after is not None:
            page = (await client.get(f"{base}{PAGES}{after and f'&after={after}'}")).json()
            yield page
            after = page["cursors"]["after"]


async def _own_pages(variant: str, base: str) -> AsyncIterator[Any]:
    """The same requests over the same transport: the difference to ours is what the typed rows cost."""
    options = AirmeetClient(*KEYS, base_url=base, transport="fast" if variant == DICTS else "httpx")
    transport, prefix = options._transport, parse_base(base).prefix
    headers = ((b"X-Airmeet-Access-Token", _TOKEN.encode()), (b"Accept", b"application/json"))
    after = ""
    while after is not None:
        target = f"{prefix}{PAGES}{after and f'&after={after}'}"
        reply = await transport.exchange(Request("GET", target, headers, reply_limit=1 << 20))
        page = json.loads(reply.body)
        yield page
        after = page["cursors"]["after"]
    await transport.aclose()


def bench(lab: Lab) -> Section:
    """Compare."""
    rows = 2_500 if lab.settings.quick else 100_000
    base = lab.server.plain  # type: ignore[union-attr]
    figures = lab.compare("reads", [Entry(one, {"variant": one, "base": base, "rows": rows}) for one in VARIANTS])
    cells = [(name, f"{one['rows_s']:,.0f}", f"{one['cpu_us']:.1f}", spread(one)) for name, one in figures.items()]
    targets = [
        *at_most("typed rows against dicts over the same fast transport, CPU", ratio(figures, FAST, DICTS), 2),
        *at_most("typed rows against dicts over the same default transport", ratio(figures, LANES, DICTS_LANES), 2),
        *at_most("typed rows, default, against dicts over httpx", ratio(figures, LANES, HTTPX), 2),
    ]
    title = f"Reading {rows:,} attendance rows in pages of 50, one after the other"
    return Section("reads", title, ("", "rows/s", "CPU µs/row", "±"), cells, figures, targets)
