"""A process of a fleet: it signs in, says so, waits for a line, and adds people one by one.

Arguments: the address of Airmeet, its number, how many people. ``AIRMEET_REDIS`` is the address of Redis.
"""

import asyncio
import os
import sys
from typing import Any

from airmeet_async import AirmeetClient, Attendee
from airmeet_async.cluster.redis_tokens import RedisTokenStore
from tests.support.worlds import EVENT

KEYS: dict[str, Any] = {"access_key": "a" * 32, "secret_key": "s" * 32}
LEASE = 1.0


async def main(base: str, number: str, n: int) -> None:
    store = RedisTokenStore(os.environ["AIRMEET_REDIS"], lease=LEASE)
    async with AirmeetClient(**KEYS, base_url=base, token_store=store, transport="httpx") as client:
        _ = await client.token.get()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for one in range(n):
            await client.attendees.add(
                EVENT, Attendee(f"{number}-{one}@example.com", "Ada", "King"), send_email_invite=False
            )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
