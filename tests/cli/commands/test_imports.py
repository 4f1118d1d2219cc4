"""``airmeet import``: what is wrong is said before anything is sent, with line, column and what to write."""

import json

import pytest
from attrs import evolve

from airmeet_async import InputError
from airmeet_async.bulk.input.plan import RowFinding
from airmeet_async.bulk.input.row_mapping import SESSIONS
from airmeet_async.bulk.input.sources import open_file
from airmeet_async.cli.commands.imports import error_of
from airmeet_async.sandbox import community
from tests.support.command import Sandbox

EVENT = community.SUMMIT
HOST, SPEAKER = community.HOST, "ada@example.com"
HEADER = "title,start,host_email,minutes,speakers"
GOOD = f"Keynote,2027-03-01 10:00,{HOST},30,{SPEAKER}"
ZONE = ("--timezone", "Europe/Paris")


@pytest.fixture
def table(tmp_path):
    def made(*lines):
        (tmp_path / "x.csv").write_text("\n".join(lines), encoding="utf-8")
        return open_file(tmp_path / "x.csv", SESSIONS.is_header)

    return made


def test_columns_are_found_by_their_usual_names(table):
    found = SESSIONS.table_columns(table("Title,START,Host,speakers,Room", "a,b,c,d,e"))

    assert [(match.field, match.column, match.how) for match in found.fields] == [
        ("title", "Title", ""),
        ("start", "START", ""),
        ("host_email", "Host", "guessed"),
        ("speaker_emails", "speakers", "guessed"),
    ]
    assert found.ignored == ("Room",)


@pytest.mark.parametrize(
    ("header", "said"), [("start,host", "no column for title"), ("title,name,start,host", "are both title")]
)
def test_a_column_that_is_missing_or_twice_is_named_with_the_file(table, header, said):
    with pytest.raises(InputError, match=said) as caught:
        SESSIONS.table_columns(table(header, "a,b,c,d"[: len(header.split(",")) * 2 - 1]))

    assert (caught.value.path or "").endswith("x.csv")


def test_an_error_names_the_column_where_the_message_does(table):
    there = table(HEADER, GOOD)
    cell = error_of(there, RowFinding(2, "invalid_row", "start: 'soon' is not a time"), 3)
    row = error_of(there, RowFinding(2, "invalid_row", "speaker_emails: 'x' is not an address"))

    assert (cell.line, cell.column, row.column) == (2, "start", None)
    assert str(cell).endswith("""line 2, column "start": 'soon' is not a time (3 wrong rows, so nothing was sent)""")
    assert str(row).endswith("line 2: speaker_emails: 'x' is not an address")


BAD = [
    (f"Talk,tomorrow,{HOST},30,", "start", "write it like 2026-03-01 10:00"),
    (f"Talk,2027-03-01 10:00,{HOST},many,", "minutes", "not a whole number"),
    (f",2027-03-01 10:00,{HOST},30,", "title", "empty"),
    (f"Talk,2027-03-01 10:00,{HOST},30,ada", None, "not an e-mail address"),
]


def test_a_file_with_wrong_rows_is_refused_as_a_whole(airmeet):
    airmeet.file("day.csv", HEADER, GOOD, *(line for line, _, _ in BAD))
    sandbox = Sandbox()
    done = airmeet.at(sandbox)("import", "sessions", EVENT, "day.csv", *ZONE, "--json")
    assert sandbox.world.events[EVENT].sessions == []

    error = done.json["error"]
    assert (done.code, error["code"], error["path"], error["line"], error["column"]) == (
        5,
        "input",
        "day.csv",
        3,
        "start",
    )
    assert "4 wrong rows, so nothing was sent" in error["message"]
    for line, (_, column, said) in enumerate(BAD, start=3):
        place = f"day.csv, line {line}" + (f', column "{column}"' if column else "")
        assert any(place in one and said in one for one in done.err.splitlines()), done.err
    assert not list(airmeet.folder.glob("*results*"))


def test_a_programme_is_made_and_who_is_missing_is_named(airmeet):
    airmeet.file("speakers.csv", "Email,Full name,Company", f"{SPEAKER},Ada Ay,Engines")
    airmeet.file("day.csv", HEADER, GOOD, f"Panel,2027-03-01 11:00,{HOST},45,{SPEAKER}; zed@example.com")
    airmeet.file("booths.csv", "name,exhibitors,chat", "Engines,bo@example.com,no")
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    speakers = there("import", "speakers", EVENT, "speakers.csv", "--json")
    sessions = there("import", "sessions", EVENT, "day.csv", *ZONE, "--failed", "left.csv")
    booths = there("import", "booths", EVENT, "booths.csv")
    event = sandbox.world.events[EVENT]

    assert (speakers.code, speakers.json["counts"]["succeeded"], booths.code) == (0, 1, 0)
    assert (sessions.code, [row["airmeet_status"] for row in airmeet.rows("day-results.csv")]) == (
        3,
        ["succeeded", "rejected"],
    )
    assert f"airmeet import speakers {EVENT}" in sessions.err
    assert "zed@example.com is not in the event yet" in sessions.err
    assert [row["title"] for row in airmeet.rows("left.csv")] == ["Panel"]
    assert [session["name"] for session in event.sessions] == ["Keynote"]
    assert event.sessions[0]["start_time"] == "2027-03-01T09:00:00.000Z"
    assert [booth["name"] for booth in event.booths] == ["Engines"]


def test_a_speaker_who_was_added_since_is_missed_no_longer(airmeet):
    airmeet.file("day.csv", HEADER, f"Panel,2027-03-01 11:00,{HOST},45,zed@example.com")
    airmeet.file("speakers.csv", "email,name", "zed@example.com,Zed Zet")
    there = airmeet.at(Sandbox())
    sessions = ("import", "sessions", EVENT, "day.csv", *ZONE)
    first = there(*sessions)
    there("import", "speakers", EVENT, "speakers.csv")
    again = there("retry", "--rejected")

    assert "zed@example.com is not in the event yet" in first.err
    assert (again.code, "not in the event yet" in again.err) == (0, False)
    assert "not in the event yet" not in (airmeet.folder / "day-results.csv").read_text()


def test_what_is_unclear_is_not_made_twice_and_says_so(airmeet):
    airmeet.file("day.csv", HEADER, f"Talk,2027-03-01 10:00,{HOST},30,")
    sandbox = Sandbox("500-after@1:on=sessions.create")
    done = airmeet.at(sandbox)("import", "sessions", EVENT, "day.csv", *ZONE)
    sessions = sandbox.world.events[EVENT].sessions

    assert (done.code, len(sessions)) == (3, 1)
    assert [row["airmeet_status"] for row in airmeet.rows("day-results.csv")] == ["unknown"]


@pytest.fixture
def programme(airmeet):
    """A sandbox with two sessions, two speakers and a booth that were imported, and the command elsewhere."""
    airmeet.file("speakers.csv", "email,name,company", f"{SPEAKER},Ada Ay,Engines", "bo@example.com,Bo Bee,Looms")
    airmeet.file("day.csv", f"{HEADER},summary", f"{GOOD},Welcome", f"Panel,2027-03-01 11:00,{HOST},45,{SPEAKER},")
    airmeet.file("booths.csv", "name,exhibitors", f"Engines,{SPEAKER}")
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    for what, *more in (["speakers"], ["sessions", *ZONE], ["booths"]):
        file = {"sessions": "day.csv"}.get(what, f"{what}.csv")
        assert there("import", what, EVENT, file, *more).code == 0
    home = airmeet.folder / "elsewhere"
    home.mkdir()
    return sandbox, there, evolve(there, environ=there.environ | {"HOME": str(home)})


@pytest.mark.slow
def test_an_import_after_an_edit_makes_nothing_twice_and_says_what_differs(airmeet, programme):
    """From the same machine and from another one: by title and time, by name, and by address."""
    sandbox, here, elsewhere = programme
    airmeet.file("speakers.csv", "email,name,company", f"{SPEAKER},Ada Ay,Motors", "cy@example.com,Cy Sea,Looms")
    airmeet.file(
        "day.csv",
        f"{HEADER},summary",
        f"keynote ,2027-03-01 10:00,{HOST},30,{SPEAKER}; bo@example.com,Welcome all",
        f"Panel,2027-03-01T10:00Z,{HOST},,,",
        f"Panel,2027-03-01 12:00,{HOST},45,,",
        f"Keynote,2027-03-01 10:00,{HOST},60,,twice in the file",
    )
    airmeet.file("booths.csv", "name,exhibitors", f"ENGINES,{SPEAKER};bo@example.com", "Looms,bo@example.com")
    event = sandbox.world.events[EVENT]
    for airmeet_of, made in [(here, 1), (elsewhere, 0)]:
        counts = sandbox.world.statistics()
        speakers = airmeet_of("import", "speakers", EVENT, "speakers.csv", "--json")
        sessions = airmeet_of("import", "sessions", EVENT, "day.csv", *ZONE, "--json")
        booths = airmeet_of("import", "booths", EVENT, "booths.csv", "--json")
        after = sandbox.world.statistics()

        assert (after.speakers, after.sessions, after.booths) == (
            counts.speakers + made,
            counts.sessions + made,
            counts.booths + made,
        )
        for done, there, twice in [(speakers, 2 - made, 0), (sessions, 3 - made, 1), (booths, 2 - made, 0)]:
            assert (done.code, done.json["counts"]["duplicate"]) == (0, there + twice), done.err
            assert f"{there} in the event already" in done.err
            assert ("1 left out" in done.err) is bool(twice)
        said = " ".join(f"{speakers.err} {sessions.err} {booths.err}".split())
        assert "left out: the event has this speaker already" in said
        assert "organisation ('Motors'; in the event 'Engines')" in said
        assert "left out: the event has this session already" in said
        assert "speakers (Ada Ay, Bo Bee; in the event Ada Ay); summary ('Welcome all'; in the event 'Welcome')" in said
        assert "left out: the event has a booth of this name already" in said
        assert f"exhibitors ({SPEAKER}, bo@example.com; in the event {SPEAKER})" in said
    assert [session["name"] for session in event.sessions] == ["Keynote", "Panel", "Panel"]


def test_a_session_of_which_nobody_knew_is_found_in_its_event(airmeet):
    """After an unclear answer, the next import says that it is there, and does not make it once more."""
    airmeet.file("day.csv", HEADER, f"Talk,2027-03-01 10:00,{HOST},30,")
    sandbox = Sandbox("500-after@1:on=sessions.create")
    assert airmeet.at(sandbox)("import", "sessions", EVENT, "day.csv", *ZONE).code == 3
    airmeet.file("day.csv", HEADER, f"Talk,2027-03-01 10:00,{HOST},30,", f"Tea,2027-03-01 11:00,{HOST},30,")
    done = airmeet.at(sandbox)("import", "sessions", EVENT, "day.csv", *ZONE)

    assert (done.code, [row["name"] for row in sandbox.world.events[EVENT].sessions]) == (0, ["Talk", "Tea"])


TALKS = [f"Talk {n},2027-03-0{1 + n} 10:00,{HOST},30," for n in range(6)]


@pytest.mark.slow
def test_an_import_that_is_sent_once_more_makes_only_what_the_event_does_not_have(airmeet):
    """And says how many it has, as one cause, whatever their ids are; nobody is told that the list is done."""
    airmeet.file("day.csv", HEADER, *TALKS)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    assert there("import", "sessions", EVENT, "day.csv", *ZONE).code == 0
    sessions = sandbox.world.events[EVENT].sessions
    plain = there("import", "sessions", EVENT, "day.csv", *ZONE)
    again = there("import", "sessions", EVENT, "day.csv", *ZONE, "--again")
    assert len(sessions) == 6
    del sessions[2:4]
    lost = there("import", "sessions", EVENT, "day.csv", *ZONE)
    rest = there("import", "sessions", EVENT, "day.csv", *ZONE, "--again", "--json")

    assert (plain.code, again.code, rest.code) == (0, 0, 0)
    assert "--again" not in plain.err
    assert "created before: left out (2 are not in the event any more; --again makes them)" in " ".join(
        lost.err.split()
    )
    assert "6  left out: in the event already" in again.err
    assert "\n6 in the event already\n" in again.err
    assert (rest.json["counts"]["duplicate"], rest.json["attempts"]) == (4, 2)
    assert sorted(session["name"] for session in sessions) == [f"Talk {n}" for n in range(6)]


def test_what_differs_in_the_event_is_one_cause_and_one_number(airmeet, programme):
    """Each row in the result file says what differs; what is deleted in the dashboard is made again."""
    sandbox, here, elsewhere = programme
    lines = f"{GOOD},Hello", f"Panel,2027-03-01 11:00,{HOST},45,,Hello"
    airmeet.file("new.csv", f"{HEADER},summary", *lines)
    for airmeet_of in (here, elsewhere):
        done = airmeet_of("import", "sessions", EVENT, "new.csv", *ZONE)
        assert done.code == 0
        assert "2  left out: in the event already, and different there" in done.err
        assert "\n2 in the event already, 2 of them different\n" in done.err
    assert "summary ('Hello'; in the event 'Welcome')" in airmeet.rows("new-results.csv")[0]["airmeet_error"]
    sandbox.world.events[EVENT].sessions.clear()
    made = elsewhere("import", "sessions", EVENT, "new.csv", *ZONE)

    assert (made.code, len(sandbox.world.events[EVENT].sessions)) == (0, 2)
    assert "2 of 2 created" in made.err


def test_the_advice_after_an_unclear_answer_makes_nothing_twice(airmeet):
    """``airmeet retry --unknown`` asks the event, and finds the session there."""
    airmeet.file("day.csv", HEADER, *TALKS)
    sandbox = Sandbox("500-after@3:on=sessions.create")
    there = airmeet.at(sandbox)
    first = there("import", "sessions", EVENT, "day.csv", *ZONE)
    assert "--unknown" in first.err
    retried = there("retry", "--unknown")

    assert (first.code, retried.code, len(sandbox.world.events[EVENT].sessions)) == (3, 0, 6)
    assert "1  without a clear answer: in the event, so created" in retried.err
    assert "all 6 are created" in retried.err


def test_what_was_refused_and_is_there_now_is_not_sent_once_more(airmeet):
    """Somebody has made it elsewhere, so a retry leaves it out and says so."""
    airmeet.file("day.csv", HEADER, *TALKS)
    airmeet.file("talk.csv", HEADER, TALKS[2])
    sandbox = Sandbox("422@3:on=sessions.create")
    there = airmeet.at(sandbox)
    first = there("import", "sessions", EVENT, "day.csv", *ZONE)
    home = airmeet.folder / "elsewhere"
    home.mkdir()
    elsewhere = evolve(there, environ=there.environ | {"HOME": str(home)})
    assert (first.code, elsewhere("import", "sessions", EVENT, "talk.csv", *ZONE).code) == (3, 0)
    retried = there("retry", "--rejected")

    assert (retried.code, len(sandbox.world.events[EVENT].sessions)) == (0, 6)
    assert "1  in the event already: left out" in retried.err
    assert "5 of 5 created · 1 in the event already" in " ".join(retried.err.split())


def test_a_time_that_is_not_on_the_clock_once_is_refused_with_its_place(airmeet):
    """Before anything is sent."""
    airmeet.file("day.csv", HEADER, GOOD, f"Late,2027-03-28 02:30,{HOST},30,", f"Later,2027-10-31 02:30,{HOST},30,")
    sandbox = Sandbox()
    done = airmeet.at(sandbox)("import", "sessions", EVENT, "day.csv", *ZONE)

    assert (done.code, sandbox.world.events[EVENT].sessions) == (5, [])
    assert """line 3, column "start": '2027-03-28 02:30' does not exist in Europe/Paris""" in done.err
    assert """line 4, column "start": '2027-10-31 02:30' comes twice""" in done.err


def test_booths_have_attendance_types_where_the_event_is_hybrid(airmeet):
    """Elsewhere they are left out, as Airmeet's own connector does it, and that is said."""
    airmeet.file("booths.csv", "name,exhibitors", "Engines,a@example.com (HYBRID); b@example.com")
    for event, warned in [(community.HYBRID, 0), (EVENT, 1)]:
        sandbox = Sandbox(exhibitor_lists="both", exhibitor_types_refused=True)
        done = airmeet.at(sandbox)("import", "booths", event, "booths.csv", "--json")

        assert (done.code, done.json["warned_rows"]) == (0, warned), done.err
        assert sandbox.world.events[event].booths[0]["exhibitors"] == ["a@example.com", "b@example.com"]


def test_the_sessions_of_one_event_are_made_in_another(airmeet):
    """From an export, as CSV and as JSON lines: with the speakers' addresses, times and length.

    Only the host's address has to be filled in, where Airmeet does not tell it.
    """
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    there.file("day.csv", HEADER, GOOD, f"Panel,2027-03-01 11:00,{HOST},45,")
    there.file("speakers.csv", "email,name", f"{SPEAKER},Ada Ay")
    for event in (EVENT, community.WITH_FIELDS):
        assert there("import", "speakers", event, "speakers.csv").code == 0
    assert there("import", "sessions", EVENT, "day.csv", *ZONE).code == 0
    for name in ("sessions.csv", "sessions.jsonl"):
        assert there("export", EVENT, "sessions", "-o", name).code == 0
    asked = there("import", "sessions", community.WITH_FIELDS, "sessions.csv")
    rows = there.rows("sessions.csv")
    there.file("sessions.jsonl", *(json.dumps(row | {"host_email": HOST}) for row in rows))
    done = there("import", "sessions", community.WITH_FIELDS, "sessions.jsonl")

    assert [row["speaker_emails"] for row in rows] == [SPEAKER, ""]
    assert (asked.code, '"host_email": is empty' in asked.err, done.code) == (5, True, 0), asked.err + done.err
    made, first = (sandbox.world.events[event].sessions for event in (community.WITH_FIELDS, EVENT))
    names = ("name", "start_time", "duration", "host_id")
    facts = [[{name: one[name] for name in names} for one in each] for each in (made, first)]
    assert facts[0] == facts[1]
