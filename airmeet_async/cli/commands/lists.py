"""``airmeet events``, ``fields`` and ``export``: what there is in a community, and the lists of its events."""

from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from airmeet_async.cli.console import Console, ReaderGoneError, print_json
from airmeet_async.cli.environment import with_client
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.options import Flag, OutputPath, positive
from airmeet_async.errors import AirmeetError, IncompleteListError
from airmeet_async.formatting import counted
from airmeet_async.protocol.base_urls import check_id

if TYPE_CHECKING:
    from airmeet_async import AirmeetClient
    from airmeet_async.cli.list_formats import ListFormat, Pair

What = Literal[
    "participants", "registrations", "attendance", "session-attendance", "booth-attendance", "replays", "polls",
    "questions", "utms", "recordings", "fields", "tracks", "booths", "sessions",
]  # fmt: skip


def events(*, json: Flag = False, limit: int | None = None) -> int:
    """List the community's events: id, status, start, name.

    For example:
      airmeet events
      airmeet events --limit 5 --json

    Args:
        json: Print a JSON array.
        limit: Stop after this many events.
    """
    from airmeet_async.cli.list_formats import EVENTS

    limit, console = positive(limit), Console()

    found: list[Any] = []

    async def read(client: "AirmeetClient") -> None:
        async for event in client.airmeets.list(size=min(limit or 100, 100)):
            found.append(event)
            if len(found) == limit:
                break

    try:
        with_client(console, read)
    except IncompleteListError:
        if not json:
            _print_all(found, EVENTS, None)
        raise
    _print_all(found, EVENTS, EVENTS.columns if json else None)
    if not json:
        console.say(
            counted(len(found), "event") if found else ("these keys have no events (airmeet doctor shows which keys)")
        )
    return Exit.OK


def fields(airmeet_id: str, /, *, json: Flag = False) -> int:
    r"""List an event's registration fields: label, id, required, type, options.

    For example:
      airmeet fields 8f0c1a2e-5b03-11ee-9c3a-0a58a9feac02
      airmeet register 8f0c1a2e-5b03-11ee-9c3a-0a58a9feac02 x.csv --no-invite \
        --map custom:Size=Shirt

    Args:
        airmeet_id: The event's id.
        json: Print a JSON array.
    """
    from airmeet_async.cli.list_formats import LISTS

    check_id(airmeet_id, "AIRMEET_ID")
    console = Console()
    found = with_client(console, lambda client: client.custom_fields.list(airmeet_id))
    _print_all(found, LISTS["fields"], LISTS["fields"].shown if json else None)
    if not (json or found):
        console.say("this event has no registration fields")
    return Exit.OK


def _print_all(items: Iterable[Any], form: "ListFormat", members: Iterable[str] | None) -> None:
    """Print a short list, as a table or with these members as JSON."""
    from airmeet_async.cli.list_formats import TextTable, json_value

    rows = [row for item in items for row in form.rows(item)]
    if members is not None:
        print_json([{name: json_value(row[name]) for name in members} for row in rows])
        return
    table = TextTable(form)
    with suppress(ReaderGoneError):
        for row in rows:
            table.add(row)
        table.end()


def export(
    airmeet_id: str,
    what: What,
    /,
    *,
    output: OutputPath = None,
    json: Flag = False,
    emails: Annotated[tuple[str, ...], Parameter(name="--email", negative="", show_default=False)] = (),
    sort: Literal["name", "email", "registrationDate"] | None = None,
    session: str | None = None,
    booth: str | None = None,
    links: Flag = False,
    raw: Flag = False,
    wait: Annotated[bool, Parameter(negative="--no-wait", show_default=False)] = True,
    deadline: float | None = None,
    limit: int | None = None,
) -> int:
    r"""Print a list from an event, or write it to a file that only you can read.

    Prints a table, or a JSON array with --json. A CSV file has the documented
    columns; JSON lines have exact values and every other field that Airmeet sends.
    An earlier export of the same list is replaced once the new one is complete.

    participants: everyone on the event's list, whether invited, registered or on
    stage. session-attendance covers all FINISHED sessions, booth-attendance all
    booths. polls and questions have one answer or question per row. utms show the
    campaigns behind the registrations and may be up to 90 minutes out of date.

    Airmeet prepares attendance, replays and utms on request, which takes a few
    minutes. Attendance is available once the event is FINISHED; before that, the
    exit code is 6. If a list is not ready in time, it is 75.

    For example:
      airmeet export 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 participants \
        -o participants.csv
      airmeet export 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 session-attendance \
        -o sessions.jsonl
      airmeet export 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 participants \
        --email ada@example.com --json

    Args:
        airmeet_id: The event's id.
        what: The list to export.
        output: The output file: .csv, .jsonl or .ndjson. Default: standard output.
        json: Print a JSON array.
        emails: Only the participant with this address. May be repeated.
        sort: The order of participants. Default: registrationDate.
        session: Only the attendance of the session with this id (airmeet event show lists them).
        booth: Only the attendance of the booth with this id (airmeet export AIRMEET_ID booths).
        links: Include joining links, which let anybody in, and download links, which are valid for six hours.
        raw: Do not escape CSV cells that a spreadsheet would run as formulas.
        wait: Wait until the list is ready, or ask only once.
        deadline: Maximum seconds to wait for each list. Default: 900.
        limit: Stop after this many rows.
    """
    from airmeet_async.cli.list_formats import BOOTH_VISITS, LISTS, ExportFile, JsonArray, TextTable, check_kind, pour

    check_id(airmeet_id, "AIRMEET_ID")
    limit, path = positive(limit), None if output is None else Path(output)
    if deadline is not None and not 0 < deadline < float("inf"):
        raise UsageError(f"--deadline must be a number of seconds above 0, not {deadline:g}")
    if output and json:
        raise UsageError("use --output or --json, not both: the name of the output file sets its format")
    if session and booth:
        raise UsageError("use --session or --booth, not both")
    if what != "participants" and (emails or sort):
        raise UsageError(f"--email and --sort are for participants, not for {what}")
    if what != "attendance" and (session or booth):
        raise UsageError(f"--session and --booth are for attendance, not for {what}")
    console = Console()
    if path is not None and check_kind(path) == ".csv" and raw:
        console.say(
            "warning: --raw: a spreadsheet may run cells that begin with =, +, - or @ as formulas; import all "
            "columns as text"
        )
    form = BOOTH_VISITS if booth else LISTS[what]
    plain = form if links else form.without_links()
    odd = Counter[str]()

    async def work(client: "AirmeetClient") -> int:
        patience = {"wait": wait} if deadline is None else {"wait": wait, "deadline": deadline}
        query = {"email_ids": emails, "sort": sort or "registrationDate", "size": min(limit or 1000, 1000)}
        rows = read_list(client, airmeet_id, what, console, patience, session=session, booth=booth, query=query)
        whole = plain
        if plain.has_fields and (json or path):
            whole = plain.with_fields(await client.custom_fields.list(airmeet_id))
        if path is None:
            printed = JsonArray() if json else TextTable(plain)
            try:
                n = await pour(rows, whole, printed, limit, odd=odd)
            except AirmeetError:
                if not json:  # an array without an end is seen to be cut off
                    printed.end()
                raise
            printed.end()
            return n
        marks = form.without_links().columns
        with ExportFile(path, whole.columns, marks=marks, raw=raw) as file:
            try:
                return await pour(rows, whole, file, limit, console, odd=odd)
            except AirmeetError:
                if file.rows:
                    console.say(f"the {counted(file.rows, 'row')} that came: {file.save_part()} (incomplete)")
                raise

    try:
        n = with_client(console, work)
    except ReaderGoneError:
        return Exit.OK
    if odd:
        names = ", ".join(f"{name} ({times:,})" for name, times in odd.most_common())
        console.say(
            f"warning: {counted(odd.total(), 'value')} not as Airmeet documents them, kept as they came: {names}"
        )
    if path is not None:
        care = "contains personal links: keep it private" if links else "contains personal data: keep it private"
        if what in {"fields", "tracks", "booths", "sessions"} and not links:
            care = "readable by you only"
        console.say(f"{counted(n, form.noun)}: {path} ({care})")
    elif not json:
        console.say(counted(n, form.noun))
    return Exit.OK


async def read_list(
    client: "AirmeetClient",
    airmeet_id: str,
    what: str,
    console: Console,
    patience: Mapping[str, Any],
    *,
    session: str | None = None,
    booth: str | None = None,
    query: Mapping[str, Any] | None = None,
) -> AsyncIterator[Any]:
    """Yield the items of one of an event's lists.

    Args:
        client: Asks for them.
        airmeet_id: The event.
        what: The list.
        console: Says what is left out.
        patience: How a list that Airmeet has to prepare is waited for: `wait` and `deadline`.
        session: Whose attendance alone is asked for.
        booth: The same.
        query: Which participants, and in which order.
    """
    items: AsyncIterable[Any] | Sequence[Any]
    match what:
        case "participants":
            items = client.participants.list(airmeet_id, **(query or {}))
        case "attendance" if session is not None:
            items = client.attendance.session(session, **patience)
        case "attendance" if booth is not None:
            items = client.attendance.booth(airmeet_id, booth, **patience)
        case "attendance":
            items = client.attendance.event(airmeet_id, **patience)
        case "session-attendance":
            sessions = (await client.airmeets.info(airmeet_id)).sessions
            over = [one for one in sessions if one.status == "FINISHED"]
            others = [one.name or one.id for one in sessions if one.status != "FINISHED"]
            if others:  # which have no such list yet (C)
                names = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
                console.say(f"{counted(len(others), 'session')} not FINISHED yet, so not listed: {names}")
            items = _each_of(over, lambda one, **how: client.attendance.session(one.id, **how), patience)
        case "booth-attendance":
            booths = await client.booths.list(airmeet_id)
            items = _each_of(booths, lambda one, **how: client.attendance.booth(airmeet_id, one.id, **how), patience)
        case "replays":
            items = client.attendance.replay(airmeet_id, **patience)
        case "utms":
            items = client.utms.list(airmeet_id, **patience)
        case "sessions":
            items = await _sessions(client, airmeet_id)
        case "fields":
            items = await client.custom_fields.list(airmeet_id)
        case "registrations" | "polls":
            items = getattr(client, what).list(airmeet_id)
        case "recordings":
            items = _recordings(client, airmeet_id)
        case _:  # questions, tracks, booths
            items = await getattr(client, what).list(airmeet_id)
    if isinstance(items, Sequence):
        for item in items:
            yield item
    else:
        async for item in items:
            yield item


async def _sessions(client: "AirmeetClient", airmeet_id: str) -> Sequence["Pair"]:
    """Return an event's sessions, each with the addresses of those on stage.

    Airmeet names them by ids of which it does not say that they are those of the event's people, and by their names: an
    address is that of the id, else of the only person of that name, else not known.
    """
    from airmeet_async.cli.list_formats import Pair

    info = await client.airmeets.info(airmeet_id)
    on_stage = [*info.session_hosts, *(person for session in info.sessions for person in session.speakers)]
    emails = {person.id: person.email for person in on_stage if person.id and person.email}
    ids = {one for session in info.sessions for one in (*session.host_ids, *session.cohost_ids, *session.speaker_ids)}
    if ids - emails.keys():
        names = {person.name for person in on_stage}
        of_name: dict[str, set[str]] = {}
        with suppress(IncompleteListError):  # then some addresses are missing
            async for page in client.participants.list(airmeet_id).pages():
                for person in page.items:
                    if person.user_id in ids:
                        emails.setdefault(person.user_id, person.email)
                    if person.name in names:
                        of_name.setdefault(person.name, set()).add(person.email)
        for one in on_stage:
            if len(found := of_name.get(one.name, ())) == 1:
                emails.setdefault(one.id, *found)
    return [Pair(emails, session) for session in info.sessions]


async def _recordings(client: "AirmeetClient", airmeet_id: str) -> AsyncIterator[Any]:
    """Yield an event's recordings; where one answer does not hold all of them, those of each session by themselves."""
    try:
        for one in await client.recordings.list(airmeet_id):
            yield one
    except IncompleteListError as error:
        n = 0
        for session in (await client.airmeets.info(airmeet_id)).sessions:
            for one in await client.recordings.list(airmeet_id, session_ids=[session.id]):
                n += 1
                yield one
        if n < (error.expected or n + 1):
            raise


async def _each_of(
    things: Sequence[Any], list_of: Callable[..., Any], patience: Mapping[str, Any]
) -> AsyncIterator["Pair"]:
    """Yield the attendees of each session or booth.

    Each list is asked for once before the first is waited for, so that Airmeet prepares them all meanwhile.
    """
    from airmeet_async.cli.list_formats import Pair
    from airmeet_async.errors import NotReadyError

    if patience["wait"] and len(things) > 1:
        for thing in things:
            try:
                await anext(list_of(thing, size=1, wait=False).pages(), None)
            except NotReadyError:
                continue
    for thing in things:
        async for one in list_of(thing, **patience):
            yield Pair(thing, one)
