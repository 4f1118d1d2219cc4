"""The examples with shards as people run them: real processes, a real broker, a server that writes all down."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from airmeet_async import read_run
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.torture.people import EVENT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
ROWS = 60
_SECONDS = 120


@frozen
class Place:
    """A folder with a list, and a server."""

    folder: Path
    environ: dict[str, str]

    def run(self, *words: str, **more: str) -> str:
        """Run an example to its end, and return what it has printed."""
        command = [sys.executable, *words]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ | more,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def started(self, *words: str, **more: str) -> Iterator[None]:
        """Start processes of their own group, and end them."""
        with (self.folder / "workers.txt").open("wb") as said:
            process = subprocess.Popen(
                words, cwd=self.folder, env=self.environ | more, stdout=said, stderr=said, start_new_session=True
            )
            try:
                yield
            finally:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def truth(self) -> list[dict[str, Any]]:
        with (self.folder / "truth.jsonl").open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    tmp_path.chmod(0o700)
    with (tmp_path / "people.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[f"person-{n}@example.com", "Ada", f"Number {n}"] for n in range(ROWS)]
        csv.writer(file).writerows([["email", "first name", "last name"], *rows])
    words = [sys.executable, "-m", "tests.torture.truth_server", "--log", str(tmp_path / "truth.jsonl")]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT),
            "AIRMEET_URI": f"http://127.0.0.1:{port}/prod", "AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY,
            "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY, "RETRY_SECONDS": "1",
        }  # fmt: skip
        yield Place(tmp_path, environ)
        server.terminate()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """A Redis of this test's own."""
    if (program := shutil.which("redis-server")) is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


def check(place: Place, said: str, sign_ins: int = 2) -> None:
    adds = [line for line in place.truth() if line.get("kind") == "add"]
    assert f"{ROWS} of {ROWS} rows succeeded" in said
    assert Counter(line["key"] for line in adds) == Counter(f"person-{n}@example.com" for n in range(ROWS))
    # One of each who cut them, and one of all who sent them.
    assert sum(line.get("kind") == "auth" for line in place.truth()) <= sign_ins
    assert not list((place.folder / "shards").glob("*.job"))


def test_four_processes_of_a_pool(place: Place) -> None:
    check(place, place.run(str(ROOT / "examples/shards_multiprocessing.py"), EVENT, "people.csv"))


def cut_before(place: Place, folder: str, shards: int, workers: int) -> None:
    """Do what an example does before it sends, as one that was killed then."""
    place.run(
        "-c",
        f"""
from airmeet_async.sync import AirmeetClient
with AirmeetClient() as client:
    job = client.bulk.add_attendees({EVENT!r}, "people.csv", send_email_invite=False, journal="launch.job", rate=25)
    job.cut(into={folder!r}, shards={shards}, workers={workers})
""",
    )


def test_four_processes_of_a_pool_go_on_once_those_of_a_killed_command_have_ended(place: Place) -> None:
    cut_before(place, "launch-shards", 8, 4)
    holds = "import time; from pathlib import Path; from airmeet_async.bulk.journal.locking import JournalLock"
    holds += "; lock = JournalLock(Path('launch-shards/launch-0003.job')); time.sleep(8); lock.release()"

    with place.started(sys.executable, "-c", holds):
        time.sleep(2)
        said = place.run(str(ROOT / "examples/shards_multiprocessing.py"), EVENT, "people.csv")

    assert "is being sent" in said
    check(place, said, sign_ins=3)


@pytest.mark.parametrize("was_killed", [False, True])
def test_celery(place: Place, broker: str, *, was_killed: bool) -> None:
    if was_killed:
        cut_before(place, "shards", 16, 4)
    words = [sys.executable, "-m", "celery", "--app", "examples.shards_celery", "worker", "--concurrency", "2"]
    with place.started(*words, BROKER=broker):
        check(place, place.run("-m", "examples.shards_celery", EVENT, "people.csv", BROKER=broker))


@pytest.mark.parametrize("was_killed", [False, True])
def test_taskiq(place: Place, broker: str, *, was_killed: bool) -> None:
    if was_killed:
        cut_before(place, "shards", 16, 4)
    words = [sys.executable, "-m", "taskiq", "worker", "examples.shards_taskiq:broker", "--workers", "2"]
    with place.started(*words, BROKER=broker):
        check(place, place.run("-m", "examples.shards_taskiq", EVENT, "people.csv", BROKER=broker))


def test_celery_delivers_a_list_again_whose_process_was_killed(place: Place, broker: str) -> None:
    """The tasks of the page on Celery, on a real broker: `acks_late` alone does not do it."""
    page = (ROOT / "docs/how-to/celery.md").read_text(encoding="utf-8")
    tasks = page.split('```python title="tasks.py"\n')[1].split("```")[0]
    local = 'broker="memory://", backend="cache+memory://"'
    assert local in tasks
    (place.folder / "tasks.py").write_text(tasks.replace(local, f"broker={broker!r}, backend={broker!r}"))
    journal = place.folder / "journals" / "spring.job"
    send = f"from tasks import register_list; print(register_list.delay({EVENT!r}, 'people.csv', 'spring').get())"

    def kill_once() -> None:
        while (sum(line.get("kind") == "add" for line in place.truth()) if journal.exists() else 0) < 5:
            time.sleep(0.05)
        process = read_run(journal).process
        assert process is not None
        os.kill(process, signal.SIGKILL)

    path = os.pathsep.join([str(place.folder), str(ROOT)])
    worker = [sys.executable, "-m", "celery", "--app", "tasks", "worker", "--concurrency", "1"]
    with (
        place.started(*worker, PYTHONPATH=path),
        ThreadPoolExecutor(1) as threads,
    ):
        killed = threads.submit(kill_once)
        said = place.run("-c", send, PYTHONPATH=path)
        killed.result(1)

    assert f"'succeeded': {ROWS}" in said
    mails = Counter(line["key"] for line in place.truth() if line.get("invite") and line.get("applied"))
    assert set(mails.values()) == {1}
