"""Listing the people of an event."""

from collections.abc import Sequence
from typing import Final

from airmeet_async.api.wire import Reply

from ..asked import Asked
from ..paging import Table, page, whole
from ..replies import InvalidError, ok
from ..roster import Guest, Roster, moment
from ..state import Json

RESULT_SIZE: Final = 1000  # the default (C) and the maximum (C)
REGISTRATIONS_SIZE: Final = 100  # the default of Airmeet's connector (B); the maximum is unknown
_FIRST_ROW: Final = 7001


def participants(asked: Asked) -> Reply:
    """List everybody, speakers and invited people too, in numbered pages."""
    roster = Roster(asked.event, asked.state, speakers=True)
    places = _sorted(asked, roster, _wanted(asked, roster))
    size = whole(asked.query, "resultSize", RESULT_SIZE, RESULT_SIZE, clamp=asked.switches.clamp_size)
    number = int(asked.query.get("pageNumber", 1))
    start = _start(asked, len(places), number, size)
    rows = [_participant(roster[place]) for place in places[start : start + size]]
    return ok(**{asked.switches.participants_key: rows}, userCount=len(rows), totalUserCount=len(places))


def _wanted(asked: Asked, roster: Roster) -> Sequence[int]:
    if not asked.query.get("emailIds"):
        return range(len(roster))
    emails = (email.strip() for email in asked.query["emailIds"].split(","))
    return roster.places(emails, fold=asked.switches.fold_email_case)


def _sorted(asked: Asked, roster: Roster, places: Sequence[int]) -> Sequence[int]:
    key = asked.query.get("sortingKey", "registrationDate")
    direction = asked.query.get("sortingDirection", asked.switches.sorting_direction)
    if key != "registrationDate":
        texts = roster.texts(key)
        places = sorted(places, key=lambda place: texts[place].casefold())
    return places if direction == "ASC" else places[::-1]


def _start(asked: Asked, rows: int, number: int, size: int) -> int:
    start = (number - 1) * size
    if start < max(rows, 1) or asked.switches.past_the_end == "empty":
        return start
    if asked.switches.past_the_end == "error":
        raise InvalidError("No such page")
    return (max(rows, 1) - 1) // size * size


def _participant(guest: Guest) -> Json:
    return _registration(guest) | {
        "profile_url": "",
        "user_type": guest.user_type,
        "user_id": guest.user_id,
        "token": guest.link,
        "invite_sent": guest.mailed,
        "user_profile": _answers(guest),
    }


def _answers(guest: Guest) -> list[Json]:
    """Return the answers to custom fields; several to one field become one text."""
    answers = guest.details.get("customFieldMapping")
    rows = answers if isinstance(answers, list) else []
    return [{"fieldId": row["fieldId"], "value": ", ".join(row["value"])} for row in rows]


def _registration(guest: Guest) -> Json:
    texts = {name: guest.details.get(name, "") for name in ("city", "country", "organisation")}
    date = {"Designation": guest.details.get("designation", ""), "registrationDate": moment(guest.registered_at)}
    return {"email": guest.email, "name": guest.name} | texts | date


def registrations(asked: Asked) -> Reply:
    """List those who are confirmed, the legacy way."""
    count, guest = Roster(asked.event, asked.state).registered()
    table = Table(range(_FIRST_ROW, _FIRST_ROW + count), lambda number: _registration(guest(number)))
    sizes = {"default": REGISTRATIONS_SIZE, "most": REGISTRATIONS_SIZE}
    found = page(table, asked, **sizes, descending=asked.switches.rows_newest_first)
    return ok(data=found.rows, cursors=found.cursors)
