"""The engine with a journal whose disk is as slow, or as full, as a test says. Virtual time, no thread."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from airmeet_async import Attendee, BulkStoppedError, RowStatus, StopReason
from tests.support.disk import DiskLoop, disk
from tests.support.worlds import add, client_of, people, person, sends, statuses, transport_of

S = RowStatus


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": DiskLoop}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "launch.job"


@pytest.mark.parametrize("source", [list, iter])
@pytest.mark.parametrize("end", ["stop", "cut off", "hurry"])
@pytest.mark.parametrize("at", [0.1, 1.5, 2.5, 5.5, 8.5])
async def test_rows_that_are_being_recorded_when_the_run_ends_have_a_result(
    path: Path, source: Any, end: str, at: float
) -> None:
    """A commit takes two seconds: some rows are neither with the source nor with a worker when it comes."""
    transport = transport_of()
    async with client_of(transport) as client, add(client, source(list(people(30))), journal=path) as job:
        disk().seconds = 2.0
        await anyio.sleep(at)
        if end == "cut off":
            job.cut_off()
        else:
            job.stop()
            if end == "hurry":
                job.hurry()
        results = []
        with contextlib.suppress(BulkStoppedError):
            async for result in job:
                results.append(result)  # noqa: PERF401 - what came before an error counts

    assert sorted(result.index for result in results) == list(range(job.report.rows_read))
    assert job.report.counts[S.SUCCEEDED] + job.report.counts[S.UNKNOWN] == len(sends(transport))


async def test_a_source_without_an_end_is_read_no_more_when_the_run_is_cut_off(path: Path) -> None:
    """The journal asks for more rows while it writes its last ones."""
    read = 0

    def endless() -> Iterator[Attendee]:
        nonlocal read
        for number in itertools.count():
            read += 1
            yield person(number)

    async with client_of(transport_of()) as client:
        job = add(client, endless(), journal=path)
        task = asyncio.ensure_future(job)
        await anyio.sleep(0.2)
        disk().seconds = 0.5
        await anyio.sleep(0.2)
        before = read
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert read <= before + 64
    assert job.report.rows_read == sum(job.report.counts.values()) == read
    assert job.report.stop_reason is StopReason.CUT_OFF
    assert statuses(job.report).keys() <= {S.SUCCEEDED, S.UNKNOWN, S.UNPROCESSED}
