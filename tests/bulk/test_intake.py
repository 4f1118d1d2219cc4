"""The door of a run, where a recipe has to ask before it knows what a row means."""

import asyncio
from typing import Any

from airmeet_async import RowResult, RowStatus, calls
from airmeet_async.bulk.input.operations import Ready
from airmeet_async.bulk.input.prepare import Intake
from airmeet_async.bulk.tables import SourceRow


class Asking:
    """A recipe that must ask for rows with a question."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()

    def make(self, data: Any) -> Ready | None:
        if data.endswith("?") and not self.answer.is_set():
            return None
        key = data.rstrip("?")
        return Ready(key, key, calls.block_attendee("e1", f"{key}@example.com"))

    async def learn(self) -> None:
        await self.answer.wait()


async def test_of_equal_rows_the_first_one_counts_also_if_it_takes_longer() -> None:
    recipe = Asking()
    intake = Intake(recipe)
    rows = [SourceRow(0, 2, "ada?"), SourceRow(1, 3, "ada"), SourceRow(2, 4, "bob")]

    early = [intake.at_once(row) for row in rows]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(intake.admit(row)) for row in rows]
        await asyncio.sleep(0)
        recipe.answer.set()
    first, second, third = (task.result() for task in tasks)

    assert early == [None, None, None]
    assert isinstance(first, Ready)
    assert isinstance(second, RowResult)
    assert (second.status, second.duplicate_of) == (RowStatus.DUPLICATE, 0)
    assert second.error is not None
    assert second.error.message.startswith("the same as line 2,")
    assert isinstance(third, Ready)
    assert isinstance(intake.at_once(SourceRow(3, 5, "cyd")), Ready)
