"""What a run has left is resumed as it stood at each step of its disk and at each request, on virtual time."""

import asyncio
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import define

from airmeet_async import BulkReport, Invite, Reply, Request, RowStatus
from tests.support.bulk_runs import resume
from tests.support.disk import DiskLoop, disk
from tests.support.worlds import add, client_of, people, person, transport_of
from tests.torture.history import read_journal

pytestmark = pytest.mark.slow

N = 12
JUST = 0.1  # seconds in which what is no longer true is written down


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": DiskLoop}


@define
class Moment:
    """What there was at one moment of a run.

    Attributes:
        at: The time.
        path: A copy of the journal.
        sent: How often each person had been sent.
        mailed: How often a mail had been asked for, each of them, and not refused.
        sends: When each was sent, in the whole run.
        hindrances: When something began to hold the run back.
    """

    at: float
    path: Path
    sent: Counter[str]
    mailed: Counter[str]
    sends: dict[str, list[float]]
    hindrances: list[float]

    @property
    def is_hindered(self) -> bool:
        """Something has just begun to hold the run back, or will in a moment."""
        return any(abs(at - self.at) < JUST for at in self.hindrances)

    def is_about_to_send(self, key: str) -> bool:
        """An intent is on the disk only just before its request."""
        return any(0 <= at - self.at < JUST for at in self.sends[key])


class Watched:
    """A transport that keeps what was asked, and calls *seen* at each request for a person."""

    def __init__(self, transport: Any, seen: Any = None) -> None:
        self.transport, self.seen = transport, seen
        self.sent, self.mailed = Counter[str](), Counter[str]()
        self.sends = defaultdict[str, list[float]](list)
        self.hindrances = list[float]()

    async def exchange(self, request: Request) -> Reply:
        if not request.body or b"email" not in request.body:
            await anyio.sleep(1 if self.sent else 0)  # a second token takes a while
            other: Reply = await self.transport.exchange(request)
            return other
        body = json.loads(request.body)
        self.sent[body["email"]] += 1
        self.sends[body["email"]].append(anyio.current_time())
        self.mailed[body["email"]] += body["sendEmailInvite"]
        if self.seen is not None:
            self.seen()
        reply: Reply = await self.transport.exchange(request)
        if reply.status != 200:
            self.hindrances.append(anyio.current_time())
        if reply.status in {412, 429}:
            self.mailed[body["email"]] -= body["sendEmailInvite"]
        return reply

    async def aclose(self) -> None: ...


async def moments_of(
    tmp_path: Path,
    source: Any,
    width: int,
    faults: str = "",
    held: bool = False,
    *,
    differs: bool = False,
    **options: Any,
) -> list[Moment]:
    """Run to the end, and return what there was at every step; *differs*: a list in the journal says otherwise."""
    path, moments = tmp_path / "launch.job", list[Moment]()
    transport = Watched(transport_of(faults, latency=0.05))

    def keep(*_: str) -> None:
        if not transport.sent:
            return
        folder = tmp_path / str(len(moments))
        folder.mkdir()
        for suffix in ("", "-wal"):
            if (file := path.with_name(path.name + suffix)).exists():
                shutil.copy(file, folder / file.name)
        now = anyio.current_time()
        moments.append(
            Moment(now, folder / path.name, Counter(transport.sent), Counter(transport.mailed),
                   transport.sends, transport.hindrances)
        )  # fmt: skip

    transport.seen = keep
    async with client_of(transport) as client:
        if differs:
            others = [person(number, city="Elsewhere" if number % 2 else None) for number in range(N)]
            await add(client, others, journal=path, send_email_invite=True).prepare()
        job = add(client, source(list(people(N))), journal=path, max_in_flight=width, **options)
        async with job, ticking(keep):
            disk().seconds = 0.01
            disk().before = disk().after = keep
            if held:
                await anyio.sleep(0.1)
                job.pause()
                transport.hindrances.append(anyio.current_time())
                await anyio.sleep(1)
                job.resume()
            results = [result async for result in job]
        disk().before = disk().after = nothing
    assert len(results) == N
    return moments


def nothing(_: str) -> None: ...


@asynccontextmanager
async def ticking(keep: Callable[[], None]) -> AsyncIterator[None]:
    """Keep also what there is while nothing happens."""

    async def tick() -> None:
        while True:
            await anyio.sleep(0.25)
            keep()

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()


async def resumed(moment: Moment) -> tuple[BulkReport, Watched]:
    disk().seconds = 0
    transport = Watched(transport_of())
    return await resume(transport, moment.path), transport


@pytest.mark.parametrize(
    ("source", "width", "faults", "held"),
    [
        (list, 1, "", False),
        (iter, 3, "429@6:retry=2", False),
        (list, 8, "500@3,429@8", False),
        (iter, 8, "expire@5", False),
        (list, 3, "", True),
        (iter, 8, "429@6:retry=2", True),
    ],
)
async def test_nobody_loses_or_doubles_an_invitation(
    tmp_path: Path, source: Any, width: int, faults: str, held: bool
) -> None:
    """Who was not sent yet is mailed by the next run, also beside those under way; who was is not mailed again."""
    moments = await moments_of(tmp_path, source, width, faults, held, send_email_invite=True)
    assert len(moments) > N
    for moment in moments:
        report, after = await resumed(moment)
        assert report.results is not None
        assert [result.index for result in report.results] == list(range(report.rows_read))
        for result in report.results:
            key, before = result.key, moment.mailed[result.key]
            mails = before + after.mailed[key]
            assert mails <= 1
            assert (mails == 0) <= (result.invite is Invite.UNVERIFIED)
            # What is refused or held back is written down soon.
            if not (moment.mailed[key] or moment.is_hindered or moment.is_about_to_send(key)):
                assert (mails, result.invite) == (1, Invite.ASKED), (moment, key)
            assert result.status is RowStatus.SUCCEEDED


@pytest.mark.parametrize(("source", "width", "faults"), [(list, 1, ""), (iter, 8, ""), (list, 8, "500@3,429@8")])
async def test_no_more_rows_are_sent_again_than_were_under_way(
    tmp_path: Path, source: Any, width: int, faults: str
) -> None:
    moments = await moments_of(tmp_path, source, width, faults, held=False)
    for moment in moments:
        report, after = await resumed(moment)
        assert report.results is not None
        assert [result.index for result in report.results] == list(range(report.rows_read))
        assert report.succeeded == report.rows_read
        twice = [key for key in after.sent if moment.sent[key]]
        assert len(twice) <= width + 2 * bool(faults)  # and those that were to be sent again anyway
        assert sum(moment.sent[result.key] > 0 for result in report.results) == len(+moment.sent)
        assert sum(result.replayed for result in report.results if not result.from_earlier_run) <= 2 * width


@pytest.mark.parametrize("width", [1, 3, 8])
async def test_rows_with_an_intent_of_their_own_and_others_are_together_no_more_than_may_be_under_way(
    tmp_path: Path, width: int
) -> None:
    """Every second row differs from what another list says of the same person, so it is not under the horizon."""
    moments = await moments_of(tmp_path, list, width, differs=True)
    journals = [read_journal(moment.path) for moment in moments]

    assert max(len(journal.in_flight) for journal in journals if journal is not None) == width
