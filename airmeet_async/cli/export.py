"""``airmeet export``: one list of an event into a file."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import frozen

from airmeet_async.api.addresses import check_id
from airmeet_async.bulk.table_cells import counted
from airmeet_async.cli.asking import ask
from airmeet_async.cli.exits import Exit
from airmeet_async.cli.export_files import ExportFile, check_kind
from airmeet_async.cli.lists import LISTS
from airmeet_async.cli.reads import Wish
from airmeet_async.cli.shapes import Line
from airmeet_async.cli.sinks import pour
from airmeet_async.cli.voice import Voice
from airmeet_async.front import AirmeetClient

_EVERY = 10.0
_RAW = "--raw: a spreadsheet may run cells that begin with =, +, - or @ as formulas; open the file as text only"


@frozen
class Target:
    """What is exported, and where to.

    Attributes:
        what: Which list.
        path: The file.
        raw: Leave cells that a spreadsheet would run as they are.
    """

    what: str
    path: Path
    raw: bool = False


def export(airmeet_id: str, target: Target, wish: Wish, environ: Mapping[str, str], voice: Voice) -> int:
    """Write a list into a file.

    Raises:
        UsageError: The file's name cannot be used.
        AirmeetError: The list cannot be had, or the file cannot be written; nothing is left behind.
    """
    check_id(airmeet_id, "AIRMEET_ID")
    ending = check_kind(target.path)
    if target.raw and ending == ".csv":
        voice.say(f"warning: {_RAW}")
    listing = LISTS[target.what]
    marks = listing.plain(links=False).columns

    async def work(client: AirmeetClient) -> int:
        place = wish.place(client, airmeet_id, voice)
        shape = await listing.dressed(place, links=wish.links)
        with ExportFile(target.path, shape.columns, marks=marks, raw=target.raw) as file:
            return await pour(listing.rows(place), shape, Counting(file, voice), wish.limit)

    n = ask(environ, voice, work)
    voice.say(f"{counted(n, listing.noun)}: {target.path} ({_care(target.what, links=wish.links)})")
    return Exit.OK


def _care(what: str, *, links: bool) -> str:
    if links:
        return "with the personal links: keep it private"
    return (
        "readable by you only"
        if what in {"fields", "tracks", "booths", "sessions"}
        else "personal data: keep it private"
    )


class Counting:
    """Passes rows on, and says now and then how many there were.

    Args:
        file: Where they go.
        voice: Says it.
        clock: Seconds.
    """

    def __init__(self, file: ExportFile, voice: Voice, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._voice = voice
        self._clock = clock
        self._said = clock()
        self._n = 0

    def add(self, line: Line) -> None:
        """Take one row."""
        self._file.add(line)
        self._n += 1
        if self._clock() - self._said >= _EVERY:
            self._said = self._clock()
            self._voice.say(f"{self._n:,} rows so far")

    def end(self) -> None:
        """There are no more."""
