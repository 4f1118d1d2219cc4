"""Reads whose result is prepared on demand: "not ready" comes first, then the rows (C)."""

from typing import Final

from airmeet_async.api.wire import Reply

from .asked import Asked
from .paging import Page, Table, page
from .replies import Refusal, ok, reply
from .state import Json, Preparation
from .switches import Switches

SIZE_MAX: Final = 50  # C
MESSAGE: Final = "Preparing your results. Try after 5 minutes to get the updated results"


class WrongStateError(Refusal):
    """The session or the event is not FINISHED; a 400 that stands in the body (C)."""

    def __init__(self, what: str) -> None:
        super().__init__(400, f"{what} status is not valid")

    def reply(self, switches: Switches) -> Reply:
        """Return it in the one shape it was seen in."""
        body: Json = {"data": {}, "statusCode": 400, "statusMessage": self.message}
        return reply(switches.wrong_state_status, body)


def prepared(asked: Asked, table: Table) -> Reply:
    """Answer a page of a result, or that the result is not ready."""
    found = counted(asked, table)
    if not _is_ready(asked, found.number):
        return _not_ready(asked.switches)
    return ok(data=found.rows, cursors=found.cursors, statusCode=200)


def counted(asked: Asked, table: Table) -> Page:
    """Return a page of at most 50 rows, with the number of all rows among its cursors."""
    switches = asked.switches
    descending = switches.rows_newest_first
    found = page(table, asked, default=switches.attendance_size, most=SIZE_MAX, descending=descending)
    return Page(found.rows, found.cursors | {"totalCount": len(table.ids)}, found.number)


def _is_ready(asked: Asked, number: int) -> bool:
    switches, now = asked.switches, asked.now
    known = asked.state.preparations
    key = (asked.path, number if number == switches.not_ready_on_page else 0)
    preparation = known.setdefault(key, Preparation(now))
    if preparation.ready_at is not None and now - preparation.ready_at >= switches.prepared_for_s:
        preparation = known[key] = Preparation(now)
    preparation.asks += 1
    if preparation.asks <= switches.not_ready_times or now - preparation.since < switches.not_ready_for_s:
        return False
    if preparation.ready_at is None:
        preparation.ready_at = now
    return True


def _not_ready(switches: Switches) -> Reply:
    sign = switches.not_ready_sign
    body: Json = {} if sign == "status" else {"statusCode": 202}
    return reply(200 if sign == "body" else 202, body | {"statusMessage": MESSAGE})
