"""A real redis-server for the tests of a fleet."""

from collections.abc import Iterator

import pytest

from tests.support.redis_process import BINARY, SKIPPED, RedisProcess, redis_process


@pytest.fixture
def redis_server() -> Iterator[RedisProcess]:
    if BINARY is None:
        pytest.skip(SKIPPED)
    with redis_process() as server:
        yield server
