"""How many transactions a run takes. Each waits for the disk, which here takes as long as a test says."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.bulk_runs import add_journaled
from tests.support.disk import DiskLoop, disk
from tests.support.worlds import people, transport_of


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": DiskLoop}


@pytest.mark.parametrize(
    ("invite", "seconds"),
    [
        (False, 0.0),
        (False, 0.01),
        (False, 0.05),
        (False, 0.2),
        (True, 0.0),
        (True, 0.01),
        (True, 0.05),
        (True, 0.2),
    ],
)
async def test_many_rows_share_a_transaction(path: Path, invite: bool, seconds: float) -> None:
    """Whatever the disk takes, and also where each row has an intent of its own."""
    steps = Counter[str]()
    disk().before = lambda name: steps.update([name])
    disk().seconds = seconds

    report = await add_journaled(
        transport_of(latency=0.05), list(people(400)), path, max_in_flight=64, send_email_invite=invite
    )

    assert report.all_done
    assert steps["transact"] <= 50
