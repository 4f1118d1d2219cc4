"""``airmeet events``, ``fields`` and ``export``: in virtual time, and in processes."""

import json
import signal
import stat
from typing import Any

import anyio
import pytest
from attrs import evolve

from airmeet_async import NotReadyError
from airmeet_async.cli.commands.lists import export, read_list
from airmeet_async.cli.console import Console
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.list_formats import BOOTH_VISITS, LISTS
from airmeet_async.sandbox import community
from tests.sentinels import leaks
from tests.support.command import Sandbox
from tests.support.worlds import client_of, transport_of

EVENT = community.FINISHED


class Said(Console):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.write = self.lines.append


async def rows(
    what: str, event: str = EVENT, console: Console | None = None, *, wait: bool = True, **options: Any
) -> list[Any]:
    form = BOOTH_VISITS if "booth" in options else LISTS[what]
    async with client_of(transport_of(not_ready_for_s=options.pop("not_ready_for_s", 0.0))) as client:
        items = [one async for one in read_list(client, event, what, console or Said(), {"wait": wait}, **options)]
        return [row for item in items for row in form.rows(item)]


@pytest.mark.parametrize("what", LISTS)
async def test_every_list_of_an_event_that_is_over_can_be_read(what):
    found = await rows(what)

    assert bool(found) is (what != "fields")


async def test_sessions_that_are_not_over_are_named_and_left_out():
    said = Said()
    found = await rows("session-attendance", community.LIVE, said)

    assert {line["session_name"] for line in found} == {"Keynote"}
    assert said.lines == ["1 session not FINISHED yet, so not listed: Questions and answers"]


async def test_all_sessions_are_prepared_while_the_first_is_waited_for():
    """Three lists that take a minute each are there after 5 + 10 + 20 + 40 s, not after three times that."""
    began = anyio.current_time()
    found = await rows("session-attendance", not_ready_for_s=60.0)

    assert len({line["session_id"] for line in found}) == 3
    assert 60 <= anyio.current_time() - began < 90


async def test_who_does_not_wait_is_told_at_once():
    began = anyio.current_time()
    with pytest.raises(NotReadyError):
        await rows("session-attendance", wait=False)

    assert anyio.current_time() - began < 1


@pytest.mark.parametrize(
    ("options", "n"), [({}, 120), ({"session": community.SESSIONS[1]}, 60), ({"booth": community.BOOTHS[0]}, 60)]
)
async def test_attendance_is_of_the_event_or_of_one_session_or_booth(options, n):
    assert len(await rows("attendance", **options)) == n


@pytest.mark.parametrize(
    ("what", "options", "said"),
    [
        ("attendance", {"session": "s", "booth": "b"}, "--session or --booth"),
        ("participants", {"output": "x.csv", "json": True}, "--output or --json"),
        ("polls", {"emails": ("a@example.com",)}, "--email and --sort are for participants, not for polls"),
        ("participants", {"booth": "b"}, "--session and --booth are for attendance, not for participants"),
        ("attendance", {"deadline": 0.0}, "--deadline must be a number of seconds above 0, not 0"),
        ("attendance", {"limit": 0}, "--limit"),
        ("booths", {"output": "x.xlsx"}, "must end in one of .csv, .jsonl, .ndjson"),
    ],
)
def test_options_that_do_not_go_together_are_refused(what, options, said):
    with pytest.raises(UsageError) as raised:
        export(EVENT, what, **options)

    assert said in str(raised.value)


def test_lists_are_tables_or_json(airmeet):
    there = airmeet.at(Sandbox(not_ready_times=0))
    table = there("export", EVENT, "participants", "--sort", "email", "--limit", "2")
    people = there("export", EVENT, "participants", "--email", "guest000@example.com", "--json")
    came = there("export", EVENT, "attendance", "--json")
    shown = there("event", "show", EVENT, "--json")

    assert [line.split()[0] for line in table.out.splitlines()] == ["EMAIL", community.SPEAKER, "guest000@example.com"]
    assert "2 participants" in table.err
    assert [row["email"] for row in people.json] == ["guest000@example.com"]
    assert "joining_link" not in people.json[0]
    assert (len(came.json), came.json[0]["minutes"], came.err) == (120, 3.0, "")
    assert (shown.json["status"], shown.json["sessions"][0]["name"]) == ("FINISHED", "Keynote")


def test_a_list_that_is_being_prepared_is_waited_for_aloud_or_not_at_all(airmeet):
    there = airmeet.at(Sandbox())
    at_once = there("export", EVENT, "attendance", "--no-wait", "--json")
    waited = there("export", EVENT, "utms", "--deadline", "0.5", "--json")

    assert (at_once.code, at_once.json["exit_code"], at_once.json["error"]["code"]) == (75, 75, "temporary")
    assert (waited.code, len(waited.json)) == (0, 75)
    assert "Airmeet is preparing the list; checking again in 1 s" in waited.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("export", community.SUMMIT, "attendance"), 6),
        (("export", community.LIVE, "attendance", "--session", community.LIVE_SESSION), 6),
        (("export", community.NOWHERE, "polls"), 6),
        (("export", EVENT, "attendance", "--session", "s", "--booth", "b"), 2),
    ],
)
def test_what_cannot_be_had_has_a_code_and_no_half_a_document(airmeet, words, code):
    done = airmeet.at(Sandbox(not_ready_times=0))(*words, "--json")

    assert (done.code, done.json["exit_code"]) == (code, code)
    assert done.err.count("\n") == 1


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("number", "ignored"), [(signal.SIGINT, "QUIT"), (signal.SIGTERM, "QUIT"), (signal.SIGTERM, "INT")]
)
async def test_a_signal_ends_a_read_quietly_and_leaves_no_file(airmeet, serving, number, ignored):
    """Also where Ctrl-C is ignored, as a shell arranges it for what a script runs in the background."""
    ignoring = ("sh", "-c", f'trap "" {ignored}; exec "$0" "$@"')
    async with serving("hang-after:100%:on=participants.list") as pretend:
        words = ("export", EVENT, "participants", "-o", "people.csv")
        with airmeet.at(pretend.url).started(*words, before=ignoring) as running:
            await pretend.sees(lambda world: world.statistics().requests >= 3)
            running.send(number)
            done = await running.end()

    assert (done.code, done.out, done.err) == (128 + number, "", "interrupted\n")
    assert list(airmeet.folder.iterdir()) == []


@pytest.mark.real_time
@pytest.mark.parametrize(
    "words",
    [
        ("export", EVENT, "participants", "--json"),
        ("export", EVENT, "participants"),
        ("events",),
        ("fields", community.WITH_FIELDS),
        ("event", "show", EVENT),
        ("template", EVENT),
    ],
    ids=" ".join,
)
async def test_who_reads_only_the_head_ends_it_without_a_trace(airmeet, serving, words):
    async with serving(not_ready_times=0) as pretend:
        with airmeet.at(pretend.url).started(*words) as running:
            running.process.stdout.close()
            running.process.stdout = None
            done = await running.end()

    assert done.code == 0
    assert "Error" not in done.err


def test_links_are_shown_only_to_those_who_ask(airmeet):
    there = airmeet.at(Sandbox(not_ready_times=0))
    without = there("export", EVENT, "recordings", "--json", AIRMEET_LOG="debug")
    with_links = there("export", EVENT, "recordings", "--json", "--links")

    assert "https://" not in without.out + without.err
    assert all(row["download_link"].startswith("https://") for row in with_links.json)
    assert leaks(without.out + without.err + with_links.out) == []


def test_lists_become_private_files(airmeet):
    there = airmeet.at(Sandbox(not_ready_times=0))
    done = [there("export", EVENT, what, "-o", f"{what}.csv") for what in ("session-attendance", "booths")]
    lines = there("export", EVENT, "booths", "-o", "booths.jsonl")
    people = there("export", EVENT, "participants", "-o", "people.csv", "--links", "--limit", "3")

    assert [one.code for one in (*done, lines, people)] == [0, 0, 0, 0]
    assert {row["session_name"] for row in airmeet.rows("session-attendance.csv")} == {
        "Keynote",
        "Questions and answers",
        "Workshop",
    }
    assert (len(airmeet.rows("people.csv")), "keep it private" in people.err) == (3, True)
    assert all("code=" in row["joining_link"] for row in airmeet.rows("people.csv"))
    assert list(airmeet.rows("booths.csv")[0]) == list(LISTS["booths"].columns)
    assert json.loads((airmeet.folder / "booths.jsonl").read_text().splitlines()[0])["airmeet_id"] == EVENT
    assert {stat.S_IMODE(path.stat().st_mode) for path in airmeet.folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("participants", "-o", "mine.csv"), 2, "not an export of this list"),
        (("replays", "-o", "x.csv", "--no-wait"), 75, "still preparing"),
    ],
)
def test_what_cannot_be_written_leaves_everything_as_it_was(airmeet, words, code, said):
    airmeet.file("mine.csv", "email,first_name,last_name", "a@example.com,Ada,Ay")
    done = airmeet.at(Sandbox())("export", EVENT, *words)

    assert (done.code, said in done.err) == (code, True), done.err
    assert [path.name for path in airmeet.folder.iterdir()] == ["mine.csv"]


def test_raw_warns(airmeet):
    done = airmeet.at(Sandbox())("export", EVENT, "tracks", "-o", "tracks.csv", "--raw")

    assert (done.code, "warning: --raw" in done.err) == (0, True)


class Short(Sandbox):
    """A sandbox that counts more people than it lists."""

    async def exchange(self, request: Any) -> Any:
        reply = await super().exchange(request)
        body = reply.body.replace(b'"totalUserCount":150', b'"totalUserCount":170').replace(
            b'"totalUserCount":151', b'"totalUserCount":170'
        )
        body = body.replace(b'"pageCount":1}', b'"pageCount":3}') if "/airmeets" in request.target else body
        return evolve(reply, body=body)


def test_a_list_that_is_not_whole_is_an_error_and_what_came_is_kept(airmeet):
    """An earlier export stays as it was; a table ends, and a JSON array does not."""
    assert airmeet.at(Sandbox())("export", EVENT, "participants", "-o", "p.csv").code == 0
    before = (airmeet.folder / "p.csv").read_bytes()
    there = airmeet.at(Short())
    done = there("export", EVENT, "participants", "-o", "p.csv")
    printed = there("export", EVENT, "participants", "--json")
    table = there("events")

    compared = there("reconcile", EVENT, "p.csv", "--json")

    assert (done.code, printed.code, table.code, compared.code) == (75, 75, 75, 75)
    assert "Airmeet counts 170 rows, and only 151 different ones came" in done.err
    assert "the 151 rows that came: p.incomplete.csv (incomplete)" in done.err
    assert (airmeet.folder / "p.csv").read_bytes() == before == (airmeet.folder / "p.incomplete.csv").read_bytes()
    with pytest.raises(json.JSONDecodeError):
        _ = printed.json
    assert "Spring Summit" in table.out
    assert "Airmeet counts 3 pages, and its list ended after 2" in table.err


def test_odd_values_are_kept_and_told(airmeet):
    """One of them makes no list unreadable; in the table and in the file it stands as it came."""
    there = airmeet.at(Sandbox(odd_values=True))
    done = there("export", EVENT, "participants", "-o", "p.csv")
    first = airmeet.rows("p.csv")[0]

    assert done.code == 0
    assert "warning: 1 value not as Airmeet documents them, kept as they came: city (1)" in done.err
    assert (json.loads(first["city"]).keys(), first["user_id"]) == ({"name"}, "17")
    assert first["registered_at"] == "2026-03-01T10:00:00+00:00"


def test_a_short_page_and_recordings_in_part_lose_nothing(airmeet):
    """Where one answer does not hold all recordings, each session is asked for its own."""
    there = airmeet.at(Sandbox(short_page=1, recordings_at_once=1, not_ready_times=0))
    attendance = there("export", EVENT, "attendance", "--json")
    recordings = there("export", EVENT, "recordings", "--json")

    assert (attendance.code, len(attendance.json)) == (0, 120)
    assert (recordings.code, len({row["session_id"] for row in recordings.json})) == (0, 3)
