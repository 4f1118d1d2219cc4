"""The command as its users meet it: exit codes, what is said where, JSON in every outcome."""

import json

import pytest

from airmeet_async.sandbox import community
from tests.sentinels import SENTINEL_ACCESS_KEY
from tests.support.command import Sandbox

EVENT = community.SUMMIT
REGISTER = ("register", EVENT, "people.csv", "--no-invite")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("regster",), 'Did you mean "register"?'),
        (("runs", "pase"), "did you mean pause?"),
        (("events", "--profil", "x"), "Did you mean --profile?"),
        (("register",), "AIRMEET_ID is missing; airmeet events lists the ids"),
        (("register", EVENT, "x.csv", "--no-invte"), "--no-invite"),
        (("register", EVENT), "FILE is missing"),
        (("register", EVENT, "x.csv"), "choose --invite or --no-invite"),
        (("register", EVENT, "x.csv", "--invite", "--no-invite"), "choose --invite or --no-invite, not both"),
        (("register", EVENT, "x.csv", "--invite", "--limit", "3", "--limit", "4"), "--limit"),
        (("register", "https://www.airmeet.com/e/abc", "x.csv", "--no-invite"), "only the part after /e/"),
        (("register", EVENT, "x.csv", "--no-invite", "--rate", "0"), "--rate"),
        (("register", EVENT, "x.csv", "--no-invite", "--limit", "0"), "--limit"),
        (("register", EVENT, "x.csv", "--no-invite", "--results", "x.csv"), "is the input file"),
        (("sandbox", "--faults", "nonsense"), "cannot read the fault"),
    ],
)
def test_what_cannot_be_typed_is_explained(airmeet, words, said):
    done = airmeet(*words)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("register", "people.csv", "--no-invite"), "AIRMEET_ID is missing before people.csv"),
        (("register", "people.csv", EVENT, "--no-invite"), f"write {EVENT} people.csv"),
        (("block", "people.csv", EVENT), f"write {EVENT} people.csv"),
        (("import", "booths", "people.csv", EVENT), f"write {EVENT} people.csv"),
        (("reconcile", "people.csv", EVENT), f"write {EVENT} people.csv"),
    ],
)
def test_a_file_in_the_place_of_the_event_is_told_from_a_wrong_id(airmeet, words, said):
    airmeet.people(1)

    done = airmeet(*words)

    assert (done.code, done.out, said in done.err) == (2, "", True), done.err


def test_json_is_on_standard_output_even_where_the_options_are_wrong(airmeet):
    done = airmeet("register", EVENT, "x.csv", "--json", "--bogus")

    assert (done.code, done.json["exit_code"], done.json["error"]["code"]) == (2, 2, "usage")
    assert "--bogus" in done.json["error"]["message"]


def test_a_program_that_reads_standard_error_gets_json_there_too(airmeet):
    done = airmeet("register", EVENT, "nowhere.csv", "--no-invite", "--progress", "json")

    assert (done.code, done.out) == (5, "")
    assert "nowhere.csv" in json.loads(done.err)["text"]


def test_an_unusable_file_is_named_with_its_place_and_nothing_is_sent(airmeet):
    airmeet.file("people.csv", "email,first_name,last_name", "a@example.com,Ada,Ay", "b@example.com,Bob,Bee,x")
    sandbox = Sandbox()
    done = airmeet.at(sandbox)(*REGISTER, "--json")

    assert (done.code, done.json["exit_code"]) == (5, 5)
    assert done.json["error"] == {
        "code": "input",
        "message": done.json["error"]["message"],
        "path": "people.csv",
        "line": 3,
        "column": None,
    }
    assert "people.csv, line 3" in done.err
    assert sandbox.adds == 0
    assert not list(airmeet.folder.glob("*results*"))


def test_a_column_that_cannot_be_found_comes_with_the_option_to_type(airmeet):
    airmeet.file("people.csv", "Adresse mail,first_name,last_name", "a@example.com,Ada,Ay")

    done = airmeet("register", EVENT, "people.csv", "--no-invite", "--map", "email=Address mail")

    assert done.code == 5
    assert 'did you mean "Adresse mail"?' in done.err


def test_keys_come_from_the_environment_only(airmeet):
    airmeet.people(1)

    done = airmeet(*REGISTER, "--json", AIRMEET_ACCESS_KEY="")
    option = airmeet(*REGISTER, "--access-key", SENTINEL_ACCESS_KEY[:3])

    assert (done.code, done.json["error"]["code"]) == (4, "credentials")
    assert "AIRMEET_ACCESS_KEY is not set" in done.err
    assert (option.code, "--access-key" in option.err) == (2, True)


STOPS = {
    "credentials": (EVENT, {"AIRMEET_SECRET_KEY": "wrong"}, 4),
    "not_found": (community.NOWHERE, {}, 6),
    "not_permitted": (community.FOREIGN, {}, 6),
}


@pytest.mark.parametrize("command", [("register", "--no-invite"), ("block", "--yes"), ("import", "speakers")])
@pytest.mark.parametrize("reason", STOPS)
def test_what_is_wrong_with_keys_or_event_is_said_before_anything_else(airmeet, reason, command):
    """One line, and no plan, no run, no result file, nothing to go on with."""
    event, environ, code = STOPS[reason]
    airmeet.file("people.csv", "email,first_name,last_name,name", "ada@example.com,Ada,Ay,Ada Ay")
    verb, option = (" ".join(command), "") if command[0] == "import" else command
    words = (*verb.split(), event, "people.csv", *filter(None, (option,)))
    there = airmeet.at(Sandbox())
    done = there(*words, "--json", **environ)
    runs = there("runs", "--json")

    assert (done.code, done.json["exit_code"], runs.json) == (code, code, [])
    assert done.err.splitlines() == [f"error: {done.json['error']['message']}"]
    assert [path.name for path in airmeet.folder.iterdir()] == ["people.csv"]


def test_an_event_that_nobody_knows_comes_with_the_command_that_lists_them(airmeet):
    airmeet.people(1)
    done = airmeet.at(Sandbox())("register", community.NOWHERE, "people.csv", "--no-invite")

    assert done.err == f"error: no event {community.NOWHERE} for these keys. Yours: airmeet events\n"


def test_a_run_that_cannot_go_on_stops_with_a_reason_and_a_result_per_row(airmeet):
    """Here the keys lose the event while the run is under way."""
    airmeet.people(30)
    there = airmeet.at(Sandbox("403@3+99:on=attendees.add"))
    done = there(*REGISTER, "--concurrency", "1", "--json")

    assert (done.code, done.json["exit_code"], done.json["stop_reason"]) == (6, 6, "not_permitted")
    assert (done.json["counts"]["unprocessed"], done.json["rows_read"]) == (28, 30)
    assert [row["airmeet_status"] for row in airmeet.rows()] == ["succeeded"] * 2 + ["unprocessed"] * 28
    assert done.json["stop_message"] in " ".join(done.err.split())
    assert "Next: once that is fixed, run the same command again; it goes on from here" in done.err


def test_an_address_that_is_not_the_api_is_a_setting_to_mend(airmeet):
    airmeet.people(1)

    done = airmeet.at(Sandbox())(*REGISTER, "--json", AIRMEET_URI="http://127.0.0.1:1/elsewhere")

    assert (done.code, done.json["error"]["code"]) == (2, "usage")


def test_a_server_that_is_down_is_temporary(airmeet):
    airmeet.people(3)

    done = airmeet(*REGISTER, "--json", "--failed", "left.csv")

    assert (done.code, done.json["stop_reason"], done.json["resumable"]) == (75, "unreachable", True)
    assert done.json["failed_path"] == "left.csv"
    assert len(airmeet.rows()) == len(airmeet.rows("left.csv")) == 3


def test_check_needs_no_keys_and_lists_findings_as_data(airmeet):
    airmeet.file("people.csv", "E-Mail,First,Last", "a@example.com,Ada,Ay", "nobody,Bob,Bee", "A@example.com,Ada,Ay")
    columns = ("--map", "first_name=First", "--map", "last_name=Last")

    done = airmeet("check", "people.csv", *columns, AIRMEET_ACCESS_KEY="")
    fine = airmeet("check", "people.csv", *columns, "--limit", "1", AIRMEET_ACCESS_KEY="")

    assert done.code == 3
    assert [line.split(": ")[:2] for line in done.out.splitlines()] == [
        ["people.csv:3", "invalid_email"],
        ["people.csv:4", "duplicate"],
    ]
    assert 'email <- "E-Mail"' in done.err
    assert (fine.code, fine.out) == (0, "")


FIELDS = ("people.csv", "--event", community.WITH_FIELDS, "--map")
CHECKS = [
    ((), {}, 0, "keys: accepted"),
    ((), {"AIRMEET_SECRET_KEY": "wrong"}, 4, "AIRMEET_REGION"),
    (("--event", EVENT), {}, 0, '"Spring Summit"'),
    (("--event", community.HYBRID), {}, 0, "attendance_type"),
    (("--event", community.NOWHERE), {}, 6, "404"),
    ((*FIELDS, "custom:Size=Shirt"), {}, 5, "Company size"),
    ((*FIELDS, "custom:t-shirt size=Shirt"), {}, 0, "1  can be registered"),
]


@pytest.mark.parametrize("case", CHECKS)
def test_check_asks_for_keys_and_event(airmeet, case):
    words, environ, code, said = case
    airmeet.file("people.csv", "email,first_name,last_name,Shirt", "a@example.com,Ada,Ay,M")
    done = airmeet.at(Sandbox())("check", *words, **environ)

    assert (done.code, said in done.err) == (code, True), done.err


@pytest.mark.real_time
async def test_an_error_that_finds_no_room_on_standard_output_is_no_traceback(airmeet):
    with airmeet.started("register", EVENT, "--json", before=("sh", "-c", '"$0" "$@" >/dev/full')) as running:
        done = await running.end()

    assert (done.code, done.err) == (2, "error: FILE is missing (see airmeet register --help)\n")


def test_events_and_fields_are_listed(airmeet):
    there = airmeet.at(Sandbox())
    events, two = there("events", "--json"), there("events", "--limit", "2")
    fields = there("fields", community.WITH_FIELDS, "--json")

    assert [events.code, two.code, fields.code] == [0, 0, 0]
    assert events.json[0] == {
        "id": EVENT,
        "name": "Spring Summit",
        "status": "CREATED",
        "start": "2036-03-01T10:00:00+00:00",
        "end": "2036-03-01T12:00:00+00:00",
        "timezone": "Asia/Kolkata",
    }
    assert [line.split()[0] for line in two.out.splitlines()] == ["ID", EVENT, community.HYBRID]
    assert fields.json[1] == {
        "label": "T-shirt size",
        "id": community.FIELD_TSHIRT,
        "required": True,
        "type": "DROPDOWN",
        "options": ["Small", "Medium", "Large"],
    }


def test_nothing_about_the_home_directory_fails_a_command(airmeet):
    done = airmeet.at(Sandbox())("events", HOME="/proc/nowhere", AIRMEET_TOKEN_CACHE="")

    assert done.code == 0


def test_a_token_is_kept_for_the_next_command(airmeet):
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    for _ in range(2):
        assert (there("events", AIRMEET_TOKEN_CACHE="", XDG_STATE_HOME=str(airmeet.folder))).code == 0

    assert sandbox.world.statistics().auths == 1
    assert list(airmeet.folder.glob("airmeet/tokens/*.json"))


def test_a_traceback_is_shown_only_if_asked_for(airmeet):
    done = airmeet("events", AIRMEET_LOG="loud")
    debug = airmeet("events", AIRMEET_LOG="loud", AIRMEET_DEBUG="1")

    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "Traceback" in debug.err


@pytest.mark.real_time
async def test_the_sandbox_prints_what_to_paste(airmeet):
    import signal

    with airmeet.started("sandbox", "--port", "0") as running:
        await running.says("paste these lines")
        running.send(signal.SIGINT)
        done = await running.end()

    assert done.code == 0
    assert "Traceback" not in done.err


@pytest.mark.real_time
async def test_the_demonstration_comes_out_as_staged(airmeet):
    done = await airmeet.run("demo", "--people", "200", "--json")
    listed = await airmeet.run("runs", "--json")

    assert (done.code, listed.json) == (0, []), done.err
    assert "all as expected" in done.err
    assert json.loads(done.out)["counts"] | {"succeeded": 192, "invalid": 4, "duplicate": 4} == done.json["counts"]
    rows = airmeet.rows("demo-results.csv")
    assert (len(rows), len({row["airmeet_entry_link"] for row in rows})) == (200, 193)
    assert max(map(len, done.err.splitlines())) < 81
