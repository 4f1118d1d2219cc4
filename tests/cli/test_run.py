"""``airmeet register`` through trouble: every row is accounted for, whatever happens. Real processes."""

import csv
import re
import signal
from functools import partial

import anyio
import pytest

from airmeet_async.sandbox import community
from tests.cli.conftest import on_a_terminal
from tests.sentinels import leaks

pytestmark = pytest.mark.real_time

EVENT = community.SUMMIT
REGISTER = ("register", EVENT, "people.csv", "--no-invite")
TROUBLE = "expire@90,429@50+3:retry=1,500:4%,500-after:2%,drop:2%,drop-after:2%,502html:1%"
TOKEN = re.compile(r"sandbox\.\d+\.[0-9a-f]+")


async def test_all_is_well(airmeet, serving):
    airmeet.people(20)
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)(*REGISTER, "--json", "--failed", "left.csv")

    assert (done.code, done.json["exit_code"], done.json["counts"]["succeeded"]) == (0, 0, 20)
    assert (done.json["results_path"], done.json["failed_path"]) == ("people-results.csv", None)
    assert not (airmeet.folder / "left.csv").exists()
    assert pretend.world.statistics().mails == 0


async def test_everybody_gets_in_through_trouble(airmeet, serving):
    """412 in the middle, 429, 500, 502 and dropped connections: the event, the report and the file agree."""
    airmeet.people(250)
    async with serving(TROUBLE) as pretend:
        done = await airmeet.at(pretend.url)(*REGISTER, "--json")
        people = {person.email: person.entry_link for person in pretend.world.people(EVENT)}

    assert (done.code, done.json["counts"]["succeeded"], len(people)) == (0, 250, 250)
    assert (done.json["throttled"] >= 3, done.json["token_refreshes"]) == (True, 1)
    assert {row["email"]: row["airmeet_entry_link"] for row in airmeet.rows()} == people
    assert [row["airmeet_row"] for row in airmeet.rows()] == [str(line) for line in range(2, 252)]


async def test_a_report_page_tells_of_the_run(airmeet, serving):
    airmeet.file("people.csv", "email,first_name,last_name", "ada@example.com,Ada,Ay", "bad,B,Bee")
    async with serving("429@2+1:retry=1:on=attendees.add") as pretend:
        there = airmeet.at(pretend.url)
        done = await there(*REGISTER, "--report", "run.html", "--json")
        again = await there(*REGISTER, "--report", "run.html", "--report-emails")

    page = (airmeet.folder / "run.html").read_text(encoding="utf-8")
    earlier = (airmeet.folder / "run.html.bak").read_text(encoding="utf-8")
    assert (done.code, done.json["report_path"], again.code) == (3, "run.html", 3)
    assert "airmeet register 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 people.csv --no-invite --report run.html" in earlier
    assert "1 of 2 registered · 1 did not succeed" in earlier
    assert "report: run.html" in again.err
    assert leaks(page + earlier) == []
    assert '<span class="key">bad</span>' in page
    assert '<span class="key">b***@***</span>' in earlier


async def test_a_report_that_cannot_be_written_is_found_out_before_anything_is_sent(airmeet, serving):
    airmeet.people(1)
    async with serving() as pretend:
        there = airmeet.at(pretend.url)
        for path, said in (("people.csv", "another file of this run"), ("nowhere/x.html", "choose another folder")):
            done = await there(*REGISTER, "--report", path, "--json")
            assert (done.code, done.json["exit_code"]) == (2, 2)
            assert said in done.err

    assert pretend.world.statistics().requests == 0
    assert [path.name for path in airmeet.folder.iterdir()] == ["people.csv"]


async def test_rows_that_are_left_can_be_registered_in_the_same_way(airmeet, serving):
    airmeet.file(
        "people.csv", "email,first_name,last_name", "a@example.com,Ada,Ay", "bad,B,Bee", "c@example.com,Cyd,Cee"
    )
    async with serving("422@2:on=attendees.add") as pretend:
        there = airmeet.at(pretend.url)
        first = await there(*REGISTER, "--failed", "left.csv")
        again = await there("register", EVENT, "left.csv", "--no-invite", "--results", "r.csv", "--json")

    assert (first.code, [row["airmeet_status"] for row in airmeet.rows()]) == (3, ["succeeded", "invalid", "rejected"])
    assert [row["email"] for row in airmeet.rows("left.csv")] == ["bad", "c@example.com"]
    assert (again.code, again.json["counts"]["succeeded"], again.json["counts"]["invalid"]) == (3, 1, 1)
    assert "left to do: left.csv" in first.err


async def test_names_like_formulas_are_text_in_all_files_and_come_back_unchanged(airmeet, serving):
    """Refused at first, and fed back in from our own file: Airmeet gets each name as it was given."""
    names = ["=1+1", "+1", "-1", "@sum", "|calc", "＝1", "＋1", "－1", "＠x", "'=1", "'s-Gravenhage", '"=1"']
    with (airmeet.folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "first_name", "last_name", "=note"])
        writer.writerows([f"p{n}@example.com", name, "Ay", "\tx\ry"] for n, name in enumerate(names))
    async with serving(f"422@2+{len(names) - 1}:on=attendees.add") as pretend:
        there = airmeet.at(pretend.url)
        await there(*REGISTER, "--failed", "left.csv", "--max-failures", "99")
        refused = airmeet.rows("left.csv")
        again = await there("register", EVENT, "left.csv", "--no-invite", "--results", "r.csv", "--json")
        people = {person.email: person.details["firstName"] for person in pretend.world.people(EVENT)}

    assert {row["first_name"] for row in refused} == {f"'{name}" for name in names[1:] if name != "'s-Gravenhage"} | {
        "'s-Gravenhage"
    }
    assert {row["'=note"] for row in refused} == {"'\tx\ry"}
    assert (again.code, again.json["counts"]["succeeded"]) == (0, len(names) - 1)
    assert people == {f"p{n}@example.com": name for n, name in enumerate(names)}


async def test_a_second_run_keeps_the_first_ones_results_and_has_the_same_links(airmeet, serving):
    airmeet.people(2)
    async with serving() as pretend:
        for _ in range(2):
            assert (await airmeet.at(pretend.url)(*REGISTER)).code == 0

    first, second = airmeet.rows("people-results.csv"), airmeet.rows("people-results-2.csv")
    assert {row["airmeet_status"] for row in first} == {"succeeded"}
    assert second == [row | {"airmeet_status": "skipped"} for row in first]


async def test_columns_and_invitations_are_as_typed(airmeet, serving):
    airmeet.file("people.csv", "Mail 1;Mail 2;Vorname;Nachname", "a@example.com;b@example.com;Ada;Ay")
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)(
            "register", EVENT, "people.csv", "--invite", "--register", "--map", "email=Mail 2", "--limit", "1"
        )
        person = pretend.world.people(EVENT)[0]

    assert (done.code, person.email, person.mails, person.registered) == (0, "b@example.com", 1, True)
    assert 'email <- "Mail 2" (--map)' in done.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_one_signal_lets_requests_end_and_leaves_a_complete_file(airmeet, serving, number, code):
    airmeet.people(400)
    async with serving("slow:100%:0.2s") as pretend:
        with airmeet.at(pretend.url).started(*REGISTER, "--rate", "50", "--json") as running:
            await pretend.sees(lambda world: world.statistics().adds >= 5)
            running.send(number)
            done = await running.end()
        adds = pretend.world.statistics().adds

    counts = done.json["counts"]
    assert (done.code, done.json["exit_code"], done.json["stop_reason"]) == (code, code, "interrupted")
    assert counts | {"succeeded": adds, "unprocessed": 400 - adds} == counts
    assert len(airmeet.rows()) == 400
    assert "press Ctrl-C again to stop at once" in done.err
    assert f"to go on: airmeet resume {done.json['job']}" in done.err


async def test_a_second_signal_ends_it_at_once_with_the_results_so_far(airmeet, serving):
    airmeet.people(400)
    async with serving("hang-after@5+1000:on=attendees.add") as pretend:
        with airmeet.at(pretend.url).started(*REGISTER, "--json", "--progress", "none") as running:
            await pretend.sees(lambda world: world.statistics().adds >= 8)
            running.send(signal.SIGINT)
            await running.says("stopping: letting")
            running.send(signal.SIGINT)
            done = await running.end()

    counts = done.json["counts"]
    assert (done.code, counts["succeeded"], counts["unknown"] >= 4) == (130, 4, True)
    assert sum(counts.values()) == done.json["rows_read"] == len(airmeet.rows())
    assert "Traceback" not in done.err


async def test_a_signal_before_there_is_anything_to_save_shows_no_traceback(airmeet, serving):
    async with serving("hang-after:100%:on=auth") as pretend:
        with airmeet.at(pretend.url).started("events", "--json") as running:
            await pretend.sees(lambda world: world.statistics().auths >= 1)
            running.send(signal.SIGINT)
            done = await running.end()

    assert (done.code, done.json["exit_code"], done.json["error"]["code"]) == (130, 130, "interrupted")
    assert "Traceback" not in done.err


async def test_a_hang_up_that_is_ignored_stays_ignored(airmeet, serving):
    airmeet.people(60)
    ignoring = ("sh", "-c", 'trap "" HUP; exec "$0" "$@"')
    async with serving() as pretend:
        with airmeet.at(pretend.url).started(*REGISTER, "--rate", "100", before=ignoring) as running:
            await pretend.sees(lambda world: world.statistics().adds >= 3)
            running.send(signal.SIGHUP)
            done = await running.end()

    assert done.code == 0


@pytest.mark.parametrize("lost", ["stdout", "stderr"])
async def test_a_reader_that_goes_away_does_not_end_the_run(airmeet, serving, lost):
    airmeet.people(40)
    async with serving() as pretend:
        with airmeet.at(pretend.url).started(*REGISTER, "--json", "--rate", "200") as running:
            getattr(running.process, lost).close()
            setattr(running.process, lost, None)
            done = await running.end()

    assert done.code == 0
    assert "Traceback" not in (done.err or "")
    assert len(airmeet.rows()) == 40


async def test_progress_for_programs_is_json_line_by_line(airmeet, serving):
    import json

    airmeet.people(40)
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)(*REGISTER, "--progress", "json")

    events = [json.loads(line) for line in done.err.splitlines()]
    last = [event for event in events if event["event"] == "progress"][-1]
    assert (last["rows_done"], last["rows_total"], last["counts"]["succeeded"]) == (40, 40, 40)
    assert done.out == ""


@pytest.mark.parametrize("no_color", ["", "1"])
async def test_a_terminal_gets_a_bar_that_fits(airmeet, serving, no_color):
    airmeet.people(30)
    async with serving() as pretend:
        environ = {"AIRMEET_URI": pretend.url, "NO_COLOR": no_color, "TERM": "xterm-256color"}
        code, shown = await anyio.to_thread.run_sync(partial(on_a_terminal, airmeet, REGISTER, **environ))

    bars = [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)) if "━" in line]
    assert code == 0
    assert "30/30" in bars[-1]
    assert max(map(len, bars)) < 80
    assert ("\x1b[38" in shown) is (not no_color)


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_no_key_no_token_and_no_link_is_said_at_any_level(airmeet, serving, level):
    airmeet.people(60)
    async with serving(TROUBLE + ",500html:2%,422:2%") as pretend:
        done = await airmeet.at(pretend.url)(*REGISTER, "--json", "--failed", "left.csv", AIRMEET_LOG=level)

    said = done.out + done.err
    assert f"{level.upper()} airmeet_async" in said
    assert leaks(said) == []
    assert TOKEN.search(said) is None
    assert "code=" not in said.replace(" code=", "")
    assert ("person-1@example.com" in said) is (level == "debug")
    assert any("code=" in row["airmeet_entry_link"] for row in airmeet.rows())
