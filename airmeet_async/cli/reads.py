"""``airmeet participants``, ``attendance``, ``polls`` and their like: one list of an event on standard output."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from airmeet_async.api.addresses import check_id
from airmeet_async.bulk.table_cells import counted
from airmeet_async.calls.attendance import READY_WITHIN
from airmeet_async.cli.asking import ask
from airmeet_async.cli.exits import Exit, UsageError
from airmeet_async.cli.lists import Listing, Place
from airmeet_async.cli.sinks import JsonArray, ReaderGoneError, Sink, Text, pour
from airmeet_async.cli.voice import Voice
from airmeet_async.front import AirmeetClient


@frozen(kw_only=True)
class Wish:
    """How a list is wanted.

    Attributes:
        as_json: As one JSON array, else as a table.
        links: With the links that let people in.
        limit: Most rows.
        wait: Wait for a list that Airmeet has to prepare.
        deadline: Most seconds to wait for it; by default a quarter of an hour.
    """

    as_json: bool = False
    links: bool = False
    limit: int | None = None
    wait: bool = True
    deadline: float | None = None

    def place(self, client: AirmeetClient, airmeet_id: str, voice: Voice) -> Place:
        """Return where to ask."""
        deadline = READY_WITHIN if self.deadline is None else self.deadline
        return Place(client, airmeet_id, voice, self.wait, deadline)


def show(listing: Listing, airmeet_id: str, wish: Wish, environ: Mapping[str, str], voice: Voice) -> int:
    """Print a list."""
    check_id(airmeet_id, "AIRMEET_ID")

    async def work(client: AirmeetClient) -> int:
        place = wish.place(client, airmeet_id, voice)
        return await _print(listing, place, wish)

    try:
        n = ask(environ, voice, work)
    except ReaderGoneError:
        return Exit.OK
    if not wish.as_json:
        voice.say(counted(n, listing.noun))
    return Exit.OK


async def _print(listing: Listing, place: Place, wish: Wish) -> int:
    shape = listing.plain(links=wish.links)
    if wish.as_json:
        shape = await listing.dressed(place, links=wish.links)
    sink: Sink = JsonArray() if wish.as_json else Text(shape)
    n = await pour(listing.rows(place), shape, sink, wish.limit)
    sink.end()
    return n


def choose_one(**choices: Any) -> None:
    """Refuse more than one of some options.

    Raises:
        UsageError: There are two.
    """
    given = [f"--{name.replace('_', '-')}" for name, value in choices.items() if value]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} cannot be asked for together; choose one")
