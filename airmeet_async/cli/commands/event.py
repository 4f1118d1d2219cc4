"""``airmeet event``: show an event, make one, start and end one."""

from typing import TYPE_CHECKING, Literal

from cyclopts import App

from airmeet_async.cli.console import Console, print_data, print_json
from airmeet_async.cli.environment import with_client
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.options import Flag
from airmeet_async.errors import ConfigError, InvalidInputError

if TYPE_CHECKING:
    from airmeet_async import AirmeetInfo

event: App = App(
    name="event",
    help="""Show, create, start or end an event.

    For example:
      airmeet event show 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02
      airmeet event status 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 FINISHED
    """,
    help_format="plaintext",
)


@event.command(sort_key=0)
def show(airmeet_id: str, /, *, json: Flag = False) -> int:
    """Show an event and its sessions.

    For example:
      airmeet event show 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02
      airmeet event show 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 --json

    Args:
        airmeet_id: The event's id.
        json: Print one JSON object.
    """
    from airmeet_async import calls
    from airmeet_async.cli.list_formats import EVENT, json_value

    call = calls.get_airmeet(airmeet_id)
    info = with_client(Console(), lambda client: client.send(call))
    if json:
        print_json(json_value(next(EVENT.rows(info))))
    else:
        print_data("\n".join(event_lines(info)))
    return Exit.OK


def event_lines(info: "AirmeetInfo") -> list[str]:
    """Return an event for people: its facts, and a table of its sessions."""
    from airmeet_async.cli.list_formats import EVENT, SESSIONS, fact_lines, shown_value, table_lines

    facts = {**next(EVENT.rows(info)), "sessions": len(info.sessions)}
    lines = fact_lines((name, shown_value(facts[name])) for name in EVENT.shown)
    form = SESSIONS
    rows = [row for session in info.sessions for row in form.rows(session)]
    return lines + (["", *table_lines(form.table(rows))] if rows else [])


@event.command(sort_key=1)
def create(*, host: str, name: str, summary: str, start: str, end: str, timezone: str, json: Flag = False) -> int:
    r"""Create an event and print its id.

    If Airmeet gives no clear answer, the event may exist anyway. The command does
    not try again (exit code 1): check airmeet events first.

    For example:
      airmeet event create --host sam@example.com --name "Spring Summit" \
        --summary "One day of talks" --timezone Europe/Paris \
        --start "2027-03-01 10:00" --end "2027-03-01 18:00"

    Args:
        host: The host's e-mail address. The host must be a member of the community's team.
        name: Its title.
        summary: A sentence or two.
        start: Like "2027-03-01 10:00" in the event's time zone, or 2027-03-01T10:00+01:00.
        end: The same.
        timezone: A name such as Europe/Paris. Airmeet does not support every time zone.
        json: Print one JSON object: id and status.
    """
    from zoneinfo import ZoneInfo

    from airmeet_async import NewAirmeet, calls
    from airmeet_async.bulk.input.row_mapping import moment
    from airmeet_async.protocol.validation import check_timezone

    option = "--timezone"
    try:
        zone = ZoneInfo(check_timezone(timezone))
        option = "--start"
        first = moment(start, zone)
        option = "--end"
        last = moment(end, zone)
    except (ConfigError, InvalidInputError) as error:
        raise UsageError(f"{option}: {error}") from None
    new = NewAirmeet(host_email=host, name=name, short_description=summary, start=first, end=last, timezone=timezone)
    console, call = Console(), calls.create_airmeet(new)
    made = with_client(console, lambda client: client.send(call))
    console.say(f"created; to see it: airmeet event show {made.id}")  # first: nobody else knows the id
    if json:
        print_json({"id": made.id, "status": made.status}, required=True)
    else:
        print_data(made.id)
    return Exit.OK


@event.command(sort_key=2)
def status(
    airmeet_id: str, status: Literal["ONGOING", "PAUSED", "FINISHED", "ARCHIVE"], /, *, json: Flag = False
) -> int:
    """Start, pause, end or archive an event.

    Attendance, polls and similar lists are available once it is FINISHED. An
    archived event is no longer listed.

    For example:
      airmeet event status 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 ONGOING
      airmeet event status 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 FINISHED

    Args:
        airmeet_id: The event's id.
        status: The new status.
        json: Print one JSON object: id, status, updated.
    """
    from airmeet_async import calls

    console, call = Console(), calls.set_airmeet_status(airmeet_id, status)
    with_client(console, lambda client: client.send(call))
    if json:
        print_json({"id": airmeet_id, "status": status, "updated": True, "exit_code": int(Exit.OK)})
    console.say(f"event {airmeet_id} is {status}")
    return Exit.OK
