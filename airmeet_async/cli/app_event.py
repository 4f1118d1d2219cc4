"""The commands about an event as a whole: their options and their help. `app` has the first ones."""

import os
from typing import Literal

from cyclopts import App

from airmeet_async.cli.app import app
from airmeet_async.cli.app_options import Flag
from airmeet_async.cli.console import Voice

Status = Literal["ONGOING", "PAUSED", "FINISHED", "ARCHIVE"]

event = App(
    name="event",
    help="""Show an event, create one, start and end one.

    For example:
      airmeet event show 8f0c1a2e-5b01-11ee
      airmeet event status 8f0c1a2e-5b01-11ee FINISHED
    """,
    help_format="plaintext",
    sort_key=6,
)
app.command(event)


@event.command(sort_key=0)
def show(airmeet_id: str, /, *, json: Flag = False) -> int:
    """Show an event and its sessions.

    For example:
      airmeet event show 8f0c1a2e-5b01-11ee
      airmeet event show 8f0c1a2e-5b01-11ee --json

    Args:
        airmeet_id: The event's id.
        json: Print one JSON object.
    """
    from airmeet_async.cli.commands.event import show as start

    return start(airmeet_id, os.environ, Voice(), as_json=json)


@event.command(sort_key=1)
def create(*, host: str, name: str, summary: str, start: str, end: str, timezone: str, json: Flag = False) -> int:
    r"""Create an event and print its id.

    Without a clear answer the event may be there all the same, and it is not tried
    again (exit code 1): look at airmeet events first.

    For example:
      airmeet event create --host sam@example.com --name "Spring Summit" \
        --summary "One day of talks" --timezone Europe/Paris \
        --start "2027-03-01 10:00" --end "2027-03-01 18:00"

    Args:
        host: E-mail of the host, a member of the community's team.
        name: Its title.
        summary: A sentence or two.
        start: Like "2027-03-01 10:00" in the event's time zone, or 2027-03-01T10:00+01:00.
        end: The same.
        timezone: A name such as Europe/Paris. Airmeet does not have all.
        json: Print one JSON object: id and status.
    """
    from airmeet_async.cli.commands.event import Plan
    from airmeet_async.cli.commands.event import create as go

    plan = Plan(host=host, name=name, summary=summary, start=start, end=end, timezone=timezone)
    return go(plan, os.environ, Voice(), as_json=json)


@event.command(sort_key=2)
def status(airmeet_id: str, status: Status, /, *, json: Flag = False) -> int:
    """Start, pause, end or archive an event.

    Attendance, polls and the like are there once it is FINISHED. An event in the
    archive is not listed any more.

    For example:
      airmeet event status 8f0c1a2e-5b01-11ee ONGOING
      airmeet event status 8f0c1a2e-5b01-11ee FINISHED

    Args:
        airmeet_id: The event's id.
        status: What it is to be.
        json: Print one JSON object: id, status, updated.
    """
    from airmeet_async.cli.commands.event import set_status

    return set_status(airmeet_id, status, os.environ, Voice(), as_json=json)
