"""``airmeet export``: every list into a file. Real processes, and the counter without one."""

import json
import stat

import pytest

from airmeet_async.cli.commands.export import Counting, ExportFile
from airmeet_async.cli.commands.lists import LISTS
from airmeet_async.cli.console import Voice
from airmeet_async.cli.list_columns import Line
from airmeet_async.sandbox import community

EVENT = community.FINISHED


def test_a_long_export_says_now_and_then_how_far_it_is(tmp_path):
    said: list[str] = []
    voice, clock = Voice(), iter([0.0, 9.9, 10.0, 10.0, 15.0])
    voice.write = said.append
    with ExportFile(tmp_path / "x.csv", ("a",), marks=("a",)) as file:
        counting = Counting(file, voice, clock=lambda: next(clock))
        for _ in range(3):
            counting.add(Line({"a": 1}))

    assert said == ["2 rows so far"]


@pytest.mark.real_time
async def test_lists_become_private_files(airmeet, serving):
    async with serving(not_ready_times=0) as pretend:
        there = airmeet.at(pretend.url)
        done = [await there("export", EVENT, what, "-o", f"{what}.csv") for what in ("session-attendance", "booths")]
        lines = await there("export", EVENT, "booths", "-o", "booths.jsonl")
        people = await there("export", EVENT, "participants", "-o", "people.csv", "--links", "--limit", "3")

    assert [one.code for one in (*done, lines, people)] == [0, 0, 0, 0]
    assert {row["session_name"] for row in airmeet.rows("session-attendance.csv")} == {
        "Keynote",
        "Questions and answers",
        "Workshop",
    }
    assert (len(airmeet.rows("people.csv")), "keep it private" in people.err) == (3, True)
    assert all("code=" in row["joining_link"] for row in airmeet.rows("people.csv"))
    assert list(airmeet.rows("booths.csv")[0]) == list(LISTS["booths"].shape.columns)
    assert json.loads((airmeet.folder / "booths.jsonl").read_text().splitlines()[0])["airmeet_id"] == EVENT
    assert {stat.S_IMODE(path.stat().st_mode) for path in airmeet.folder.iterdir()} == {0o600}


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("participants", "-o", "mine.csv"), 2, "not an export of this list"),
        (("participants",), 2, "--output"),
        (("replays", "-o", "x.csv", "--no-wait"), 75, "still preparing"),
    ],
)
async def test_what_cannot_be_written_leaves_everything_as_it_was(airmeet, serving, words, code, said):
    airmeet.file("mine.csv", "email,first_name,last_name", "a@example.com,Ada,Ay")
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)("export", EVENT, *words)

    assert (done.code, said in done.err) == (code, True), done.err
    assert [path.name for path in airmeet.folder.iterdir()] == ["mine.csv"]


@pytest.mark.real_time
async def test_raw_warns(airmeet, serving):
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)("export", EVENT, "tracks", "-o", "tracks.csv", "--raw")

    assert (done.code, "warning: --raw" in done.err) == (0, True)
