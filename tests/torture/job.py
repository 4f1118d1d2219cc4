"""One job of a torture run: ``airmeet register`` over one input, killed, started again, and at last let to its end."""

import asyncio
import random
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import define, field, frozen

from tests.torture.client_process import RESULTS, Client, Command
from tests.torture.history import InputRow, Journal, find_journals, snapshot
from tests.torture.people import Shares
from tests.torture.plan import Moment, Point, adds_to_wait_for, plan, seconds_to_wait
from tests.torture.truth_server import TruthServer

FIRST_RESULTS = "first.csv"
SCRATCH = "look"

DONE = (0, 3)
_TRIES = 5


@frozen(kw_only=True)
class Settings:
    """What a torture run is told."""

    kills: int = 20
    rows: int = 300
    seed: int = 1
    kills_per_job: int = 20
    concurrency: int = 16
    invite: bool = False
    two_lists: bool = False
    rate: float = 2000.0
    faults: str = ""
    latency: float = 0.004
    hang_seconds: float = 3.0
    rate_limit: float | None = None
    shares: Shares = field(factory=Shares)
    bound: float = 600.0
    rerun: bool = True
    keep: Path | None = None
    package: Path | None = None
    quiet: bool = False


@define(eq=False)
class Job:
    """One input, killed and resumed to its end.

    Attributes:
        journals: The journal after each kill and at the end.
        killed: How often it was killed.
        code: The exit code of the last process that ended by itself.
        to_first_add: Seconds from a start to its first add, the last time there was one.
        last_run: Seconds of the last process that ended by itself.
    """

    settings: Settings
    number: int
    folder: Path
    server: TruthServer
    rows: Sequence[InputRow]
    command: Command
    draw: random.Random
    journals: list[Journal] = field(factory=list)
    killed: int = 0
    code: int | None = None
    to_first_add: float = 0.5
    last_run: float = 0.0

    @property
    def left(self) -> int:
        """Rows that the server has not applied."""
        return sum(row.part == "plain" for row in self.rows) - len(self.server.applied)

    async def run(self, kills: int) -> None:
        """Kill it that often, if it lives long enough, let it finish, and run it once more: that must send nothing."""
        points = plan(kills, self.draw)
        for number, point in enumerate(points):
            self.code = await self._kill(point, len(points) - number - 1)
            if self.code in DONE:
                break
        for _ in range(_TRIES):
            if self.code in DONE:
                break
            self.code = await self._to_the_end()
        self._look_at_journal(self.server.mark("done"))
        if self.settings.rerun and self.code in DONE:
            if (self.folder / RESULTS).exists():
                shutil.copy(self.folder / RESULTS, self.folder / FIRST_RESULTS)
            self._say(f"once more: exit {await self._to_the_end()}")

    async def _start(self) -> Client:
        self.server.mark("start")
        return await self.command.start()

    async def _to_the_end(self) -> int:
        client = await self._start()
        try:
            code = await client.end(self.settings.bound)
        except TimeoutError:
            self.last_run = time.monotonic() - client.started
            self._say(f"did not end within {self.settings.bound:g} s")
            return -1
        await self._silence()
        self.server.mark("end")
        self.last_run = time.monotonic() - client.started
        self._say(f"ended: exit {code} after {self.last_run:.2f} s")
        return code

    async def _kill(self, point: Point, kills_left: int) -> int | None:
        """Start it and kill it at the point; return its exit code, if it ended by itself before."""
        before, client = self.server.desk.adds, await self._start()
        await self._wait_for(point, client, before, kills_left)
        client.kill()
        code = await client.end()
        await self._silence()
        after, adds = time.monotonic() - client.started, self.server.desk.adds - before
        if code >= 0:
            self.server.mark("end")
            self._say(f"ended by itself before its kill ({point.moment}): exit {code}, {adds} adds")
            return code
        self.killed += 1
        found = self._look_at_journal(self.server.mark("kill"))
        self._say(f"kill {self.killed}: {point.moment} after {after:.3f} s, {adds} adds, {self.left} left, {found}")
        return None

    async def _wait_for(self, point: Point, client: Client, before: int, kills_left: int) -> None:
        """Return when it is to be killed, or has ended."""
        reached = asyncio.get_running_loop().create_future()
        wanted = before + adds_to_wait_for(point, max(1, self.left), kills_left)

        def on_add(number: int) -> None:
            if number == before + 1:
                self.to_first_add = time.monotonic() - client.started
            if number >= wanted and not reached.done():
                reached.set_result(None)

        self.server.on_add = on_add
        limit = self.settings.bound
        if point.moment is Moment.EARLY or self.left <= 0:  # nothing to send any more: results and report
            limit = seconds_to_wait(point, self.to_first_add)
            wanted = sys.maxsize
        ended = asyncio.ensure_future(client.process.wait())
        await asyncio.wait({reached, ended}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if reached.done() and point.delay:
            await asyncio.wait({ended}, timeout=point.delay)
        ended.cancel()
        self.server.on_add = None

    async def _silence(self) -> None:
        """Wait until the server has read all that the dead client had sent."""
        while self.server.open_now:  # noqa: ASYNC110 - the server has no event for it, and it takes a moment
            await asyncio.sleep(0.001)

    def _look_at_journal(self, at: int) -> str:
        scratch = self.folder / SCRATCH
        scratch.mkdir(exist_ok=True)
        for path in find_journals(self.folder, but=scratch):
            journal = snapshot(path, at, scratch)
            if journal is not None:
                self.journals.append(journal)
                unknown = len(journal.in_flight)
                return f"journal {journal.integrity}, {len(journal.entries)} people, {unknown} of them under way"
        return "no journal"

    def _say(self, what: str) -> None:
        if not self.settings.quiet:
            print(f"job {self.number}: {what}", flush=True)
