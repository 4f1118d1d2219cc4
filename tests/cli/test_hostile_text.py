"""What Airmeet, a file or a command line says cannot steer a terminal, nor run in a spreadsheet."""

import csv
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from airmeet_async.sandbox import community
from tests.support.command import Sandbox

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp\u2066\x9b31m\r\x00"
FORMULA = "=cmd|' /C calc'!A0"
# What the progress bar itself needs: colours, wiping a line, going up, the cursor.
OWN = re.compile(r"\x1b\[[0-9;]*[mKA]|\x1b\[\?25[hl]|\r(?=\x1b\[)|\r?\n")
EVENT = community.FINISHED
NAMES = frozenset(
    ("name", "label", "firstName", "lastName", "first_name", "last_name", "city", "country", "designation",
     "organisation", "title", "displayValue", "question", "message", "statusMessage", "status", "timezone")
)  # fmt: skip


class Hostile(Sandbox):
    """Says something hostile in each text for people."""

    async def exchange(self, request: Any) -> Any:
        reply = await super().exchange(request)
        if "/auth" in request.target or not reply.body:
            return reply
        return evolve(reply, body=json.dumps(spoil(json.loads(reply.body))).encode())


def spoil(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: spoil(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [spoil(one, name) for one in value]
    return f"{FORMULA}{HOSTILE}{value}" if name in NAMES and isinstance(value, str) else value


COMMANDS = [
    ("events",), ("fields", community.WITH_FIELDS), ("template", community.WITH_FIELDS, "--example"),
    ("event", "show", EVENT), ("doctor",), ("reconcile", EVENT, "people.csv"), ("check", "people.csv", EVENT),
    ("register", community.WITH_FIELDS, "people.csv", "--no-invite"), ("runs", "show"), ("runs",), ("runs", "results"),
    ("import", "speakers", EVENT, "speakers.csv"), ("runs", "show", f"x{HOSTILE}"), (f"x{HOSTILE}",),
    ("register", f"x{HOSTILE}", "people.csv"), ("register", EVENT, f"x{HOSTILE.replace(chr(0), '')}.csv"),
    *(("export", EVENT, what) for what in (
        "participants", "registrations", "attendance", "sessions", "booths", "polls", "questions", "utms", "tracks",
    )),
]  # fmt: skip


def hostile_in(text: str) -> list[str]:
    return re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", OWN.sub("", text))


@pytest.mark.parametrize("reply", ["as it is", "refused"])
@pytest.mark.slow
def test_no_command_lets_text_steer_a_terminal(airmeet, reply):
    airmeet.file(
        "people.csv", "email,first_name,last_name,City", f"a@b.example,Ada{HOSTILE[:-2]},{FORMULA},x{HOSTILE[:-2]}"
    )
    airmeet.file("speakers.csv", "email,name", f"a@b.example,Ada{HOSTILE[:-2]}")
    there = airmeet.at(Hostile() if reply == "as it is" else Hostile("422:100%"))
    for words in COMMANDS:
        for more in ([], ["--json"]) if words[0] in {"events", "register", "doctor", "export"} else ([],):
            done = there(*words, *more, typed="y\ny\n", AIRMEET_DEBUG="1")
            assert hostile_in(done.out + done.err) == [], words


def test_no_file_of_ours_has_a_cell_that_runs(airmeet):
    airmeet.file("people.csv", "email,first_name,last_name,=x", f'a@b.example,Ada,"{FORMULA}",+1')
    there = airmeet.at(Hostile())
    there("register", community.WITH_FIELDS, "people.csv", "--no-invite", "--results", "results.csv")
    there("template", community.WITH_FIELDS, "--example", "-o", "template.csv")
    for what in ("participants", "registrations", "attendance", "booths", "polls", "questions", "tracks"):
        there("export", EVENT, what, "-o", f"{what}.csv")
    written = list(airmeet.folder.glob("*.csv"))

    assert len(written) >= 8
    for path in written:
        if path.name != "people.csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                assert not [cell for row in csv.reader(file) for cell in row if cell[:1] in "=+-@\t\r" and cell], path
