"""Send a list with four processes of this machine, by shards.

    python examples/shards_multiprocessing.py EVENT people.csv

Keys and address come from the environment (AIRMEET_ACCESS_KEY, AIRMEET_SECRET_KEY, AIRMEET_URI). The list, the run and
the shards stay here if this is killed: the same command goes on, once the processes of the killed one have ended.
"""

import asyncio
import sys
from multiprocessing import get_context
from pathlib import Path

from airmeet_async import AirmeetClient, JournalError
from airmeet_async.cluster import JoinSummary, ShardAnswer, run_shard

JOURNAL = Path("launch.job")
SHARDS = Path("launch-shards")


def send(path: str) -> ShardAnswer:
    return asyncio.run(run_shard(path))


async def take_back(client: AirmeetClient) -> None:
    while True:
        try:
            await client.bulk.join(JOURNAL, take_back=True)
        except JournalError as error:
            if not error.busy:
                raise
            print(error)  # its processes outlive a parent that is killed, and end the shards that they have
            await asyncio.sleep(2)
        else:
            return


async def cut(event: str, people: str, *, is_known: bool) -> list[Path]:
    async with AirmeetClient() as client:
        if is_known:  # it was killed: what was done is not done again
            await take_back(client)
        job = client.bulk.add_attendees(event, people, send_email_invite=False, journal=JOURNAL, rate=25)
        plan = await job.prepare()
        print("\n".join(plan.lines()))
        return await job.cut(into=SHARDS, shards=8, workers=4)


async def join() -> JoinSummary:
    async with AirmeetClient() as client:
        return await client.bulk.join(JOURNAL, take_back=True)


def main(event: str, people: str) -> int:
    paths = asyncio.run(cut(event, people, is_known=JOURNAL.exists()))
    # Not forked: an open journal and its connections belong to one process.
    with get_context("spawn").Pool(4) as pool:
        for end in pool.imap_unordered(send, map(str, paths)):
            print(f"{end['shard']}: {end['counts']}, {end['stop_reason'] or 'finished'}")
    summary = asyncio.run(join())
    print(f"{summary.counts['succeeded']} of {summary.rows} rows succeeded")
    return 0 if summary.stop_reason is None else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
