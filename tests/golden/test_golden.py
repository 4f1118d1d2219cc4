"""Golden outputs: what typical command lines print and write, byte for byte, whatever the code behind them looks like.

Each case runs a few commands in a folder of its own, against a sandbox, and compares with `expected/<case>/`: the
commands and their exit codes, standard output and error of each, and all files that they wrote. Ports, paths, job ids
and what was measured are masked; see `recorder.py`.

To renew after a change that users are to see, and to read what changed::

    UPDATE_GOLDEN=1 python -m pytest tests/golden -n 0
    git diff tests/golden/expected

The sandbox is shared, so a case leaves no trace that another one could see: it has addresses of its own, and does not
touch LIVE and FINISHED, which the lists are taken from.
"""

import os
import re
import subprocess
import sys
import time

import pytest

from tests.golden.recorder import EXPECTED, Recorder, environment, sandbox

# Each command has its own time limit; a busy machine may need more than the usual minute for all of one test.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SUMMIT, HYBRID, WITH_FIELDS, SMALL, LIVE, FINISHED = (f"8f0c1a2e-5b0{n}-11ee-9c3a-0a58a9feac02" for n in range(1, 7))
NOWHERE = "00000000-0000-11ee-9c3a-0a58a9feac02"

# Each strikes only the addresses of one case, so that it does not matter which case runs first.
FAULTS = (
    "422:100%:body=refused@register.example",
    "500@1:body=again@register.example",
    "422:100%:body=refused@json.example",
    "403@1:body=closed@resume.example",
    "422@1:body=later@resume.example",
)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with sandbox(tmp_path_factory.mktemp("sandbox"), "--seed", "7", "--faults", ",".join(FAULTS)) as environ:
        yield environ


@pytest.fixture
def airmeet(tmp_path, server, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    before = os.umask(0o022)
    (tmp_path / "here").mkdir()
    yield Recorder(tmp_path / "here", environment(tmp_path) | server)
    os.umask(before)
    monkeypatch.undo()
    time.tzset()


def faulty(airmeet):
    airmeet.file(
        "faulty.csv",
        "Email,First name,Last name,City,Organisation,Notes",
        "ada@register.example,Ada,Lovelace,London,Analytical Engines,x",
        "not an address,Bob,Noyce,Burlington,Fairchild,",
        "ada@register.example,Ada,Lovelace,London,Analytical Engines,twice",
        "ADA@register.example,Ada,King,London,,another case",
        f"long@register.example,{'Grace' * 60},Hopper,New York,{'Navy ' * 60},over-long",
        "nobody@register.example,,Turing,London,,no first name",
        ",Alan,Turing,London,,no address",
        "refused@register.example,Ref,Used,Paris,,refused by Airmeet",
        'again@register.example,Żółw,Müller,Köln,"Räder, Söhne",=1+1',
        "two@register.example two@other.example,Two,Addresses,,,",
    )  # fmt: skip


def test_register(airmeet):
    """A clean list, then the same command again, and what is known of the run."""
    airmeet.file(
        "people.csv",
        "email,first_name,last_name,city",
        "ada@clean.example,Ada,Lovelace,London",
        "bob@clean.example,Bob,Noyce,Burlington",
        "zoe@clean.example,Zoë,Müller,Köln",
    )
    airmeet.run("register", SUMMIT, "people.csv", "--no-invite", "--results", "results.csv", "--failed", "failed.csv")
    airmeet.run("register", SUMMIT, "people.csv", "--no-invite")
    airmeet.run("runs")
    airmeet.run("runs", "show")
    airmeet.run("runs", "purge", "--all", "--json", "--yes")
    airmeet.compare("register")


def test_register_a_faulty_list(airmeet):
    """Rows that are invalid, duplicates, over-long, refused and sent twice, and the list of what is left."""
    faulty(airmeet)
    airmeet.run("check", "faulty.csv")
    airmeet.run("register", SUMMIT, "faulty.csv", "--invite", "--dry-run", "--json")
    airmeet.run("register", SUMMIT, "faulty.csv", "--invite", "--failed", "failed.csv")
    airmeet.run("register", SUMMIT, "faulty.csv", "--invite", "--failed", "failed.csv", "--yes")
    airmeet.run("retry", "--rejected", "--json", "--yes")
    airmeet.compare("register_faulty")


def test_register_as_json(airmeet):
    """A TSV file with columns for the event's own fields; the report as JSON."""
    airmeet.file(
        "guests.tsv",
        "Mail\tFull name\tT-shirt size\tCompany size",
        "ada@json.example\tAda King of Lovelace\tSmall\t12",
        "ludwig@json.example\tLudwig van Beethoven\tmedium\t",
        "huge@json.example\tHuge Shirt\tHuge\t7",
        "refused@json.example\tRef Used\tLarge\t7",
    )
    words = ("guests.tsv", "--map", "email=Mail", "--split-name")
    airmeet.run("check", *words, "--event", WITH_FIELDS)
    airmeet.run("register", WITH_FIELDS, *words, "--register", "--no-invite", "--json", "--failed", "failed.csv")
    airmeet.compare("register_json")


def test_register_more_than_there_is_room_for(airmeet):
    airmeet.file("five.csv", "email,first_name,last_name", *(f"p{n}@room.example,Ada,Number {n}" for n in range(5)))
    airmeet.run("register", SMALL, "five.csv", "--no-invite", "--register", "--concurrency", "1")
    airmeet.compare("register_no_room")


def test_input_is_refused(airmeet):
    """Nothing is sent, and the message says why."""
    airmeet.file("no-mail.csv", "first_name,last_name", "Ada,Lovelace")
    airmeet.file("empty.csv")
    (airmeet.folder / "odd.csv").write_bytes("email,first_name,last_name\na@odd.example,Zoë,Müller\n".encode("cp1252"))
    airmeet.inputs.add("odd.csv")
    airmeet.file("quote.csv", "email,first_name,last_name", 'a@odd.example,"Ada,Lovelace', "b@odd.example,Bob,Noyce")
    for name in ("no-mail.csv", "empty.csv", "odd.csv", "quote.csv", "absent.csv"):
        airmeet.run("register", SUMMIT, name, "--no-invite", "--dry-run")
    airmeet.run("register", SUMMIT, "no-mail.csv", "--no-invite", "--map", "name=first_name", "--json")
    airmeet.compare("input_refused")


def test_settings_are_refused(airmeet):
    """Usage, keys and events that cannot be used: exit codes 2, 4 and 6."""
    airmeet.file("people.csv", "email,first_name,last_name", "ada@refused.example,Ada,Lovelace")
    register = ("people.csv", "--no-invite")
    airmeet.run("register", SUMMIT, "people.csv")
    airmeet.run("register", SUMMIT, *register, "--rate", "fast")
    airmeet.run("registre", SUMMIT, *register)
    airmeet.run("register", SUMMIT, *register, AIRMEET_ACCESS_KEY="")
    airmeet.run("register", SUMMIT, *register, AIRMEET_SECRET_KEY="wrong")
    airmeet.run("register", NOWHERE, *register)
    airmeet.run("events", "--json", AIRMEET_SECRET_KEY="wrong")
    airmeet.compare("settings_refused")


def test_block_and_unblock(airmeet):
    airmeet.file(
        "people.csv",
        "email,first_name,last_name",
        "ada@block.example,Ada,Lovelace",
        "bob@block.example,Bob,Noyce",
    )
    airmeet.file("block.csv", "E-mail", "ada@block.example", "stranger@block.example", "wrong")
    airmeet.run("register", SUMMIT, "people.csv", "--no-invite", "--progress", "none")
    airmeet.run("block", SUMMIT, "block.csv", "--results", "results.csv", "--failed", "failed.csv", "--yes")
    airmeet.run("unblock", SUMMIT, "ada@block.example", "--json")
    airmeet.compare("block")


def test_import(airmeet):
    """Speakers, then sessions that name them, and booths; a file with a wrong cell is refused as a whole."""
    airmeet.file(
        "speakers.csv",
        "email,name,organisation,bio",
        'ada@import.example,Ada Speaker,Engines,"Two\nlines"',
        "bob@import.example,Bob Speaker,Looms,",
    )
    airmeet.file(
        "sessions.csv",
        "title,start,duration_minutes,host_email,speaker_emails",
        "Opening,2030-05-01 10:00,30,sam.host@example.com,ada@import.example;bob@import.example",
        "Closing,2030-05-01 17:00,,bob@import.example,",
    )
    airmeet.file("wrong.csv", "title,start,host_email", "Opening,tomorrow,ada@import.example")
    airmeet.file("booths.csv", "name,exhibitors,chat", "Engines,ada@import.example,yes", "Looms,,no")
    airmeet.run("import", "speakers", HYBRID, "speakers.csv")
    airmeet.run("import", "sessions", HYBRID, "wrong.csv", "--timezone", "Europe/Paris")
    airmeet.run("import", "sessions", HYBRID, "sessions.csv", "--timezone", "Europe/Paris", "--concurrency", "1")
    airmeet.run("import", "booths", HYBRID, "booths.csv", "--json", "--concurrency", "1")
    airmeet.compare("import")


def test_lists(airmeet):
    airmeet.run("events")
    airmeet.run("events", "--json", "--limit", "2")
    airmeet.run("fields", WITH_FIELDS)
    airmeet.run("fields", WITH_FIELDS, "--json")
    airmeet.run("event", "show", LIVE)
    airmeet.run("event", "show", FINISHED, "--json")
    airmeet.run("template", WITH_FIELDS, "--example")
    airmeet.run("template", WITH_FIELDS, "--output", "template.csv")
    airmeet.compare("lists")


def test_exports(airmeet):
    airmeet.run("export", LIVE, "participants", "-o", "participants.csv")
    airmeet.run("export", LIVE, "participants", "-o", "links.jsonl", "--links", "--limit", "3")
    airmeet.run("export", FINISHED, "sessions", "-o", "sessions.csv")
    airmeet.run("export", FINISHED, "booths", "-o", "booths.jsonl")
    airmeet.run("export", FINISHED, "session-attendance", "-o", "session-attendance.csv", "--limit", "4")
    airmeet.run("export", LIVE, "attendance", "-o", "attendance.csv", "--no-wait")
    airmeet.run("export", LIVE, "participants", "--limit", "3")
    airmeet.run("export", LIVE, "participants", "--limit", "2", "--json")
    airmeet.compare("exports")


def test_reconcile(airmeet):
    airmeet.file(
        "expected.csv",
        "email,first_name,last_name,city",
        "guest000@example.com,Ada,O'Neil,Bristol",
        "GUEST001@example.com,Zoë,Müller,Bonn",
        "missing@example.com,Not,There,",
    )
    airmeet.run("reconcile", LIVE, "expected.csv")
    airmeet.run("reconcile", LIVE, "expected.csv", "--json")
    airmeet.compare("reconcile")


def test_resume(airmeet):
    """A run that stops in the middle, goes on, and sends once more what was refused."""
    names = ("first", "later", "third", "closed", "last")
    airmeet.file("people.csv", "email,first_name,last_name", *(f"{name}@resume.example,Ada,{name}" for name in names))
    one = ("--concurrency", "1", "--results", "results.csv")
    airmeet.run("register", SUMMIT, "people.csv", "--no-invite", *one, "--failed", "failed.csv", "--limit", "2")
    airmeet.run("register", SUMMIT, "people.csv", "--no-invite", *one, "--failed", "failed.csv")
    airmeet.run("runs", "show", "--json")
    airmeet.run("resume", "--concurrency", "1", "--json")
    airmeet.run("retry", "--rejected", "--concurrency", "1")
    airmeet.run("runs")
    airmeet.compare("resume")


def test_help(airmeet):
    """The help of every command that the app lists, and of the commands in these."""

    def ask(*words):
        airmeet.run(*words, "--help", name="-".join(("airmeet", *words)))
        panel = re.search(r"^╭─ Commands ─.*?^╰", airmeet.last_out, re.MULTILINE | re.DOTALL)
        for name in re.findall(r"^│ ([a-z]+)(?= )", panel[0], re.MULTILINE) if panel else ():
            ask(*words, name)

    ask()
    airmeet.compare("help")


def test_no_expectation_is_left_over():
    cases = {path.name for path in EXPECTED.iterdir() if path.is_dir()}
    source = (EXPECTED.parent / "test_golden.py").read_text(encoding="utf-8")

    assert cases == set(re.findall(r'airmeet\.compare\("(\w+)"\)', source))


COUNTING = """
import atexit, os, runpy, sys
opened = []
sys.addaudithook(
    lambda event, facts: opened.append(facts[0])
    if event == "open" and isinstance(facts[0], (str, bytes, os.PathLike))
    and os.path.basename(os.fsdecode(facts[0])) == "people.csv" else None
)
atexit.register(lambda: print(f"opened {len(opened)} times", file=sys.stderr))
sys.argv[0] = "airmeet"
runpy.run_module("airmeet_async", run_name="__main__")
"""


def test_register_opens_its_file_once(airmeet):
    airmeet.file("people.csv", "email,first_name,last_name", "ada@opens.example,Ada,Lovelace")
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, "register", SUMMIT, "people.csv", "--no-invite"],
        cwd=airmeet.folder,
        env=airmeet.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    done.check_returncode()
    count = done.stderr.splitlines()[-1]
    print(f"the input file of airmeet register is {count}")

    assert count == "opened 1 times"
