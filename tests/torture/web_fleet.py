"""Web workers and a Celery worker on one fleet, against a server where a new token ends the one before.

``python -m tests.torture.web_fleet --people 3000 --rows 1000 --rate 60`` starts the examples ``fastapi_app`` with four
uvicorn workers and ``shards_celery`` with one worker, all with the same Redis, sends people to the web workers one by
one while a list is sent in shards, and prints what the server saw as JSON. It fails if somebody is not registered, if
there was more than one sign-in, or if all together were faster than their rate.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.redis_process import redis_process
from tests.torture.people import EVENT, Shares, write_people

_ROOT = Path(__file__).parents[2]
_WEB_WORKERS = 4
_ASKING = 40  # requests to the web workers at once
_START_SECONDS = 60


@contextmanager
def _started(folder: Path, environ: dict[str, str], *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a program, and end it; what it says goes to a file."""
    with (folder / f"{words[0]}.txt").open("ab") as said:
        command = [sys.executable, "-m", *words]
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=said, stderr=said)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _ask_web_workers(address: str, number: int) -> Counter[int]:
    """Register so many people, one by one, and return the answers' status codes."""
    codes: Counter[int] = Counter()
    left = iter(range(number))

    async def work() -> None:
        # No kept connections: the kernel spreads new ones over the workers.
        async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_keepalive_connections=0)) as http:
            for n in left:
                person = {"email": f"web-{n}@example.com", "first_name": "Ada", "last_name": f"Number {n}"}
                reply = await http.post(f"{address}/events/{EVENT}/people", json=person)
                codes[reply.status_code] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(_ASKING):
            group.create_task(work())
    return codes


async def _wait_for_web_workers(address: str) -> None:
    until = time.monotonic() + _START_SECONDS
    async with httpx.AsyncClient() as http:
        while True:
            try:
                await http.get(f"{address}/imports/none/events")
            except httpx.TransportError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.2)
            else:
                return


def run(folder: Path, words: argparse.Namespace) -> dict[str, Any]:
    """Run all of it in *folder*, and return what happened."""
    rows = write_people(folder / "people.csv", words.rows, 1, Shares(duplicates=0, invalid=0, rejects=0))
    log = folder / "truth.jsonl"
    with ExitStack() as stack:
        redis = stack.enter_context(redis_process())
        command = [sys.executable, "-m", "tests.torture.truth_server", "--log", str(log), "--one-token"]
        command += ["--latency", "0.02", "--rate-limit", str(words.rate * 1.1)]
        server = stack.enter_context(subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True))
        stack.callback(server.terminate)
        assert server.stdout is not None
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(_ROOT), "RETRY_SECONDS": "1",
            "AIRMEET_URI": f"http://127.0.0.1:{server.stdout.readline().strip()}/prod",
            "AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY, "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY,
            "AIRMEET_REDIS": redis.url, "AIRMEET_RATE": str(words.rate), "AIRMEET_WORKERS": str(_WEB_WORKERS + 1),
            "BROKER": redis.url.removesuffix("/0") + "/1",
        }  # fmt: skip
        web = ("--factory", "examples.fastapi_app.app:create_app", "--workers", str(_WEB_WORKERS))
        port = _free_port()
        stack.enter_context(_started(folder, environ, "uvicorn", *web, "--port", str(port), "--log-level", "warning"))
        worker = ("--app", "examples.shards_celery", "worker", "--concurrency", "1")
        stack.enter_context(_started(folder, environ, "celery", *worker))
        address = f"http://127.0.0.1:{port}"
        asyncio.run(_wait_for_web_workers(address))
        sender = stack.enter_context(_started(folder, environ, "examples.shards_celery", EVENT, "people.csv"))
        codes = asyncio.run(_ask_web_workers(address, words.people))
        ended = sender.wait(words.timeout)
    return _judge(log, rows, codes, words) | {"celery": ended}


def _judge(log: Path, rows: Any, codes: Counter[int], words: argparse.Namespace) -> dict[str, Any]:
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    adds = [line for line in lines if line.get("kind") == "add"]
    applied = Counter(line["key"] for line in adds if line["applied"])
    wanted = {row.key for row in rows} | {f"web-{n}@example.com" for n in range(words.people)}
    web = sorted(line["t_recv"] for line in adds if line["key"].startswith("web-"))
    bulk = sorted(line["t_recv"] for line in adds if not line["key"].startswith("web-"))
    # While both sent: the second half of the shorter one is left out, where one of them comes to its end.
    begin, end = max(web[0], bulk[0]) + 1, min(web[-1], bulk[-1]) - 1
    requests = sorted(line["t_recv"] for line in lines if "t_recv" in line and line.get("kind") != "auth")
    together = [moment for moment in requests if begin <= moment < end]  # the web also asks who is there
    seconds = max(0.001, end - begin)
    worst = max(
        (sum(at <= other < at + 1 for other in together[n : n + 500]) for n, at in enumerate(together)), default=0
    )
    rate_of = {
        name: round(sum(begin <= moment < end for moment in found) / seconds, 1)
        for name, found in (("web", web), ("celery", bulk))
    }
    return {
        "auth": sum(line.get("kind") == "auth" for line in lines),
        "tokens_refused": sum(line.get("status") == 412 for line in lines),
        "lost": len(wanted - applied.keys()), "twice": sum(n > 1 for n in applied.values()),
        "throttled": sum(line["status"] == 429 for line in adds), "adds": len(adds),
        "seconds_together": round(seconds, 1), "rate": round(len(together) / seconds, 1), "rates": rate_of,
        "worst_second": worst, "web_codes": dict(codes),
    }  # fmt: skip


def is_wrong(found: dict[str, Any], rate: float) -> bool:
    is_one_rate = found["rate"] <= 1.03 * rate and found["worst_second"] <= 1.15 * rate + 2
    return bool(found["auth"] != 1 or found["lost"] or found["twice"] or found["celery"] or not is_one_rate)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--people", type=int, default=3000)
    words.add_argument("--rows", type=int, default=1000)
    words.add_argument("--rate", type=float, default=60.0)
    words.add_argument("--timeout", type=float, default=600.0)
    return words.parse_args(given)


def main() -> int:
    words = arguments()
    with tempfile.TemporaryDirectory() as name:
        found = run(Path(name), words)
    print(json.dumps(found))
    return int(is_wrong(found, words.rate))


if __name__ == "__main__":
    sys.exit(main())
