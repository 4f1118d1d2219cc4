"""``airmeet event``: show one, make one, start and end one."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from attrs import frozen

from airmeet_async import calls
from airmeet_async.bulk.input.row_mapping import moment
from airmeet_async.cli.commands.events import columns, iso, when
from airmeet_async.cli.console import Voice, print_data, print_json
from airmeet_async.cli.environment import ask
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.list_columns import SESSIONS, shown, without_secrets
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.models import AirmeetInfo, NewAirmeet
from airmeet_async.protocol.validation import check_timezone


def show(airmeet_id: str, environ: Mapping[str, str], voice: Voice, *, as_json: bool) -> int:
    """Print an event and its sessions."""
    call = calls.get_airmeet(airmeet_id)
    info = ask(environ, voice, lambda client: client.send(call))
    if as_json:
        print_json(info_shape(info))
        return Exit.OK
    print_data("\n".join(columns([(name, value) for name, value in facts(info)])))
    if info.sessions:
        print_data("\n".join(["", *session_table(info)]))
    return Exit.OK


def facts(info: AirmeetInfo) -> list[tuple[str, str]]:
    """Return what is known of an event, for people."""
    found = {
        "name": info.name,
        "id": info.id,
        "status": str(info.status),
        "start": when(info.start_time),
        "end": when(info.end_time),
        "timezone": info.timezone or "-",
        "format": info.event_sub_type or "-",
        "summary": info.short_description or "-",
        "sessions": str(len(info.sessions)),
    }
    return list(found.items())


def session_table(info: AirmeetInfo) -> list[str]:
    """Return an event's sessions as lines."""
    titles = [name.replace("_", " ").upper() for name in SESSIONS.shown]
    lines = [line for session in info.sessions for line in SESSIONS.lines(session)]
    return columns([titles, *([shown(line.cells[name]) for name in SESSIONS.shown] for line in lines)])


def info_shape(info: AirmeetInfo) -> dict[str, Any]:
    """Return an event's documented JSON shape; what Airmeet sends besides comes after it."""
    found = {
        "id": info.id,
        "name": info.name,
        "status": str(info.status),
        "start": iso(info.start_time),
        "end": iso(info.end_time),
        "timezone": info.timezone,
        "format": info.event_sub_type,
        "summary": info.short_description,
        "image_url": info.image_url,
        "sessions": [line.as_json() for session in info.sessions for line in SESSIONS.lines(session)],
        "session_hosts": [{"id": one.id, "name": one.name} for one in info.session_hosts],
    }
    return found | {name: value for name, value in without_secrets(info.extra).items() if name not in found}


@frozen(kw_only=True)
class Plan:
    """An event to be made, as typed.

    Attributes:
        host: E-mail of its host.
        name: Title.
        summary: One paragraph.
        start: ISO 8601.
        end: ISO 8601.
        timezone: Of the event, and of times that name none.
    """

    host: str
    name: str
    summary: str
    start: str
    end: str
    timezone: str

    def as_airmeet(self) -> NewAirmeet:
        """Return it checked.

        Raises:
            UsageError: An option cannot be used.
        """
        try:
            zone = ZoneInfo(check_timezone(self.timezone))
        except ConfigError as error:
            raise UsageError(f"--timezone: {error}") from None
        return NewAirmeet(
            host_email=self.host,
            name=self.name,
            short_description=self.summary,
            start=_time("--start", self.start, zone),
            end=_time("--end", self.end, zone),
            timezone=self.timezone,
        )


def _time(option: str, text: str, zone: ZoneInfo) -> Any:
    try:
        return moment(text, zone)
    except ConfigError as error:
        raise UsageError(f"{option}: {error}") from None


def create(plan: Plan, environ: Mapping[str, str], voice: Voice, *, as_json: bool) -> int:
    """Make an event and print its id.

    Raises:
        AmbiguousOutcomeError: It may have been made: look before you make it again.
    """
    call = calls.create_airmeet(plan.as_airmeet())
    made = ask(environ, voice, lambda client: client.send(call))
    if as_json:
        print_json({"id": made.id, "status": made.status})
    else:
        print_data(made.id)
        voice.say(f"created; to see it: airmeet event show {made.id}")
    return Exit.OK


def set_status(airmeet_id: str, status: str, environ: Mapping[str, str], voice: Voice, *, as_json: bool) -> int:
    """Start, pause, end or archive an event."""
    call = calls.set_airmeet_status(airmeet_id, status)
    answer = ask(environ, voice, lambda client: client.send(call))
    done = answer.success is not False
    if as_json:
        print_json({"id": airmeet_id, "status": status, "updated": done, "exit_code": _code(done=done)})
    voice.say(f"event {airmeet_id} {'is' if done else 'could not be made'} {status}")
    return _code(done=done)


def _code(*, done: bool) -> int:
    return int(Exit.OK if done else Exit.EVENT)
