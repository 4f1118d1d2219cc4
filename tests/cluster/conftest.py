"""A place for a journal, and a journal whose rows are prepared."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.worlds import EVENT, client_of, people


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "launch.job"


async def cut(transport: Any, path: Path, n: int, shards: int, **options: Any) -> list[Path]:
    """Prepare so many people, and put them into shards."""
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, list(people(n)), send_email_invite=False, journal=path)
        await job.prepare()
        return await client.bulk.cut(path, into=path.parent / "shards", shards=shards, **options)
