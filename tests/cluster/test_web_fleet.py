"""Web workers and a Celery worker on one fleet, small; ``python -m tests.torture.web_fleet`` is the larger one."""

from pathlib import Path

import pytest

from tests.support.redis_process import BINARY, SKIPPED
from tests.torture.web_fleet import arguments, is_wrong, run


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(BINARY is None, reason=SKIPPED)
def test_four_uvicorn_workers_and_a_celery_worker_have_one_token_and_one_rate(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    words = arguments(["--people", "300", "--rows", "60", "--rate", "30", "--timeout", "120"])

    found = run(tmp_path, words)

    assert not is_wrong(found, words.rate), found
    assert (found["auth"], found["lost"], found["twice"], found["web_codes"]) == (1, 0, 0, {200: 300})
