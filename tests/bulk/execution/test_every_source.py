"""Every kind of source, with and without a journal, at several widths: each row once, and the sums right."""

import csv
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import polars as pl
import pytest

from airmeet_async import Attendee, RowStatus, calls
from tests.support.worlds import EVENT, add, client_of, sends, statuses, transport_of

S = RowStatus
N = 150

PEOPLE = [{"email": f"p{n}@example.com", "first_name": "Ada", "last_name": f"Number {n}"} for n in range(N)]
# One that is not valid in the middle, and one that repeats the third at the end.
ROWS = [*PEOPLE[:70], {"email": "nonsense", "first_name": "A", "last_name": "B"}, *PEOPLE[70:], PEOPLE[2]]


def generator() -> Iterator[dict[str, str]]:
    yield from ROWS


async def quick() -> AsyncIterator[dict[str, str]]:
    for row in ROWS:
        yield row


async def slow() -> AsyncIterator[dict[str, str]]:
    for n, row in enumerate(ROWS):
        await anyio.sleep(0.05 if n % 7 else 0.5)
        yield row


class Rows:
    """A set of rows, as far as one can be: sized, in no order that one may rely on, without indices."""

    def __iter__(self) -> Iterator[dict[str, str]]:
        return iter(ROWS)

    def __len__(self) -> int:
        return len(ROWS)


def file(folder: Path) -> Path:
    path = folder / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, ["email", "first_name", "last_name"])
        writer.writeheader()
        writer.writerows(ROWS)
    return path


SOURCES: dict[str, Any] = {
    "list": lambda _: list(ROWS),
    "generator": lambda _: generator(),
    "asynchronous generator": lambda _: quick(),
    "slow asynchronous generator": lambda _: slow(),
    "file": file,
    "frame": lambda _: pl.DataFrame(ROWS),
    "set": lambda _: Rows(),
}


@pytest.mark.parametrize("journaled", [False, True], ids=["in memory", "with a journal"])
@pytest.mark.parametrize("width", [1, 3, 64])
@pytest.mark.parametrize("kind", SOURCES)
async def test_each_row_is_done_once(tmp_path: Path, kind: str, width: int, journaled: bool) -> None:
    transport = transport_of("500@30,429@60:retry=1", latency=0.01)
    async with client_of(transport) as client:
        job = add(
            client, SOURCES[kind](tmp_path), max_in_flight=width,
            journal=tmp_path / "launch.job" if journaled else None,
        )  # fmt: skip
        report = await job

    assert report.results is not None
    assert [result.index for result in report.results] == list(range(N + 2))
    assert statuses(report) == {S.SUCCEEDED: N, S.INVALID: 1, S.DUPLICATE: 1}
    assert len(sends(transport)) == N
    assert sum(sends(transport).values()) == N + 2
    assert (report.attempts, report.retries, report.throttled) == (N + 2, 2, 1)
    assert transport.peak <= width
    assert transport.world.statistics().adds == N
    last = report.results[-1]
    assert (last.duplicate_of, last.key) == (2, "p2@example.com")
    place = "line 4" if kind == "file" else "row 3"
    assert last.error is not None
    assert last.error.message == f"repeats {place}, which is sent instead"
    lines = [result.line for result in report.results]
    assert lines == (list(range(2, N + 4)) if kind == "file" else [None] * (N + 2))
    assert all(result.row == row for result, row in zip(report.results, ROWS, strict=True) if kind != "frame")


async def test_a_set_is_a_source() -> None:
    transport = transport_of()
    async with client_of(transport) as client:
        report = await client.bulk.run(
            {f"p{n}@example.com" for n in range(20)},
            lambda email: calls.add_attendee(EVENT, Attendee(email, "A", "B"), send_email_invite=False),
            rate=None,
        )

    assert statuses(report) == {S.SUCCEEDED: 20}
    assert set(sends(transport).values()) == {1}
