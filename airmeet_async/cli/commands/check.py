"""``airmeet check``: everything that can be found out without sending a row."""

from collections.abc import Mapping

import anyio
from attrs import evolve

from airmeet_async.bulk.input.plan import BulkPlan, RowFinding, describe_counts, make_plan
from airmeet_async.bulk.table_cells import shown
from airmeet_async.cli.console import Voice, print_data
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.exit_codes import Exit
from airmeet_async.cli.input_file import FileChoice, People, open_people
from airmeet_async.client.token_store import MemoryTokenStore
from airmeet_async.formatting import wrapped
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.models import AirmeetInfo
from airmeet_async.protocol.redact import escape
from airmeet_async.protocol.validation import FieldBook


def check(choice: FileChoice | None, event: str | None, environ: Mapping[str, str], voice: Voice) -> int:
    """Check a file, an event, or both; without either the keys alone.

    Raises:
        AirmeetError: The file, the keys or the event cannot be used at all.
    """
    if event is not None:
        check_id(event, "--event")
    people = open_people(choice) if choice else None
    book = None if choice and event is None else _check_event(event, environ, voice)
    if people is None:
        return Exit.OK
    return _check_people(people, book, voice)


def _check_people(people: People, book: FieldBook | None, voice: Voice) -> int:
    table = people.table
    if people.columns.custom and book is None:
        voice.say("the registration fields are not checked; --event AIRMEET_ID does that")

    def tell(finding: RowFinding) -> None:
        print_data(escape(f"{table.name}:{finding.line}: {finding.code}: {finding.message}"))

    found = anyio.run(make_plan, table, people.reading, book, tell)
    voice.say(*found.head(), describe_counts(found), verdict(found))
    return Exit.LEFT_OVER if found.invalid else Exit.OK


def verdict(found: BulkPlan) -> str:
    """Say what it comes to."""
    if found.invalid:
        return "the invalid rows would not be sent: mend them, or let the others go without them"
    return "the file can be registered as it is"


def _check_event(event: str | None, environ: Mapping[str, str], voice: Voice) -> FieldBook:
    settings = evolve(Settings.of(environ), store=MemoryTokenStore())  # a kept token would prove nothing
    voice.say(*settings.notices, f"address: {settings.base}")
    info, book = anyio.run(_ask, settings, event)
    voice.say("keys: accepted")
    if info is not None:
        voice.say(f"event: {shown(info.name)}, {info.status or 'status unknown'}")
        if info.event_sub_type == "HYBRID_CONFERENCE":
            voice.say(*wrapped("this is a hybrid event: each row needs an attendance_type, IN-PERSON or VIRTUAL"))
        voice.say(f"registration fields: {', '.join(map(shown, book.labels)) or 'none'}")
    return book


async def _ask(settings: Settings, event: str | None) -> tuple[AirmeetInfo | None, FieldBook]:
    async with settings.client() as client:
        if event is None:
            await client.token.get()
            return None, FieldBook(())
        info = await client.airmeets.info(event)
        return info, FieldBook(await client.custom_fields.list(event))
