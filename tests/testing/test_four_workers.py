"""Four worker processes of a web server, on an Airmeet where a new token ends the old one."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from airmeet_async.testing import Sandbox

pytestmark = [pytest.mark.slow, pytest.mark.real_time]

ROOT = Path(__file__).parents[2]
PEOPLE, EXPIRIES, AT_ONCE, WORKERS = 1000, 4, 32, 4
APP = """
import os
from examples.fastapi_app.app import create_app as create_example

def create_app():
    app = create_example()

    @app.middleware("http")
    async def name_the_worker(request, call_next):
        reply = await call_next(request)
        reply.headers["x-worker"] = str(os.getpid())
        return reply

    return app
"""


@contextlib.contextmanager
def workers(folder: Path) -> Iterator[str]:
    """Run the example with uvicorn, and yield its address."""
    (folder / "named.py").write_text(APP)
    command = [sys.executable, "-m", "uvicorn", "--factory", "named:create_app", "--workers", str(WORKERS)]
    command += ["--port", "0", "--app-dir", str(folder), "--no-access-log"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = folder / "log"
    with log.open("w") as file, subprocess.Popen(command, stderr=file, stdout=file, env=environ) as process:
        try:
            address = None
            while address is None or log.read_text().count("startup complete") < WORKERS:
                assert process.poll() is None, log.read_text()
                address = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            yield address[0]
        finally:
            process.terminate()  # uvicorn ends its workers
            process.wait(30)


async def register(address: str, airmeet: Sandbox) -> tuple[Counter[int], Counter[str]]:
    """Register everybody, and end all tokens now and then; return the replies by status and by worker."""
    statuses: Counter[int] = Counter()
    pids: Counter[str] = Counter()
    numbers = iter(range(PEOPLE))

    async def sender() -> None:
        # A connection for each request, so that every worker gets some.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as web:
            for n in numbers:
                person = {"email": f"person-{n}@example.com", "first_name": "Ada", "last_name": "Lovelace"}
                reply = await web.post(f"/events/{airmeet.event_id}/people", json=person)
                statuses[reply.status_code] += 1
                pids[reply.headers["x-worker"]] += 1
                if statuses.total() % (PEOPLE // (EXPIRIES + 1)) == 0 and statuses.total() < PEOPLE:
                    airmeet.expire_tokens()

    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    return statuses, pids


@pytest.mark.timeout(180)
def test_a_thousand_of_a_thousand_with_one_sign_in_per_expiry(airmeet_server, tmp_path):
    """The token is shared in a file: no worker ends the token that another one uses."""
    airmeet_server.set("reauth_kills_old", True)
    with workers(tmp_path) as address:
        statuses, pids = asyncio.run(register(address, airmeet_server))
    sign_ins = airmeet_server.world.statistics().auths
    print(statuses, sorted(pids.values()), sign_ins)

    assert statuses == {200: PEOPLE}
    assert len(airmeet_server.registrations()) == PEOPLE
    assert len(pids) == WORKERS
    assert sign_ins == 1 + EXPIRIES
