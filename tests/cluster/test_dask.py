"""Runs on a real Dask cluster of this machine."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airmeet_async.cluster import OnDask
from airmeet_async.errors import ConfigError
from tests.support.redis_process import BINARY, SKIPPED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("more", ["--invite", "--redis"])
def test_workers_are_killed_and_retired_and_nobody_is_lost_or_mailed_twice(more: str) -> None:
    if more == "--redis" and BINARY is None:
        pytest.skip(SKIPPED)
    words = f"--rows 1000 --shards 8 --kills 1 --retire 1 --rate 150 --rate-limit 160 {more}"
    command = [sys.executable, "-m", "tests.torture.fleet", *words.split()]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)

    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["lost"], found["mails_twice"], found["wrong"]) == (0, 0, [])
    assert found["answered_twice"] <= found["bound"]
    assert found["auth"] == (1 if more == "--redis" else 2)  # else one of whoever cut, and one of all who sent


_REFUSED = """
import asyncio, os, sys
from pathlib import Path
import distributed
from airmeet_async.cluster import OnDask
from airmeet_async.errors import ConfigError

async def ask(cluster, folder):
    on = OnDask(cluster, folder=folder)
    try:
        print(await on.open(Path(folder)))
    except ConfigError as error:
        print(error)
    finally:
        await on.aclose()

if __name__ == "__main__":
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        asyncio.run(ask(cluster, sys.argv[1]))
        cluster.scale(0)
        asyncio.run(ask(cluster.scheduler_address, sys.argv[1]))
"""


@pytest.mark.parametrize("has_keys", [True, False])
def test_workers_that_cannot_send_are_found_before_anything_is_cut(tmp_path: Path, *, has_keys: bool) -> None:
    (tmp_path / "ask.py").write_text(_REFUSED)
    keys = {"AIRMEET_ACCESS_KEY": "a", "AIRMEET_SECRET_KEY": "b"} if has_keys else {}
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), **keys}

    command = [sys.executable, str(tmp_path / "ask.py"), str(tmp_path / "shards")]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    first, *rest = done.stdout.splitlines()
    assert first == "2" if has_keys else "has no keys" in first
    assert any("has no workers" in line or line == "2" for line in rest)  # a worker may take a moment to go
    assert not [path for path in (tmp_path / "shards").iterdir() if path.suffix == ".seen"]


def test_a_scheduler_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def ask() -> None:
        on = OnDask("tcp://127.0.0.1:9", folder=tmp_path)
        try:
            await on.open(tmp_path)
        finally:
            await on.aclose()

    with pytest.raises(ConfigError, match=r"tcp://127.0.0.1:9: there is no Dask scheduler"):
        asyncio.run(ask())
