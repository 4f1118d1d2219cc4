"""Send a list with taskiq workers, by shards.

    taskiq worker examples.shards_taskiq:broker --workers 4
    python -m examples.shards_taskiq EVENT people.csv

Workers and this command share the folder of the shards. BROKER is a Redis; keys and address of Airmeet are in the
environment of the workers. If this command or a worker is ended, the same command goes on.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskiq import SimpleRetryMiddleware
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from airmeet_async import AirmeetClient, read_run
from airmeet_async.cluster import run_shard

BROKER = os.environ.get("BROKER", "redis://127.0.0.1:6379/0")

# A stream keeps a task until it is acknowledged: what a lost worker had comes again.
broker = (
    RedisStreamBroker(BROKER)
    .with_result_backend(RedisAsyncResultBackend[Any](BROKER, result_ex_time=24 * 3600))
    .with_middlewares(SimpleRetryMiddleware(default_retry_count=20))
)


# Named: here the file may be __main__, in a worker it is a module. A shard that another worker has is tried again.
@broker.task(task_name="shards.send", retry_on_error=True)
async def send(path: str) -> Mapping[str, Any]:
    while True:
        end = await run_shard(path)
        if not end["temporary"]:
            return end
        await asyncio.sleep(60)


async def main(event: str, people: str) -> int:
    folder = Path.cwd()
    journal = folder / "launch.job"
    await broker.startup()
    async with AirmeetClient() as client:
        if journal.exists() and read_run(journal).state == "lent":  # this command was ended before: it goes on
            paths = await client.bulk.cut(journal, into=folder / "shards", shards=16)
        else:
            job = client.bulk.add_attendees(event, people, send_email_invite=False, journal=journal, rate=25)
            paths = await job.cut(into=folder / "shards", shards=16, workers=4)
        tasks = [await send.kiq(str(path)) for path in paths]
        for task in tasks:
            if (ended := await task.wait_result(timeout=-1)).is_err:
                print(f"{type(ended.error).__name__}: {ended.error}")
        summary = await client.bulk.join(journal)
    await broker.shutdown()
    print(f"{summary.counts['succeeded']} of {summary.rows} rows succeeded")
    if not summary.is_complete:
        print("Not all shards are over. Mend the workers if they said why, and start this again: it goes on")
    return 0 if summary.is_complete else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:3])))
