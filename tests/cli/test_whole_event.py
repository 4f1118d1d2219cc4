"""A whole event: with the example program, and with the command line alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from airmeet_async.cli.commands.demo import running
from airmeet_async.sandbox import community

pytestmark = pytest.mark.real_time

ROOT = Path(__file__).parents[2]


def test_the_example_goes_from_the_first_to_the_last_step(airmeet):
    with running(seed=0, faults="", latency_ms=0) as sandbox:
        done = subprocess.run(
            [sys.executable, ROOT / "examples" / "whole_event.py"],
            cwd=airmeet.folder,
            env=airmeet.environ | sandbox.environ,
            capture_output=True,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said[0].startswith("created ")
    assert {"booths: 1 of 1", "speakers: 2 of 2", "sessions: 2 of 2", "people: 100 of 100"} <= set(said)
    assert "attendance.jsonl: 80 rows" in said
    for name in ("attendance", "polls", "questions"):
        lines = (airmeet.folder / f"{name}.jsonl").read_text().splitlines()
        assert all(json.loads(line)["email"].startswith("guest-") for line in lines)


async def test_the_command_line_does_the_same(airmeet, serving):
    airmeet.file("speakers.csv", "email,name", "ada@example.com,Ada Ay")
    airmeet.file(
        "day.csv", "title,start,host,minutes,speakers", f"Talk,2027-03-01 10:00,{community.HOST},30,ada@example.com"
    )
    airmeet.file("booths.csv", "name", "Engines")
    airmeet.people(40)
    plan = {
        "host": community.HOST, "name": "A day", "summary": "Talks", "timezone": "Europe/Paris",
        "start": "2027-03-01 10:00", "end": "2027-03-01T18:00+01:00",
    }  # fmt: skip
    async with serving(not_ready_times=0) as pretend:
        there = airmeet.at(pretend.url)
        made = await there("event", "create", *(word for name, text in plan.items() for word in (f"--{name}", text)))
        event = made.out.strip()
        done = [
            await there("import", "booths", event, "booths.csv"),
            await there("import", "speakers", event, "speakers.csv"),
            await there("import", "sessions", event, "day.csv", "--timezone", "Europe/Paris"),
            await there("register", event, "people.csv", "--no-invite"),
            await there("event", "status", event, "ONGOING"),
            await there("event", "status", event, "FINISHED", "--json"),
            await there("reconcile", event, "people.csv"),
            await there("export", event, "attendance", "-o", "attendance.csv"),
            await there("export", event, "booth-attendance", "-o", "booth.csv"),
            await there("polls", event, "--json"),
            await there("questions", event, "--json"),
        ]

    assert [one.code for one in (made, *done)] == [0] * 12, [one.err for one in done if one.code]
    assert done[5].json == {"id": event, "status": "FINISHED", "updated": True, "exit_code": 0}
    assert (len(airmeet.rows("attendance.csv")), len(airmeet.rows("booth.csv"))) == (32, 16)
    assert (len(done[9].json), len(done[10].json)) == (16, 4)
