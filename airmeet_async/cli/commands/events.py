"""``airmeet events`` and ``airmeet fields``: what there is to register people in."""

from collections.abc import Mapping, Sequence
from typing import Any

import anyio

from airmeet_async.bulk.table_cells import counted
from airmeet_async.cli.console import Voice, print_data, print_json
from airmeet_async.cli.environment import Settings
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.models import Airmeet, CustomField, Moment
from airmeet_async.protocol.redact import escape

_PAGE = 100


def events(environ: Mapping[str, str], voice: Voice, *, as_json: bool, limit: int | None) -> int:
    """Print the community's events."""
    settings = Settings.of(environ)
    voice.say(*settings.notices)
    found = anyio.run(_events, settings, limit)
    if as_json:
        print_json([event_shape(event) for event in found])
    else:
        _print([("ID", "STATUS", "START", "NAME"), *map(event_row, found)])
        voice.say(counted(len(found), "event") if found else f"the community at {settings.base} has no events")
    return 0


async def _events(settings: Settings, limit: int | None) -> list[Airmeet]:
    found: list[Airmeet] = []
    async with settings.client() as client:
        async for event in client.airmeets.list(size=min(limit or _PAGE, _PAGE)):
            found.append(event)
            if len(found) == limit:
                break
    return found


def event_row(event: Airmeet) -> tuple[str, ...]:
    """Return an event's cells."""
    return event.uid, str(event.status), when(event.start_time), event.name


def event_shape(event: Airmeet) -> dict[str, Any]:
    """Return an event's documented JSON shape; times in ISO 8601 where they can be read."""
    return {
        "id": event.uid,
        "name": event.name,
        "status": str(event.status),
        "start": iso(event.start_time),
        "end": iso(event.end_time),
        "timezone": event.timezone,
    }


def fields(airmeet_id: str, environ: Mapping[str, str], voice: Voice, *, as_json: bool) -> int:
    """Print an event's registration fields."""
    check_id(airmeet_id, "AIRMEET_ID")
    settings = Settings.of(environ)
    voice.say(*settings.notices)
    found = anyio.run(_fields, settings, airmeet_id)
    if as_json:
        print_json([field_shape(field) for field in found])
    elif found:
        _print([("LABEL", "ID", "REQUIRED", "TYPE", "OPTIONS"), *map(field_row, found)])
    else:
        voice.say("this event has no registration fields of its own")
    return 0


async def _fields(settings: Settings, airmeet_id: str) -> Sequence[CustomField]:
    async with settings.client() as client:
        return await client.custom_fields.list(airmeet_id)


def field_row(field: CustomField) -> tuple[str, ...]:
    """Return a field's cells."""
    shape = field_shape(field)
    required = "yes" if field.is_required else "no"
    return field.label, field.field_id, required, str(shape["type"] or ""), ", ".join(shape["options"])


def field_shape(field: CustomField) -> dict[str, Any]:
    """Return a field's documented JSON shape."""
    kind = (field.type.input_type or field.type.field_type) if field.type else None
    options = [option.display_value or option.code for option in field.options]
    return {
        "label": field.label,
        "id": field.field_id,
        "required": field.is_required,
        "type": kind,
        "options": options,
    }


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns; the last one may be as wide as it likes."""
    safe = [[escape(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    widths[-1] = 0
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in safe]


def _print(rows: Sequence[Sequence[str]]) -> None:
    print_data("\n".join(columns(rows)))


def when(moment: Moment | None) -> str:
    """Return a time for people."""
    if moment is None:
        return "-"
    return moment.at.strftime("%Y-%m-%d %H:%M %Z") if moment.at else moment.text


def iso(moment: Moment | None) -> str | None:
    """Return a time for programs: ISO 8601 where it can be read, else as it came."""
    if moment is None:
        return None
    return moment.at.isoformat() if moment.at else moment.text
