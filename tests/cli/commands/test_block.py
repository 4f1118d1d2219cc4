"""``airmeet block`` and ``unblock``: a file or addresses, and the same results as for every run."""

import pytest

from airmeet_async.cli.commands.block import split
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.sandbox import community
from tests.support.command import Sandbox

EVENT = community.LIVE
ADA, BOB = "guest000@example.com", "guest001@example.com"


@pytest.mark.parametrize(
    ("targets", "found"),
    [
        ((ADA,), ("", (ADA,))),
        ((ADA, BOB), ("", (ADA, BOB))),
        (("people.csv",), ("people.csv", ())),
        (("list@work.csv",), ("list@work.csv", ())),
    ],
)
def test_a_file_is_told_from_addresses(tmp_path, request, targets, found):
    (tmp_path / "list@work.csv").touch()
    here = {"list@work.csv": str(tmp_path / "list@work.csv")}
    path, emails = split([here.get(one, one) for one in targets])

    assert (path, emails) == (here.get(found[0], found[0]), found[1])


@pytest.mark.parametrize(
    ("targets", "said"),
    [((), "is missing"), (("a.csv", "b.csv"), "one file"), ((ADA, "b.csv"), "'b.csv'"), (("a@b",), "not an e-mail")],
)
def test_anything_else_is_refused(targets, said):
    with pytest.raises(UsageError, match=said):
        split(targets)


def blocked(world):
    return {person.email for person in world.people(EVENT) if person.blocked}


def test_addresses_are_blocked_and_unblocked_without_a_result_file(airmeet):
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    first = there("block", EVENT, ADA, BOB.upper(), "--json", "--progress", "none")
    assert blocked(sandbox.world) == {ADA, BOB}
    again = there("unblock", EVENT, ADA)
    assert blocked(sandbox.world) == {BOB}

    assert (first.code, first.json["counts"]["succeeded"], first.json["results_path"]) == (0, 2, None)
    assert (again.code, again.out, list(airmeet.folder.iterdir())) == (0, "", [])
    assert "1 of 1 unblocked" in again.err


def test_a_file_is_blocked_like_any_list(airmeet):
    airmeet.file(
        "out.csv", "Adresse,Mail", f"x@example.com,{ADA}", f"y@example.com,{ADA.upper()}", "z,nobody@example.com"
    )
    sandbox = Sandbox()
    done = airmeet.at(sandbox)("block", EVENT, "out.csv", "--map", "email=Mail", "--failed", "left.csv", "--yes")
    assert blocked(sandbox.world) == {ADA}

    assert done.code == 3, done.err
    assert [row["airmeet_status"] for row in airmeet.rows("out-results.csv")] == ["succeeded", "duplicate", "rejected"]
    assert [row["Mail"] for row in airmeet.rows("left.csv")] == ["nobody@example.com"]
    assert "left.csv  the rows that are not done" in done.err


def test_addresses_that_were_typed_have_results_where_these_are_asked_for(airmeet):
    done = airmeet.at(Sandbox())("block", EVENT, ADA, "stranger@example.com", "--results", "r.csv", "--json")

    assert done.code == 3
    assert [(row["email"], row["airmeet_row"], row["airmeet_status"]) for row in airmeet.rows("r.csv")] == [
        (ADA, "1", "succeeded"), ("stranger@example.com", "2", "rejected"),
    ]  # fmt: skip
    assert [path.name for path in airmeet.folder.iterdir()] == ["r.csv"]


@pytest.mark.parametrize("status", [404, 400])
def test_somebody_whom_the_event_does_not_know_is_that_row_alone(airmeet, status):
    """Whatever Airmeet says of it; everybody behind it is blocked."""
    airmeet.file("out.csv", "email", "nobody@example.com", ADA, "none@example.com", BOB)
    sandbox = Sandbox(unknown_attendee_status=status)
    done = airmeet.at(sandbox)("block", EVENT, "out.csv", "--yes")

    assert (done.code, blocked(sandbox.world)) == (3, {ADA, BOB})
    found = ["rejected", "succeeded", "rejected", "succeeded"]
    assert [row["airmeet_status"] for row in airmeet.rows("out-results.csv")] == found


def test_whom_airmeet_refused_to_block_is_left_out_until_an_unblock_and_nobody_calls_them_blocked(airmeet):
    """Somebody whom the event does not know yet can be neither blocked nor unblocked."""
    airmeet.people(3)
    there, register = airmeet.at(Sandbox()), ("register", EVENT, "people.csv", "--no-invite")
    refused = there("block", EVENT, "person-1@example.com", "person-2@example.com")
    left_out, plan = there(*register), there(*register, "--dry-run", "--json").json
    there("unblock", EVENT, "person-1@example.com")
    one = there(*register)
    there("unblock", EVENT, "person-2@example.com")

    said = " ".join(left_out.err.split())
    assert (refused.code, plan["blocked"]) == (3, 2)
    assert "Whom Airmeet refused it did not block. Later lists leave them out all the same" in refused.err
    assert "were to be blocked here, which Airmeet refused; unblock them to let them in" in said
    assert "was to be blocked here on " in one.err
    assert "were blocked" not in said + one.err
    assert "was blocked" not in said + one.err
    assert there(*register).code == 0


@pytest.mark.parametrize("status", [404, 400])
def test_many_whom_the_event_does_not_know_keep_nobody_behind_them_from_being_blocked(airmeet, status):
    """Twenty in a row that are refused in the same way stop other runs."""
    airmeet.file("out.csv", "email", *(f"nobody{n}@example.com" for n in range(45)), ADA, BOB)
    sandbox = Sandbox(unknown_attendee_status=status)
    done = airmeet.at(sandbox)("block", EVENT, "out.csv", "--yes", "--json")

    assert (done.code, blocked(sandbox.world)) == (3, {ADA, BOB})
    assert (done.json["counts"]["rejected"], done.json["stop_reason"]) == (45, None)


@pytest.mark.parametrize("acknowledgement", ["message", "true", "text", "empty", "accepted", "no content"])
def test_each_way_to_say_yes_is_one(airmeet, acknowledgement):
    """Sent once, and done."""
    sandbox = Sandbox(acknowledgement=acknowledgement)
    done = airmeet.at(sandbox)("block", EVENT, ADA, BOB, "--json")

    assert (done.code, done.json["counts"]["succeeded"], done.json["attempts"]) == (0, 2, 2)
    assert blocked(sandbox.world) == {ADA, BOB}
