"""Run a whole event: create it, add people and sessions, start and end it, and export its data.

In one shell, start the sandbox (a simulated Airmeet), which prints the lines to paste into the other shell:

    airmeet sandbox

In the other shell, paste these lines (or set your own keys, and AIRMEET_HOST to the address of a team member), and run:

    python examples/whole_event.py
"""

import asyncio
import json
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from airmeet_async import (
    AirmeetClient,
    Answer,
    Attendee,
    BulkReport,
    ClientEvent,
    NewAirmeet,
    NewBooth,
    NewSession,
    Speaker,
    Waiting,
)

HOST = os.environ.get("AIRMEET_HOST", "sam.host@example.com")
ZONE = "Europe/Paris"
START = datetime.now(ZoneInfo(ZONE)).replace(second=0, microsecond=0) + timedelta(hours=1)

SPEAKERS = [Speaker("ada@example.com", "Ada Lovelace"), Speaker("grace@example.com", "Grace Hopper")]
SESSIONS = [
    NewSession(
        title=f"{speaker.name} on engines",
        start=START + timedelta(minutes=30 * number),
        host_email=HOST,
        duration_minutes=30,
        speaker_emails=[speaker.email],
    )
    for number, speaker in enumerate(SPEAKERS)
]
PEOPLE = [Attendee(f"guest-{number}@example.com", "Guest", f"Number {number}") for number in range(100)]


async def main() -> None:
    async with AirmeetClient() as client:  # keys and address are in the environment
        airmeet_id = await create(client)
        await fill(client, airmeet_id)
        await client.airmeets.set_status(airmeet_id, "ONGOING")
        print("the event is running; ending it")
        await client.airmeets.set_status(airmeet_id, "FINISHED")
        await read_out(client.with_options(on_event=tell), airmeet_id)


async def create(client: AirmeetClient) -> str:
    """Create the event. This is never retried: an unclear outcome raises AmbiguousOutcomeError."""
    event = NewAirmeet(
        host_email=HOST,
        name="A day of engines",
        short_description="Talks, and a booth to look at one",
        start=START,
        end=START + timedelta(hours=2),
        timezone=ZONE,
    )
    created = await client.airmeets.create(event)
    print(f"created {created.id}")
    return created.id


async def fill(client: AirmeetClient, airmeet_id: str) -> None:
    """Add booths, speakers, sessions (which refer to their speakers), and attendees."""
    booths = [NewBooth(name="The engine room", exhibitors=["booth@example.com"])]
    check("booths", await client.bulk.create_booths(airmeet_id, booths))
    check("speakers", await client.bulk.add_speakers(airmeet_id, SPEAKERS))
    check("sessions", await client.bulk.create_sessions(airmeet_id, SESSIONS))
    check("people", await client.bulk.add_attendees(airmeet_id, PEOPLE, send_email_invite=False))


def check(what: str, report: BulkReport) -> None:
    """Print the outcome of a bulk run; a failed row is a result, not an exception."""
    print(f"{what}: {report.succeeded} of {report.rows_read}")
    for failure in report.failures:
        print(f"  {failure.n} x {failure.code}: {failure.message}")


async def read_out(client: AirmeetClient, airmeet_id: str) -> None:
    """Export attendance, poll answers and questions."""
    save("attendance.jsonl", await client.attendance.event(airmeet_id))
    save("polls.jsonl", await client.polls.list(airmeet_id))
    save("questions.jsonl", await client.questions.list(airmeet_id))


def save(name: str, rows: Iterable[Answer]) -> None:
    """Write rows as JSON lines: times in ISO 8601, with their zone."""
    lines = [json.dumps(row.as_dict()) for row in rows]
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{name}: {len(lines)} rows")


def tell(event: ClientEvent) -> None:
    """Print the reason for a wait: Airmeet generates some lists on request."""
    if isinstance(event, Waiting):
        print(f"{event.operation} is {event.cause}; asking again in {event.wait_s:.0f} s")


if __name__ == "__main__":
    asyncio.run(main())
