"""A run on a Dask cluster of this machine whose workers are killed and retired, against a server that writes all down.

``python -m tests.torture.fleet --rows 100000 --shards 64 --kills 2 --retire 1 --rate 200 --rate-limit 210`` prints what
happened as JSON, and fails if a row was lost, or was sent more often than the kills allow.
"""

import argparse
import asyncio
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from airmeet_async import AirmeetClient
from airmeet_async.bulk.journal.queries import read_results, read_summary
from airmeet_async.bulk.report import RowStatus
from airmeet_async.cluster import OnDask
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.redis_process import redis_process
from tests.torture.people import EVENT, Shares, write_people

_WORKERS = 4


def _serve(folder: Path, words: argparse.Namespace) -> tuple["subprocess.Popen[str]", str]:
    command = [sys.executable, "-m", "tests.torture.truth_server", "--log", str(folder / "truth.jsonl")]
    command += ["--latency", str(words.latency)]
    if words.rate_limit:
        command += ["--rate-limit", str(words.rate_limit)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, f"http://127.0.0.1:{server.stdout.readline().strip()}/prod"


def _truth(folder: Path) -> list[dict[str, Any]]:
    with (folder / "truth.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


async def _harass(cluster: Any, job: Any, words: argparse.Namespace, draw: random.Random) -> list[str]:
    """Kill and retire workers when so much of the run is done; return what was done to them."""
    import distributed

    said = []
    async with distributed.Client(cluster.scheduler_address, asynchronous=True, set_as_default=False) as client:
        whats = ["kill"] * words.kills + ["retire"] * words.retire
        for n, what in enumerate(whats, 1):
            while job.report.succeeded < words.rows * n / (len(whats) + 2):  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.1)
            pids = await client.run(os.getpid, on_error="ignore")  # one may have died just now
            worker, pid = draw.choice(sorted(pids.items()))
            if what == "kill":
                os.kill(pid, signal.SIGKILL)
            else:
                await client.retire_workers([worker])
            said.append(f"{what} at {job.report.succeeded}")
    return said


async def _run(cluster: Any, folder: Path, words: argparse.Namespace) -> dict[str, Any]:
    journal = folder / "launch.job"
    draw = random.Random(words.seed)
    rows = write_people(folder / "people.csv", words.rows, words.seed, Shares(), invite=words.invite)
    began = time.monotonic()
    async with AirmeetClient() as client:
        job = client.bulk.add_attendees(EVENT, folder / "people.csv", send_email_invite=words.invite, journal=journal)
        await job.prepare()
        prepared = time.monotonic()
        on = OnDask(cluster, folder=folder / "shards", shards=words.shards)
        # As a journal that was prepared earlier, so with add_attendees once more: its list is known.
        job = client.bulk.add_attendees(
            EVENT, folder / "people.csv", send_email_invite=words.invite, journal=journal, on=on,
            rate="auto" if words.redis else words.rate,
        )  # fmt: skip
        async with job:
            harassing = asyncio.create_task(_harass(cluster, job, words, draw))
            results = [result async for result in job]
            if not harassing.done():
                harassing.cancel()
            said = harassing.result() if harassing.done() and not harassing.cancelled() else ["the run was quicker"]
        report = job.report
    return _judge(folder, rows, results, report, words) | {
        "prepare_s": round(prepared - began, 1), "run_s": round(time.monotonic() - prepared, 1), "events": said,
    }  # fmt: skip


def _judge(folder: Path, rows: Any, results: Any, report: Any, words: argparse.Namespace) -> dict[str, Any]:
    truth = _truth(folder)
    adds = [line for line in truth if line.get("kind") == "add"]
    applied = Counter(line["key"].lower() for line in adds if line["applied"])
    answered = Counter(line["key"].lower() for line in adds if line["status"] == 200)
    mails = Counter(line["key"].lower() for line in adds if line["applied"] and line["invite"])
    throttled = sum(line["status"] == 429 for line in adds)
    wanted = {row.key.lower() for row in rows if row.part == "plain"}
    with (folder / "people.csv").open(newline="", encoding="utf-8") as file:
        keys = [row[0] for row in csv.reader(file)][1:]
    found = {
        "rows": len(rows), "lost": len(wanted - applied.keys()),
        "answered_twice": sum(n > 1 for n in answered.values()),
        "bound": words.kills * max(1, 64 // _WORKERS), "mails_twice": sum(n > 1 for n in mails.values()),
        "auth": sum(line.get("kind") == "auth" for line in truth), "throttled": round(throttled / max(1, len(adds)), 4),
        "in_order": [result.index for result in results] == list(range(len(rows)))
        and [result.key.lower() for result in results] == [key.lower() for key in keys],
        "counts": {status.value: n for status, n in report.counts.items() if n},
        "stop": report.stop_reason, "attempts": report.attempts, "rate_mean": round(report.rate_mean, 1),
    }  # fmt: skip
    same = [(result.index, result.status) for result in read_results(folder / "launch.job")]
    wrong = [
        name
        for name, is_wrong in {
            "lost": found["lost"], "twice": found["answered_twice"] > found["bound"], "mails": found["mails_twice"],
            "order": not found["in_order"], "stop": report.stop_reason is not None,
            "results": same != [(result.index, result.status) for result in results],
            "counts": sum(report.counts.values()) != len(rows),
            "unknown": report.counts[RowStatus.UNKNOWN] and not words.invite,
            "lent": read_summary(folder / "launch.job").facts.get("lent") is not None,
            "shards": any((folder / "shards").glob("*.job")),
        }.items()
        if is_wrong
    ]  # fmt: skip
    return found | {"wrong": wrong}


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rows", type=int, default=100_000)
    words.add_argument("--shards", type=int, default=64)
    words.add_argument("--kills", type=int, default=2)
    words.add_argument("--retire", type=int, default=1)
    words.add_argument("--rate", type=float, default=200.0)
    words.add_argument("--rate-limit", type=float)
    words.add_argument("--latency", type=float, default=0.02)
    words.add_argument("--invite", action="store_true")
    words.add_argument("--redis", action="store_true", help="share token and rate in a Redis of its own")
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    import distributed

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server, address = _serve(folder, given)
        os.environ |= {
            "AIRMEET_URI": address, "AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY, "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY
        }  # fmt: skip
        try:
            with ExitStack() as stack:
                if given.redis:
                    os.environ["AIRMEET_REDIS"] = stack.enter_context(redis_process()).url
                    os.environ["AIRMEET_RATE"] = str(given.rate)
                local = distributed.LocalCluster(
                    n_workers=_WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
                )
                found = asyncio.run(_run(stack.enter_context(local), folder, given))
        finally:
            server.terminate()
            server.wait()
    print(json.dumps(found))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
