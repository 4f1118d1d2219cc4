"""Booths of an event."""

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import booth_row
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import ok


def list_booths(request: IncomingRequest) -> Reply:
    """List the booths; null if there are none (C)."""
    return ok(booths=request.event.booths or (None if request.switches.null_booths else []))


def create(request: IncomingRequest) -> Reply:
    """Make a booth, another one at each request."""
    given, event = request.given(), request.event
    exhibitors = [*given.get("exhibitors", []), *(row["email"] for row in given.get("exhibitorInfo", []))]
    uid = request.state.new_uid()
    row = booth_row(event.uid, uid, given["name"], len(event.booths) + 1, list(dict.fromkeys(exhibitors)))
    event.booths.append(row | {"tags": given.get("tags", [])})
    request.state.counts["booths"] += 1
    return ok(uuid=uid)
