"""What a bulk operation must know of its event, or of its file, before it can make calls of rows."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from airmeet_async.api.call import Call
from airmeet_async.api.models import NewSession
from airmeet_async.api.rules import FieldBook
from airmeet_async.api.text import fold
from airmeet_async.bulk.columns import Reading, find_columns, match_columns
from airmeet_async.bulk.feed import OpenRows
from airmeet_async.bulk.forms import Form
from airmeet_async.bulk.recipes import AddAttendees, ByEmail, Recipe
from airmeet_async.bulk.tables import Table
from airmeet_async.client.client import Client


def by_email(build: Callable[[str], Call[Any]], overrides: Mapping[str, str], source: OpenRows) -> Recipe:
    """Return the recipe, after a look at a file's header."""
    if isinstance(source, Table):
        match_columns(source.header, overrides=overrides, required=("email",))
    return ByEmail(build, overrides)


def fitting(form: Form, source: OpenRows) -> Form:
    """Return *form*, after a look at a file's header: what is missing there is missing in all rows."""
    if isinstance(source, Table):
        form.columns(source.header)
    return form


async def by_columns(
    airmeet_id: str,
    flags: dict[str, bool],
    reading: Reading,
    source: OpenRows,
    fetch_fields: Callable[[], Awaitable[FieldBook]],
) -> Recipe:
    """Return the recipe, after a look at a file's header: a column may be one of the event's registration fields."""
    table = find_columns(source.header, reading) if isinstance(source, Table) else None
    if isinstance(source, Table) and table and (table.ignored or table.custom):
        table = find_columns(source.header, reading, await fetch_fields())
    find = partial(find_columns, reading=reading)
    return AddAttendees(airmeet_id, flags, columns=table, find=find, fetch_fields=fetch_fields)


async def addresses(client: Client, airmeet_id: str) -> frozenset[str]:
    """Return everybody on the event's list, folded."""
    return frozenset([fold(one.email) async for one in client.participants.list(airmeet_id)])


class KnownSpeakers:
    """Doubts sessions whose speakers are not on the event's list.

    Args:
        fetch: Gets everybody on the list, folded.
    """

    def __init__(self, fetch: Callable[[], Awaitable[frozenset[str]]]) -> None:
        self._fetch = fetch
        self._people: frozenset[str] | None = None

    async def learn(self) -> None:
        """Get the list."""
        self._people = await self._fetch()

    def at(self, session: NewSession) -> tuple[str, ...] | None:
        """Return a sentence for each speaker who is missing; None before the list is there."""
        if self._people is None and session.speaker_emails:
            return None
        missing = [one for one in session.speaker_emails if fold(one) not in (self._people or ())]
        return tuple(f"{one} is not in the event yet; add it as a speaker first" for one in missing)


async def field_book(client: Client, airmeet_id: str) -> FieldBook:
    """Return the event's registration fields."""
    return FieldBook(await client.custom_fields.list(airmeet_id))
