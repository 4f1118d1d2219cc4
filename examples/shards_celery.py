"""Send a list with Celery workers, by shards.

    celery --app examples.shards_celery worker --concurrency 4
    python -m examples.shards_celery EVENT people.csv

Workers and this command share the folder of the shards. BROKER is a Redis; keys and address of Airmeet are in the
environment of the workers. With AIRMEET_REDIS, they share one token and one rate. If this command or a worker is ended,
the same command goes on.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery, chord

from airmeet_async import JournalError, read_run
from airmeet_async.cluster import ShardAnswer, run_shard
from airmeet_async.sync import AirmeetClient

BROKER = os.environ.get("BROKER", "redis://127.0.0.1:6379/0")
RETRY_SECONDS = float(os.environ.get("RETRY_SECONDS", "60"))

app = Celery("shards", broker=BROKER, backend=BROKER)
app.conf.update(
    broker_connection_retry_on_startup=True,
    # Longer than a shard takes: after that time it is delivered once more, and refused since the first one has it.
    broker_transport_options={"visibility_timeout": 6 * 3600},
    worker_prefetch_multiplier=1,
)


# A lost worker's shard comes again. The names: here the file may be __main__, in a worker it is a module.
@app.task(name="shards.send", bind=True, acks_late=True, reject_on_worker_lost=True, max_retries=None)  # type: ignore[untyped-decorator]
def send(self: Any, path: str) -> ShardAnswer:
    try:
        end = asyncio.run(run_shard(path))
    except JournalError as error:
        if not error.busy:
            raise
        raise self.retry(countdown=RETRY_SECONDS) from None
    if end["temporary"]:
        raise self.retry(countdown=RETRY_SECONDS)
    return end


@app.task(name="shards.join")  # type: ignore[untyped-decorator]
def join(journal: str) -> dict[str, Any]:
    with AirmeetClient() as client:
        return client.bulk.join(journal).as_dict()


def main(event: str, people: str) -> int:
    folder = Path.cwd()
    journal, shards = folder / "launch.job", folder / "shards"
    with AirmeetClient() as client:
        if journal.exists() and read_run(journal).state == "lent":  # this command was ended before: it goes on
            paths = client.bulk.cut(journal, into=shards, shards=16)
        else:
            job = client.bulk.add_attendees(event, people, send_email_invite=False, journal=journal, rate=25)
            paths = job.cut(into=shards, shards=16, workers=4)
    try:
        summary = chord([send.s(str(path)) for path in paths])(join.si(str(journal))).get()
    except Exception as error:  # noqa: BLE001 - of a worker: it has no keys, or cannot see the folder
        print(f"{type(error).__name__}: {error}", "Mend the workers and start this again: it goes on", sep="\n")
        return 1
    print(f"{summary['counts']['succeeded']} of {summary['rows']} rows succeeded")
    if not summary["is_complete"]:
        print("Not all shards are over. Start this again: it goes on")
    return 0 if summary["is_complete"] else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
