"""``airmeet register``: the plan, the question, and a run in which every row is accounted for, whatever happens."""

import csv
import re
import shutil
import signal
from collections import Counter
from functools import partial
from pathlib import Path
from typing import get_args

import anyio
import pytest

from airmeet_async.bulk.input.column_names import PRESETS
from airmeet_async.cli.options import PresetChoice
from airmeet_async.sandbox import community
from tests.sentinels import leaks
from tests.support.command import Sandbox, on_a_terminal

EVENT = community.SUMMIT
REGISTER = ("register", EVENT, "people.csv", "--no-invite")
INVITE = ("register", EVENT, "people.csv", "--invite")
# Faults by person, twice each: by chance, one row in some hundreds of runs would meet five and be given up.
MISFORTUNES = ("500", "500-after", "drop", "drop-after", "502html")
TROUBLE = "expire@90,429@50+3:retry=1," + ",".join(
    f"{kind}@1+2:body=person-{n}@" for first, kind in enumerate(MISFORTUNES) for n in range(first, 60, 10)
)
TOKEN = re.compile(r"sandbox\.\d+\.[0-9a-f]+")
PLAN = {
    "airmeet_id", "file", "rows", "ready", "invalid", "duplicates", "blocked", "cut", "other_names", "warned", "new",
    "several_errors",
    "again", "unclear", "not_yet_mailed", "not_yet_registered", "done_before", "refused_before", "held", "under_way",
    "not_coming_before",
    "changed", "unverified", "gone", "causes", "preset", "columns", "custom_fields", "split_name", "ignored",
    "fields_known", "is_hybrid",
    "unfilled", "invitations", "second_invitations", "full_before", "registrations", "rate",
    "seconds", "notices", "exit_code",
}  # fmt: skip


def test_the_command_line_knows_every_preset():
    assert set(get_args(PresetChoice)) == {*PRESETS, "none"}


def test_a_dry_run_shows_the_plan_and_sends_nothing(airmeet):
    airmeet.people(40)
    sandbox = Sandbox()
    done = airmeet.at(sandbox)(*INVITE, "--register", "--dry-run", "--rate", "4")
    statistics = sandbox.world.statistics()

    assert (done.code, done.out, statistics.adds, statistics.mails) == (0, "", 0, 0)
    assert "40  will be registered and mailed; this uses 40 of your plan's registrations" in done.err
    assert list(airmeet.folder.iterdir()) == [airmeet.folder / "people.csv"]


def test_a_dry_run_is_one_json_object(airmeet):
    airmeet.file("people.csv", "E-Mail,Name,Shirt", "a@example.com,Ada van Ay,M", "x,Bob Bee,L")
    done = airmeet.at(Sandbox())(*INVITE, "--dry-run", "--json", "--split-name")

    assert done.json.keys() == PLAN
    assert (done.code, done.json["exit_code"], done.json["ready"], done.json["invitations"]) == (3, 3, 1, 1)
    assert (done.json["columns"], done.json["split_name"], done.json["ignored"]) == (
        {"email": "E-Mail"},
        "Name",
        ["Shirt"],
    )
    assert [(cause["code"], cause["n"], cause["lines"]) for cause in done.json["causes"]] == [("invalid_email", 1, [3])]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((EVENT, "people.csv", "--map", "custom:Nonsense=Shirt"), 5),
        ((community.NOWHERE, "people.csv"), 6),
        ((EVENT, "people.csv", "--preset", "lumma"), 2),
        ((EVENT, "nowhere.csv"), 5),
    ],
)
def test_a_dry_run_that_cannot_be_ends_like_the_run(airmeet, words, code):
    airmeet.file("people.csv", "email,first_name,last_name,Shirt", "a@example.com,Ada,Ay,M")
    sandbox = Sandbox()
    done = airmeet.at(sandbox)("register", *words, "--no-invite", "--dry-run", "--json")
    adds = sandbox.adds

    assert (done.code, done.json["exit_code"], adds) == (code, code, 0)


def test_an_event_that_does_not_answer_the_plan_does_not_keep_a_run_from_waiting(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox("500:100%:on=custom_fields.list"))
    done = there("register", EVENT, "people.csv", "--no-invite", "--json")

    assert (done.code, done.json["counts"]["succeeded"]) == (0, 3)
    assert "could not be read and are not checked yet" in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("words", "typed", "ending"),
    [((), "n", (130, 0)), ((), "y", (0, 3)), (("--yes",), "", (0, 3))],
    ids=["declined", "agreed", "not asked"],
)
def test_on_a_terminal_people_are_mailed_only_after_a_yes(airmeet, words, typed, ending):
    airmeet.people(3)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    done = there(*INVITE, *words, typed=f"{typed}\n")
    statistics = sandbox.world.statistics()

    assert (done.code, statistics.adds) == ending, done.err
    assert statistics.mails == statistics.adds
    assert ('Mail 3 people an invitation to "Spring Summit"? [y/N]' in done.err) == (not words)
    assert ("nothing was sent" in done.err) == (done.code == 130)


def test_after_a_no_the_list_is_as_if_it_had_never_been_read(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox())
    there(*INVITE, typed="n\n")
    nothing = there("runs", "--json")
    there(*REGISTER)
    there(*INVITE, typed="n\n")
    listed, resumed = there("runs", "--json"), there("resume")

    assert nothing.json == []
    assert (listed.json[0]["state"], listed.json[0]["options"]["sendEmailInvite"]) == ("finished", False)
    assert "there is no unfinished run" in resumed.err


@pytest.mark.parametrize("header", ["email,first_name,last_name", "email,first_name,last_name,T-shirt size,Notes"])
def test_the_event_is_asked_a_bounded_number_of_times(airmeet, header):
    people = header.count(",") + 1
    airmeet.file(
        "people.csv", header, *(",".join((f"p{n}@example.com", "Ada", "Ay", "Small", "x")[:people]) for n in "ab")
    )

    class Counted(Sandbox):
        asked = 0

        async def exchange(self, request):
            self.asked += request.method == "GET"
            return await super().exchange(request)

    sandbox = Counted()
    done = airmeet.at(sandbox)("register", community.WITH_FIELDS, "people.csv", "--no-invite")

    assert (done.code, sandbox.asked, sandbox.adds) == (0, 3, 2)


def test_results_that_find_no_place_at_the_end_are_not_lost(airmeet):
    airmeet.people(3)

    class Gone(Sandbox):
        """The folder is gone before the last step."""

        async def exchange(self, request):
            shutil.rmtree(airmeet.folder / "there", ignore_errors=True)
            return await super().exchange(request)

    (airmeet.folder / "there").mkdir()
    there = airmeet.at(Gone())
    done = there(*REGISTER, "--results", "there/r.csv", "--json")
    command = re.search(r"airmeet (runs results \w+) -o FILE", done.err)
    kept = there(*command[1].split(), "-o", "kept.csv") if command else None

    assert (done.code, done.json["results_path"], done.json["counts"]["succeeded"]) == (1, None, 3)
    assert kept is not None
    assert all("code=" in row["airmeet_entry_link"] for row in airmeet.rows("kept.csv"))


def test_off_a_terminal_nobody_is_mailed_without_a_word(airmeet):
    airmeet.people(3)
    sandbox = Sandbox()
    refused = airmeet.at(sandbox)(*INVITE, "--json")
    before = sandbox.world.statistics().adds
    done = airmeet.at(sandbox)(*INVITE, "--yes")
    mails = sandbox.world.statistics().mails

    assert (refused.code, refused.json["exit_code"], before) == (2, 2, 0)
    assert "this mails 3 people; if that is right, add --yes (nothing was sent)" in refused.err
    assert (done.code, mails, "[y/N]" in done.err) == (0, 3, False)


def test_all_is_well(airmeet):
    airmeet.people(20)
    sandbox = Sandbox()
    done = airmeet.at(sandbox)(*REGISTER, "--json", "--failed", "left.csv")

    assert (done.code, done.json["exit_code"], done.json["counts"]["succeeded"]) == (0, 0, 20)
    assert (done.json["results_path"], done.json["failed_path"]) == ("people-results.csv", None)
    assert not (airmeet.folder / "left.csv").exists()
    assert sandbox.world.statistics().mails == 0


def test_everybody_gets_in_through_trouble(airmeet):
    """412 in the middle, 429, 500, 502 and dropped connections: the event, the report and the file agree."""
    airmeet.people(250)
    sandbox = Sandbox(TROUBLE)
    done = airmeet.at(sandbox)(*REGISTER, "--json")
    people = {person.email: person.entry_link for person in sandbox.world.people(EVENT)}

    assert (done.code, done.json["counts"]["succeeded"], len(people)) == (0, 250, 250)
    assert (done.json["throttled"] >= 3, done.json["token_refreshes"]) == (True, 1)
    assert {row["email"]: row["airmeet_entry_link"] for row in airmeet.rows()} == people
    assert [row["airmeet_row"] for row in airmeet.rows()] == [str(line) for line in range(2, 252)]


def test_a_report_page_tells_of_the_run(airmeet):
    airmeet.file("people.csv", "email,first_name,last_name", "ada@example.com,Ada,Ay", "bad,B,Bee")
    there = airmeet.at(Sandbox("429@2+1:retry=1:on=attendees.add"))
    done = there(*REGISTER, "--report", "run.html", "--json")
    again = there(*REGISTER, "--report", "run.html", "--report-emails")

    page = (airmeet.folder / "run.html").read_text(encoding="utf-8")
    earlier = (airmeet.folder / "run.html.bak").read_text(encoding="utf-8")
    assert (done.code, done.json["report_path"], again.code) == (3, "run.html", 3)
    assert "airmeet register 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 people.csv --no-invite --report run.html" in earlier
    assert "1 of 1 added (pending until they come) · 1 left out" in earlier
    assert "Spring Summit" in earlier
    assert "run.html  the report" in again.err
    assert leaks(page + earlier) == []
    assert '<span class="key">bad</span>' in page
    assert '<span class="key">b***@***</span>' in earlier


def test_the_page_lists_the_causes_that_the_summary_lists(airmeet):
    people = ("ada@example.com,Ada,Ay", "ada@example.com,Bob,Bee", "ada@example.com,Ada,Ay", "bad,B,Bee")
    airmeet.file("people.csv", "email,first_name,last_name", *people)
    done = airmeet.at(Sandbox())(*REGISTER, "--report", "run.html")
    page = (airmeet.folder / "run.html").read_text(encoding="utf-8")

    assert "1 of 1 added (pending until they come) · 3 left out" in done.err
    assert "1 of 1 added (pending until they come) · 3 left out" in page
    assert ("<code>other_name</code>" in page, "<code>invalid_email</code>" in page) == (True, True)


def test_a_report_that_cannot_be_written_is_found_out_before_anything_is_sent(airmeet):
    airmeet.people(1)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    for path, said in (("people.csv", "another file of this run"), ("nowhere/x.html", "choose another folder")):
        done = there(*REGISTER, "--report", path, "--json")
        assert (done.code, done.json["exit_code"]) == (2, 2)
        assert said in done.err

    assert sandbox.world.statistics().requests == 0
    assert [path.name for path in airmeet.folder.iterdir()] == ["people.csv"]


def test_rows_that_are_left_can_be_corrected_and_registered_in_the_same_way(airmeet):
    airmeet.file(
        "people.csv", "email,first_name,last_name", "a@example.com,Ada,Ay", "bad,B,Bee", "c@example.com,Cyd,Cee"
    )
    there = airmeet.at(Sandbox("422@2:on=attendees.add"))
    first = there(*REGISTER, "--failed", "left.csv")
    again = there("register", EVENT, "left.csv", "--no-invite", "--results", "r.csv", "--json")
    left = airmeet.folder / "left.csv"
    left.write_text(left.read_text(encoding="utf-8-sig").replace("bad", "b@example.com").replace("Cyd", "Cid"))
    corrected = there("register", EVENT, "left.csv", "--no-invite", "--results", "r.csv", "--json")

    assert (first.code, [row["airmeet_status"] for row in airmeet.rows()]) == (3, ["succeeded", "invalid", "rejected"])
    assert (corrected.code, corrected.json["counts"]["succeeded"]) == (0, 2)
    assert [row["email"] for row in airmeet.rows("left.csv")] == ["b@example.com", "c@example.com"]
    assert (again.code, again.json["counts"]["rejected"], again.json["counts"]["invalid"]) == (3, 1, 1)
    assert "refused by Airmeet before and not changed since: left out" in again.err
    assert "left.csv  the rows that are not done" in first.err


def test_names_like_formulas_are_text_in_all_files_and_come_back_unchanged(airmeet):
    """Refused at first, and fed back in from our own file, corrected: Airmeet gets each name as it was given."""
    names = ["=1+1", "+1", "-1", "@sum", "|calc", "＝1", "＋1", "－1", "＠x", "'s-Gravenhage", '"=1"']
    with (airmeet.folder / "people.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "first_name", "last_name", "=note"])
        writer.writerows([f"p{n}@example.com", name, "Ay", "\tx\ry"] for n, name in enumerate(names))
    sandbox = Sandbox(f"422@2+{len(names) - 1}:on=attendees.add")
    there = airmeet.at(sandbox)
    there(*REGISTER, "--failed", "left.csv", "--max-failures", "99")
    refused, left = airmeet.rows("left.csv"), airmeet.folder / "left.csv"
    left.write_bytes(left.read_bytes().replace(b"Ay", b"By"))  # as it is, it would not be sent again
    again = there("register", EVENT, "left.csv", "--no-invite", "--results", "r.csv", "--json")
    people = {person.email: person.details["firstName"] for person in sandbox.world.people(EVENT)}

    assert {row["first_name"] for row in refused} == {f"'{name}" for name in names[1:] if name != "'s-Gravenhage"} | {
        "'s-Gravenhage"
    }
    assert {row["'=note"] for row in refused} == {"'\tx\ry"}
    assert (again.code, again.json["counts"]["succeeded"]) == (0, len(names) - 1)
    assert people == {f"p{n}@example.com": name for n, name in enumerate(names)}


def test_a_second_run_with_nothing_new_writes_no_second_file_unless_asked(airmeet):
    airmeet.people(2)
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    first, file = airmeet.rows(), airmeet.folder / "people-results.csv"
    again = there(*REGISTER, "--json")
    second, before = airmeet.rows(), file.stat().st_mtime_ns
    there(*REGISTER)
    after = file.stat().st_mtime_ns
    asked = there(*REGISTER, "--results", "r.csv")
    (airmeet.folder / "r.csv").unlink()
    there(*REGISTER)

    assert {row["airmeet_status"] for row in first} == {"succeeded"}
    assert (again.json["results_path"], after) == ("people-results.csv", before)
    assert "all 2 are added (pending until they come); there was nothing to send" in asked.err
    assert airmeet.rows("r.csv") == second == [row | {"airmeet_when": "earlier"} for row in first]
    assert sorted(path.name for path in airmeet.folder.iterdir()) == ["people-results.csv", "people.csv", "r.csv"]


def test_a_run_with_nothing_new_keeps_the_results_whole(airmeet):
    airmeet.file("people.csv", "email,first_name,last_name", "ada@example.com,MÃ¼ller,Ay", "bad,B,Bee")
    there = airmeet.at(Sandbox())
    first = there(*REGISTER, "--failed", "left.csv")
    rows = airmeet.rows()
    again = there(*REGISTER, "--failed", "left.csv")

    assert [row["airmeet_status"] for row in rows] == ["succeeded", "invalid"]
    assert (first.code, again.code) == (3, 3)
    assert airmeet.rows() == [rows[0] | {"airmeet_when": "earlier"}, rows[1]]
    assert [row["email"] for row in airmeet.rows("left.csv")] == ["bad"]
    assert sorted(path.name for path in airmeet.folder.iterdir()) == ["left.csv", "people-results.csv", "people.csv"]


def test_results_follow_the_list_and_the_blocks_although_nothing_is_sent(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    there("block", EVENT, "person-1@example.com")
    there(*REGISTER)
    blocked = [(row["airmeet_status"], bool(row["airmeet_entry_link"])) for row in airmeet.rows()]
    with (airmeet.folder / "people.csv").open("a") as file:
        file.write("broken,Bad,Mail\n")
    edited = there(*REGISTER, "--json")

    assert blocked == [("succeeded", True), ("invalid", False), ("succeeded", True)]
    assert edited.json["results_path"] == "people-results-2.csv"
    assert [row["airmeet_code"] for row in airmeet.rows("people-results-2.csv")] == [
        "", "blocked", "", "invalid_email",
    ]  # fmt: skip


def test_what_a_person_has_changed_is_never_overwritten(airmeet):
    """Neither results nor the rows that are left, by whatever command."""
    airmeet.people(4)
    sandbox = Sandbox("422@2:on=attendees.add,422@5:on=attendees.add")
    there = airmeet.at(sandbox)
    there(*REGISTER, "--failed", "left.csv", "--concurrency", "1")
    changed = {}
    for name in ("left.csv", "people-results.csv"):
        path = airmeet.folder / name
        path.write_text(path.read_text(encoding="utf-8-sig").replace("Number 1", "Right"))
        changed[name] = path.read_text()
    retried = [there("retry", "--rejected") for _ in range(2)]

    assert {name: (airmeet.folder / name).read_text() for name in changed} == changed
    assert [done.code for done in retried] == [3, 0]
    kept = "people-results.csv and left.csv were there before, of another event or list, or edited since"
    assert kept in " ".join(retried[0].err.split())
    assert statuses("people-results-2.csv", airmeet) == ["succeeded"] * 4


def test_the_results_of_a_part_and_of_the_whole_list_have_files_of_their_own(airmeet):
    airmeet.people(4)
    there = airmeet.at(Sandbox())
    for words in (("--limit", "2"), (), ("--limit", "3")):
        there(*REGISTER, *words, "--results", "r.csv")

    assert [len(airmeet.rows(name)) for name in ("r.csv", "r-2.csv", "r-3.csv")] == [2, 4, 3]


def statuses(name, airmeet):
    return [row["airmeet_status"] for row in airmeet.rows(name)]


def test_columns_and_invitations_are_as_typed(airmeet):
    airmeet.file("people.csv", "Mail 1;Mail 2;Vorname;Nachname", "a@example.com;b@example.com;Ada;Ay")
    sandbox = Sandbox()
    done = airmeet.at(sandbox)(
        "register", EVENT, "people.csv", "--invite", "--yes", "--register", "--map", "email=Mail 2", "--limit", "1"
    )
    person = sandbox.world.people(EVENT)[0]

    assert (done.code, person.email, person.mails, person.registered) == (0, "b@example.com", 1, True)
    assert 'email <- "Mail 2" (--map)' in done.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_lets_requests_end_and_leaves_a_complete_file(airmeet, number, code):
    airmeet.people(400)
    sandbox = Sandbox("slow:100%:0.2s")
    sandbox.signal(number, after=5)
    done = airmeet.at(sandbox)(*REGISTER, "--rate", "50", "--json")
    adds = sandbox.adds

    counts = done.json["counts"]
    assert (done.code, done.json["exit_code"], done.json["stop_reason"]) == (code, code, "interrupted")
    assert counts | {"succeeded": adds, "unprocessed": 400 - adds} == counts
    assert len(airmeet.rows()) == 400
    assert "under way (Ctrl-C again: do not wait)" in done.err
    assert "Next: run the same command again; it goes on from here" in done.err


def test_a_second_signal_ends_it_at_once_with_the_results_so_far(airmeet):
    airmeet.people(400)
    sandbox = Sandbox("hang-after@5+1000:on=attendees.add")
    sandbox.signal(signal.SIGINT, signal.SIGINT, after=8)
    done = airmeet.at(sandbox)(*REGISTER, "--json", "--progress", "none")

    counts = done.json["counts"]
    assert (done.code, counts["succeeded"] <= 4, counts["unknown"] >= 4) == (130, True, True)
    assert counts["succeeded"] + counts["unknown"] >= sandbox.adds
    assert sum(counts.values()) == done.json["rows_read"] == len(airmeet.rows())
    assert "Traceback" not in done.err


@pytest.mark.real_time
async def test_a_signal_before_there_is_anything_to_save_shows_no_traceback(airmeet, serving):
    async with serving("hang-after:100%:on=auth") as pretend:
        with airmeet.at(pretend.url).started("events", "--json") as running:
            await pretend.sees(lambda world: world.statistics().auths >= 1)
            running.send(signal.SIGINT)
            done = await running.end()

    assert (done.code, done.json["exit_code"], done.json["error"]["code"]) == (130, 130, "interrupted")
    assert "Traceback" not in done.err


@pytest.mark.real_time
async def test_a_hang_up_that_is_ignored_stays_ignored(airmeet, serving):
    airmeet.people(60)
    ignoring = ("sh", "-c", 'trap "" HUP; exec "$0" "$@"')
    async with serving() as pretend:
        with airmeet.at(pretend.url).started(*REGISTER, "--rate", "100", before=ignoring) as running:
            await pretend.sees(lambda world: world.statistics().adds >= 3)
            running.send(signal.SIGHUP)
            done = await running.end()

    assert done.code == 0


@pytest.mark.real_time
@pytest.mark.parametrize("lost", ["stdout", "stderr"])
async def test_a_reader_that_goes_away_does_not_end_the_run(airmeet, serving, lost):
    airmeet.people(40)
    async with serving() as pretend:
        with airmeet.at(pretend.url).started(*REGISTER, "--json", "--rate", "200") as running:
            getattr(running.process, lost).close()
            setattr(running.process, lost, None)
            done = await running.end()

    assert done.code == (1 if lost == "stdout" else 0)
    assert "Traceback" not in (done.err or "")
    assert len(airmeet.rows()) == 40
    if lost == "stdout":
        assert "the report was not printed: standard output was closed by its reader; the results are in" in done.err


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("output", "why"),
    [(">&-", "standard output is closed"), (">/dev/full", "cannot be written"), ("| true", "closed by its reader")],
)
async def test_a_report_that_nobody_gets_is_an_error_that_says_where_the_results_are(airmeet, serving, output, why):
    airmeet.people(3)
    shell = ("bash", "-c", f'set -o pipefail; "$0" "$@" {output}')
    async with serving() as pretend:
        with airmeet.at(pretend.url).started(*REGISTER, "--json", before=shell) as running:
            done = await running.end()

    assert done.code == 1, done.err
    assert "error: the report was not printed: " in done.err
    assert why in done.err
    assert "the results are in people-results.csv" in done.err
    assert len(airmeet.rows()) == 3


def test_progress_for_programs_is_json_line_by_line(airmeet):
    import json

    airmeet.people(40)
    done = airmeet.at(Sandbox())(*REGISTER, "--progress", "json")

    events = [json.loads(line) for line in done.err.splitlines()]
    last = [event for event in events if event["event"] == "progress"][-1]
    assert (last["rows_done"], last["rows_total"], last["counts"]["succeeded"]) == (40, 40, 40)
    assert done.out == ""


@pytest.mark.real_time
@pytest.mark.parametrize("no_color", ["", "1"])
async def test_a_terminal_gets_a_bar_that_fits(airmeet, serving, no_color):
    airmeet.people(30)
    async with serving() as pretend:
        environ = {"AIRMEET_URI": pretend.url, "NO_COLOR": no_color, "TERM": "xterm-256color"}
        code, shown = await anyio.to_thread.run_sync(partial(on_a_terminal, airmeet, REGISTER, **environ))

    bars = [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)) if "━" in line]
    assert code == 0
    assert "30/30" in bars[-1]
    assert max(map(len, bars)) <= 80
    assert ("\x1b[38" in shown) is (not no_color)


@pytest.mark.parametrize("level", ["debug", "info"])
def test_no_key_no_token_and_no_link_is_said_at_any_level(airmeet, level):
    airmeet.people(60)
    there = airmeet.at(Sandbox(TROUBLE + ",500html:2%,422:2%"))
    done = there(*REGISTER, "--json", "--failed", "left.csv", AIRMEET_LOG=level)

    said = done.out + done.err
    assert f"{level.upper()} airmeet_async" in said
    assert leaks(said) == []
    assert TOKEN.search(said) is None
    assert "code=" not in said.replace(" code=", "")
    assert ("person-1@example.com" in said) is (level == "debug")
    assert any("code=" in row["airmeet_entry_link"] for row in airmeet.rows())


EXPORTS = Path(__file__).parents[3] / "examples" / "exports"

# The file, the event, who gets in, how many rows end unsent and why, and what is said.
FROM_TOOLS = {
    "luma": (
        "luma-guests.csv", community.WITH_FIELDS, {"ana.lopez": "López", "juergen": "von der Heide", "wei.li": "Li"},
        {"not_attending": 3}, 'custom field "T-shirt size" <- "T-shirt size"',
    ),
    "eventbrite": (
        "eventbrite-attendees.csv", EVENT, {"john.doe": "Doe", "jane.doe": "Doe", "emile": "Durand"},
        {"not_attending": 2, "duplicate": 1}, 'city <- "Home City" (Eventbrite)',
    ),
    "zoom": (
        "zoom-attendee-report.csv", EVENT,
        {"rosa.delgado": "Delgado", "kofi": "Mensah", "aino.virtanen": "Virtanen"},
        {"not_attending": 2, "invalid_email": 2, "missing_field": 1},
        "the column names are on line 12; lines 1 to 11 above ignored",
    ),
    "hubspot": (
        "hubspot-contacts.csv", EVENT, {"camille.durand": "Durand", "w.kowalski": "Kowalski", "siobhan": "O'Brien"},
        {"missing_field": 1}, 'organisation <- "Associated Company" (HubSpot)',
    ),
    "salesforce": (
        "salesforce-leads.csv", EVENT, {"bertha": "Boxer", "phyllis": "Cotton", "jeff.glimpse": "Glimpse"},
        {"missing_field": 7}, "organisation <-",
    ),
}  # fmt: skip


def test_every_preset_has_its_example():
    assert FROM_TOOLS.keys() == PRESETS.keys()
    assert {case[0] for case in FROM_TOOLS.values()} == {path.name for path in EXPORTS.iterdir()}


@pytest.mark.parametrize("name", FROM_TOOLS)
@pytest.mark.parametrize("named", [True, False], ids=["named", "detected"])
def test_an_export_is_registered_whole(airmeet, name, named):
    file, event, people, unsent, said = FROM_TOOLS[name]
    words = ("--preset", name) if named else ()
    sandbox = Sandbox()
    done = airmeet.at(sandbox)(
        "register", event, str(EXPORTS / file), "--no-invite", "--results", "r.csv", "--json", *words
    )
    guests = {person.email.partition("@")[0]: person for person in sandbox.world.people(event)}

    assert {key: guests[key].details["lastName"] for key in people} == people
    codes = Counter(row["airmeet_code"] for row in airmeet.rows("r.csv") if row["airmeet_status"] != "succeeded")
    assert codes == unsent
    assert done.json["counts"]["succeeded"] == len(people)
    assert sum(done.json["counts"].values()) == done.json["rows_read"] == len(airmeet.rows("r.csv"))
    assert (done.code, done.json["exit_code"]) == (3, 3)
    assert f"an export of {PRESETS[name].title} ({'--preset' if named else 'detected by its columns'}" in done.err
    assert " ".join(said.split()) in " ".join(done.err.split())


def test_who_does_not_come_is_registered_if_the_tool_is_not_to_be_known(airmeet):
    there = airmeet.at(Sandbox())
    done = there(
        "register", EVENT, str(EXPORTS / "eventbrite-attendees.csv"), "--no-invite", "--preset", "none", "--json"
    )

    assert (done.code, done.json["counts"]["succeeded"], done.json["counts"]["duplicate"]) == (0, 5, 1)
    assert "an export of" not in done.err


def test_a_check_of_a_hybrid_event_names_the_rows_without_an_attendance_type(airmeet):
    airmeet.file(
        "people.csv", "email,first_name,last_name,attendance_type", "a@example.com,A,B,online", "b@example.com,A,B,"
    )
    done = airmeet.at(Sandbox())("check", "people.csv", "--event", community.HYBRID)

    assert done.code == 3
    assert "people.csv:3: missing_attendance_type: attendance_type is empty" in done.out
    assert "  1  can be registered; this uses 1 of your plan's registrations\n  1  left out: " in done.err


def test_two_people_under_one_address_are_left_over(airmeet):
    """In the check, in the run, in its results, and in the file of rows that are left."""
    airmeet.file(
        "people.csv", "email,first_name,last_name", *(f"o@example.com,{name},Ay" for name in ("Ana", "Bob", "Ana"))
    )
    there = airmeet.at(sandbox := Sandbox())
    checked = there("check", "people.csv")
    done = there("register", EVENT, "people.csv", "--no-invite", "--failed", "left.csv")

    assert (checked.code, done.code, sandbox.adds) == (3, 3, 1)
    assert "people.csv:3: other_name: o@example.com is already in line 2" in checked.out
    assert 'this one is "Bob Ay"' in checked.out
    assert [row["airmeet_code"] for row in airmeet.rows("people-results.csv")] == ["", "other_name", "duplicate"]
    assert [row["first_name"] for row in airmeet.rows("left.csv")] == ["Bob"]


def test_a_column_that_is_nearly_a_field_sends_nothing_and_can_be_left_out(airmeet):
    airmeet.file("people.csv", "email,first_name,last_name,county", "a@example.com,A,B,Essex")
    there = airmeet.at(sandbox := Sandbox())
    refused = there("register", EVENT, "people.csv", "--no-invite")
    adds = sandbox.adds
    done = there("register", EVENT, "people.csv", "--no-invite", "--map", "county=")

    assert (refused.code, adds, done.code, sandbox.adds) == (5, 0, 0, 1)
    assert '"county" is no field of Airmeet; did you mean country?' in " ".join(refused.err.split())
    assert "--map country=county" in refused.err
    assert "--map county=" in refused.err
    assert 'ignored: "county"' in done.err


def test_warnings_are_in_the_plan_the_summary_and_the_results_by_line(airmeet):
    airmeet.file(
        "people.csv", "email,first_name,last_name,Status", "a@example.com,MÃ¼ller,B,ok", "b@example.com,A,B,cancelled"
    )
    done = airmeet.at(Sandbox())("register", EVENT, "people.csv", "--no-invite", "--json")

    assert done.code == 0
    said = " ".join(done.err.split())
    assert said.count('1 sent, but to check: first_name is "MÃ¼ller", probably "Müller" line 2') == 1
    assert said.count('1 first_name is "MÃ¼ller", probably "Müller" line 2') == 1
    assert said.count("remove the row if they do not come line 3") == 2
    assert [(group["code"], group["sample_rows"]) for group in done.json["warnings"]] == [
        ("broken_text", [2]),
        ("may_not_come", [3]),
    ]
    assert [row["airmeet_code"] for row in airmeet.rows("people-results.csv")] == ["broken_text", "may_not_come"]


def eventbrite(airmeet, *statuses):
    rows = [f"{n},2026-01-0{n + 1} 10:00,Ada,N{n},p{n}@example.com,{status}" for n, status in enumerate(statuses)]
    return airmeet.file("export.csv", "Order #,Order Date,First Name,Last Name,Email,Attendee Status", *rows)


def test_nothing_is_to_be_corrected_in_rows_of_people_who_do_not_come(airmeet):
    """Whoever follows the next step must not invite somebody who has cancelled."""
    file, there = eventbrite(airmeet, "Attending", "Cancelled", "Transferred", "Attending"), airmeet.at(Sandbox())
    checked = there("check", file)
    done = there("register", EVENT, file, "--no-invite")
    shown = there("runs", "show")

    assert (checked.code, done.code) == (3, 3)
    assert "2  left out: do not come, as the list says   lines 3 and 4" in checked.err
    assert "there is nothing to correct: all others can be sent" in checked.err
    assert "--preset none includes" not in checked.out
    assert "Next" not in done.err
    assert "next" not in shown.out
    assert "(2 not valid, blocked or not coming)" in shown.out


@pytest.mark.parametrize("status", ["Transferred", "abgesagt", "Übertragen", "Warteliste"])
def test_the_question_names_who_is_marked_as_not_coming(airmeet, status):
    file = airmeet.file("l.csv", "E-Mail,Vorname,Nachname,Teilnehmerstatus", "a@x.de,A,B,", f"b@x.de,B,C,{status}")
    done = airmeet.at(Sandbox())("register", EVENT, file, "--invite", typed="n\n")

    said = " ".join(done.err.split())
    assert "Mail 2 people an invitation" in said
    assert "1 of them is marked in the list as not coming." in said


def test_who_was_registered_and_does_not_come_any_more_is_counted(airmeet):
    there, words = airmeet.at(Sandbox()), ("--no-invite", "--json")
    there("register", EVENT, eventbrite(airmeet, "Attending", "Attending"), *words)
    file = eventbrite(airmeet, "Attending", "Cancelled", "Cancelled")
    plan = there("register", EVENT, file, *words, "--dry-run")

    assert (plan.json["not_coming_before"], plan.json["invalid"]) == (1, 2)
    said = f"1 not coming any more, but in the event and with a link (airmeet block {EVENT} takes it away)"
    assert said in " ".join(plan.err.split())
