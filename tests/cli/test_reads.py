"""Commands that read an event, as their users meet them."""

import json
import signal

import pytest

from airmeet_async.sandbox import community
from tests.sentinels import SENTINEL_ACCESS_KEY, leaks
from tests.support.command import Sandbox

EVENT = community.FINISHED


def test_lists_are_tables_or_json(airmeet):
    there = airmeet.at(Sandbox(not_ready_times=0))
    table = there("participants", EVENT, "--sort", "email", "--limit", "2")
    people = there("participants", EVENT, "--email", "guest000@example.com", "--json")
    came = there("attendance", EVENT, "--json")
    shown = there("event", "show", EVENT, "--json")

    assert [line.split()[0] for line in table.out.splitlines()] == ["EMAIL", community.SPEAKER, "guest000@example.com"]
    assert "2 participants" in table.err
    assert [row["email"] for row in people.json] == ["guest000@example.com"]
    assert "joining_link" not in people.json[0]
    assert (len(came.json), came.json[0]["minutes"], came.err) == (120, 3.0, "")
    assert (shown.json["status"], shown.json["sessions"][0]["name"]) == ("FINISHED", "Keynote")


def test_a_list_that_is_being_prepared_is_waited_for_aloud_or_not_at_all(airmeet):
    there = airmeet.at(Sandbox())
    at_once = there("attendance", EVENT, "--no-wait", "--json")
    waited = there("utms", EVENT, "--deadline", "0.5", "--json")

    assert (at_once.code, at_once.json["exit_code"], at_once.json["error"]["code"]) == (75, 75, "temporary")
    assert (waited.code, len(waited.json)) == (0, 75)
    assert "Airmeet is preparing the list; asking again in 1 s" in waited.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("attendance", community.SUMMIT), 6),
        (("attendance", community.LIVE, "--session", community.LIVE_SESSION), 6),
        (("polls", community.NOWHERE), 6),
        (("attendance", EVENT, "--replay", "--booth", "b"), 2),
        (("attendance", EVENT, "--deadline", "0"), 2),
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
            await pretend.sees(lambda world: world.statistics().requests >= 2)
            running.send(number)
            done = await running.end()

    assert (done.code, done.out, done.err) == (128 + number, "", "interrupted\n")
    assert list(airmeet.folder.iterdir()) == []


@pytest.mark.real_time
async def test_who_reads_only_the_head_ends_it_without_a_trace(airmeet, serving):
    async with serving(not_ready_times=0) as pretend:
        with airmeet.at(pretend.url).started("participants", EVENT, "--json") as running:
            running.process.stdout.close()
            running.process.stdout = None
            done = await running.end()

    assert (done.code, done.err) == (0, "")


def test_links_are_shown_only_to_those_who_ask(airmeet):
    there = airmeet.at(Sandbox(not_ready_times=0))
    without = there("recordings", EVENT, "--json", AIRMEET_LOG="debug")
    with_links = there("recordings", EVENT, "--json", "--links")

    assert "https://" not in without.out + without.err
    assert all(row["download_link"].startswith("https://") for row in with_links.json)
    assert leaks(without.out + without.err + with_links.out) == []


def test_an_event_is_compared_with_a_file(airmeet):
    there = airmeet.at(Sandbox())
    assert (there("export", EVENT, "participants", "-o", "all.csv")).code == 0
    same = there("reconcile", EVENT, "all.csv", "--json")
    lines = (airmeet.folder / "all.csv").read_text(encoding="utf-8").splitlines()
    airmeet.file(
        "some.csv",
        lines[0],
        *(line.replace("Bristol", "Bath").replace("Ada O'Neil", "Ada Ay") for line in lines[2:-1]),
        '"x@example.com"' + ',""' * 10,
    )
    other = there("reconcile", EVENT, "some.csv", "-o", "differences.jsonl")

    assert (same.code, same.json["agree"], same.json["differences"]) == (0, 151, [])
    found = [json.loads(line) for line in (airmeet.folder / "differences.jsonl").read_text().splitlines()]
    assert (other.code, other.out) == (3, "")
    assert {one["difference"] for one in found} == {"differs", "only_in_file", "only_in_event"}
    assert {one["field"] for one in found if one["email"] == "guest000@example.com"} == {"name", "city"}
    assert [one["email"] for one in found if one["difference"] == "only_in_event"] == ["guest149@example.com"]
    assert "1 hosts, speakers and the like" in other.err
    assert SENTINEL_ACCESS_KEY not in other.err
