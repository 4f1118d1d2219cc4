"""Runs on a real Dask cluster of this machine."""

import asyncio
import csv
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from airmeet_async.cluster import OnDask
from airmeet_async.errors import ConfigError
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.redis_process import BINARY, SKIPPED
from tests.torture.people import EVENT

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
from airmeet_async.client.token_store import account_name
from airmeet_async.cluster import OnDask
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import base_of
from airmeet_async.protocol.redact import Secret

async def ask(cluster, folder):
    on = OnDask(cluster, folder=folder)
    try:
        print(await on.open(Path(folder), base=base_of("global"), keys=account_name("", Secret("a"), Secret("b"))))
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


def test_a_scheduler_that_is_not_there_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> None:
        on = OnDask("tcp://127.0.0.1:9", folder=tmp_path)
        try:
            await on.open(tmp_path, base="", keys="")
        finally:
            await on.aclose()

    with pytest.raises(ConfigError, match=r"tcp://127.0.0.1:9: there is no Dask scheduler"):
        asyncio.run(ask())

    assert "no Dask scheduler answers yet" in caplog.text


_CLUSTER = """
import sys
import distributed

if __name__ == "__main__":
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.readline()
"""


def test_the_command_line_sends_a_list_on_a_cluster_and_writes_its_files_as_ever(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "cluster.py").write_text(_CLUSTER)
    lists = {"good.csv": [f"person-{n}@example.com" for n in range(120)]}
    lists["bad.csv"] = [f"other-{n}{'+reject' if n == 40 else ''}@example.com" for n in range(60)]
    for name, people in lists.items():
        lines = "".join(f"{email},Ada,Number {n}\n" for n, email in enumerate(people))
        (tmp_path / name).write_text(f"email,first name,last name\n{lines}")
    log = tmp_path / "truth.jsonl"
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    environ |= {"AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY, "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY}
    truth = [sys.executable, "-m", "tests.torture.truth_server", "--log", str(log)]
    with ExitStack() as stack:
        server = stack.enter_context(subprocess.Popen(truth, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        stack.callback(server.terminate)
        assert server.stdout is not None
        environ["AIRMEET_URI"] = f"http://127.0.0.1:{server.stdout.readline().strip()}/prod"
        cluster = stack.enter_context(
            subprocess.Popen(
                [sys.executable, str(tmp_path / "cluster.py")],
                env=environ, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        assert cluster.stdin is not None and cluster.stdout is not None  # noqa: PT018
        address = cluster.stdout.readline().strip()
        flags = f"--no-invite --dask {address} --folder shards --rate 100 --progress none --failed left.csv".split()
        good, bad = (
            subprocess.run(
                [sys.executable, "-m", "airmeet_async", "register", EVENT, name, *flags],
                env=environ, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
            )
            for name in lists
        )  # fmt: skip
        cluster.stdin.write("\n")
        cluster.stdin.flush()

    assert good.returncode == 0, good.stderr
    assert bad.returncode == 3, bad.stderr
    assert "120 of 120 added" in good.stderr
    assert "left.csv" not in good.stderr
    for name, people in lists.items():
        with (tmp_path / name.replace(".csv", "-results.csv")).open(newline="", encoding="utf-8-sig") as file:
            assert [row["email"] for row in csv.DictReader(file)] == people
    with (tmp_path / "left.csv").open(newline="", encoding="utf-8-sig") as file:
        assert [row["email"] for row in csv.DictReader(file)] == ["other-40+reject@example.com"]
    adds = [json.loads(line) for line in log.read_text().splitlines()]
    assert len([line for line in adds if line.get("applied")]) == 179
    assert not list((tmp_path / "shards").glob("*.job"))


_LATE = """
import asyncio, logging, os, subprocess, sys
from pathlib import Path
import distributed
from airmeet_async import AirmeetClient, Attendee
from airmeet_async.cluster import OnDask

OTHER = []
logging.basicConfig(level=logging.WARNING)

async def start_other(scheduler, lacks):
    environ = dict(os.environ)
    environ["AIRMEET_URI"] = "http://127.0.0.1:9/prod"  # whatever it sends would go there, and end the run
    if lacks == "keys":
        del environ["AIRMEET_ACCESS_KEY"]
    elif lacks == "version":
        environ["PYTHONPATH"] = "old" + os.pathsep + environ["PYTHONPATH"]
    else:
        environ["PYTHONPATH"] = "block"
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler, "--no-dashboard"]
    command += ["--nthreads", "2", "--host", "127.0.0.1"]
    OTHER.append(subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    async with distributed.Client(scheduler, asynchronous=True, set_as_default=False) as client:
        while len(await client.nthreads()) < 2:
            await asyncio.sleep(0.05)

class Late(OnDask):
    async def open(self, folder, **words):
        places = await super().open(folder, **words)
        await start_other(self._cluster, sys.argv[3])
        return places

async def main(scheduler):
    when, event, lacks = sys.argv[1:]
    if when == "early":
        await start_other(scheduler, lacks)
    people = [Attendee(f"person-{n}@example.com", "Ada", "King") for n in range(60)]
    on = (Late if when == "late" else OnDask)(scheduler, folder="shards", shards=6)
    async with AirmeetClient() as client:
        report = await client.bulk.add_attendees(event, people, send_email_invite=False, journal="launch.job", on=on)
    print(report.stop_reason, report.succeeded)

if __name__ == "__main__":
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        try:
            asyncio.run(main(cluster.scheduler_address))
        finally:
            for process in OTHER:
                process.terminate()
                process.wait()
"""


@pytest.mark.parametrize(
    ("when", "lacks", "said"),
    [
        ("early", "package", "cannot use airmeet-async"),
        ("late", "package", ""),  # Dask itself ends a worker that cannot read its task
        ("late", "version", "has airmeet-async 0.1.9, not "),
        ("late", "keys", "has no keys"),
    ],
)
def test_a_worker_that_cannot_send_is_refused_at_first_and_gets_no_more_tasks_later(
    tmp_path: Path, when: str, lacks: str, said: str
) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "late.py").write_text(_LATE)
    (tmp_path / "block" / "airmeet_async").mkdir(parents=True)
    (tmp_path / "block" / "airmeet_async" / "__init__.py").write_text("raise ImportError('none here')\n")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "sitecustomize.py").write_text(
        "import airmeet_async.version\nairmeet_async.version.__version__ = '0.1.9'\n"
    )
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    environ |= {"AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY, "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY}
    truth = [sys.executable, "-m", "tests.torture.truth_server", "--log", str(tmp_path / "truth.jsonl")]
    with subprocess.Popen(truth, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        environ["AIRMEET_URI"] = f"http://127.0.0.1:{server.stdout.readline().strip()}/prod"
        try:
            done = subprocess.run(
                [sys.executable, "late.py", when, EVENT, lacks],
                env=environ, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
        finally:
            server.terminate()

    assert said in done.stderr, done.stderr
    assert done.stdout == ("" if when == "early" else "None 60\n"), done.stderr
    assert done.stderr.count("it gets no shards of this run") == (1 if when == "late" and said else 0), done.stderr
