"""A journal whose rows are in shards, and a real redis-server for the tests of a fleet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.redis_process import BINARY, SKIPPED, RedisProcess, redis_process
from tests.support.worlds import EVENT, client_of, people


@pytest.fixture
def redis_server() -> Iterator[RedisProcess]:
    if BINARY is None:
        pytest.skip(SKIPPED)
    with redis_process() as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "launch.job"


async def cut(transport: Any, path: Path, n: int, shards: int, **options: Any) -> list[Path]:
    """Prepare so many people, and put them into shards."""
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, list(people(n)), send_email_invite=False, journal=path)
        await job.prepare()
        return await client.bulk.cut(path, into=path.parent / "shards", shards=shards, **options)
