"""Each rule of the checker finds what breaks it, and leaves a good history alone."""

from typing import Any

import pytest
from attrs import evolve

from tests.sentinels import SENTINEL_LINK, SENTINEL_TOKEN
from tests.torture.checker import RULES, UNVERIFIED, check, lost, mails, sent_again, under_way, unmailed
from tests.torture.history import (
    FAILED,
    IN_FLIGHT,
    PENDING,
    SUCCEEDED,
    Entry,
    Facts,
    History,
    InputRow,
    Journal,
    Mark,
    Result,
    Sent,
    Truth,
)

A, B, C = "a@example.com", "b@example.com", "c@example.com"


def auth(n, gen=1, **facts):
    t = facts.pop("t", n / 10)
    return Sent(**{"n": n, "kind": "auth", "gen": gen, "status": 200, "t_recv": t, "t_reply": t, "t_end": t} | facts)


def add(n, key=A, **facts):
    """An add that went well, unless *facts* say otherwise."""
    t = facts.pop("t", n / 10)
    plain: dict[str, Any] = {
        "key": key,
        "hash": f"body of {key}",
        "gen": 1,
        "status": 200,
        "applied": True,
        "invite": False,
    }
    facts = plain | {"t_recv": t, "t_end": t + 0.01} | facts
    facts = {"t_reply": None if facts["status"] is None else facts["t_end"]} | facts
    return Sent(n=n, **facts)


def nothing(n, key=A, **facts):
    """An add whose client went away."""
    return add(n, key, **{"status": None, "gone": True} | facts)


def failed(n, status, key=A, **facts):
    return add(n, key, status=status, applied=False, **facts)


def row(line, key, part="plain"):
    return InputRow(line, key, part, frozenset({f"body of {key}"}), f"link of {key}")


def ok(line, key, status="succeeded"):
    return Result(line, key, status, attempts=1, link=f"link of {key}")


def no(line, key, status, code=""):
    return Result(line, key, status, code)


def marks(*given):
    return [Mark(n, what, n / 10) for n, what in given]


ROWS = (row(2, A), row(3, B))


def history(*sends, rows=ROWS, results=None, at=(), journals=(), **more):
    """A run of two people that went well, unless the arguments say otherwise."""
    requests = list(sends) or [auth(1), add(2, A), add(3, B)]
    results = [ok(row.line, row.key) for row in rows] if results is None else results
    facts = Facts(**more.pop("facts", {}))
    return History(
        truth=Truth(requests, marks(*at)), rows=rows, results=results, journals=journals, facts=facts, **more
    )


def journal(at, inputs=2, integrity="ok", **states):
    keys = {"a": A, "b": B, "c": C}
    return Journal(
        at, integrity, {keys[name]: Entry(state, int(state != PENDING)) for name, state in states.items()}, inputs
    )


DONE = journal(9, a=SUCCEEDED, b=SUCCEEDED)
LIMITS = {"concurrency": 2, "rate": 10.0, "max_unsettled": 1, "elapsed": 5.0, "bound": 10.0, "jitter": 0.0}

GOOD = {
    "two people": history(facts=LIMITS, journals=(DONE,)),
    "failures of all kinds before the success": history(
        auth(1), failed(2, 500), failed(3, 429), nothing(4), add(5), failed(6, 412, B), auth(7, 2),
        add(8, B, gen=2), at=[(5, "expire")],
    ),
    "sent again because of a kill": history(
        auth(1), add(2), nothing(3, B), auth(6, 2), add(7, B, gen=2), at=[(0, "start"), (4, "kill"), (5, "start")],
        journals=(journal(4, a=SUCCEEDED, b=IN_FLIGHT), DONE), facts={"max_unsettled": 1},
    ),
    "mailed once, but for those who were under way at the kill": history(
        auth(1), add(2, invite=True), nothing(3, B, invite=True, applied=False), auth(6, 2),
        add(7, B, gen=2, invite=False), add(8, C, gen=2, invite=False), at=[(0, "start"), (4, "kill"), (5, "start")],
        rows=(row(2, A), row(3, B), row(4, C)),
        journals=(
            journal(4, 3, a=SUCCEEDED, b=IN_FLIGHT, c=IN_FLIGHT), journal(9, 3, a=SUCCEEDED, b=SUCCEEDED, c=SUCCEEDED)
        ),
        facts={"invites": True, "max_unsettled": 2},
        results=[ok(2, A), evolve(ok(3, B), code=UNVERIFIED), evolve(ok(4, C), code=UNVERIFIED)],
    ),
    "the last answer before the kill was not recorded": history(
        auth(1), add(2), add(3, B), add(6, B), at=[(0, "start"), (4, "kill"), (5, "start")],
        journals=(journal(4, a=SUCCEEDED, b=IN_FLIGHT), DONE), facts={"max_unsettled": 1},
    ),
    "applied, yet the answers never came": history(
        auth(1), add(2, B), *[nothing(n, gone=False) for n in range(3, 8)],
        results=[no(2, A, "failed", "no_reply"), ok(3, B)],
    ),
    "a duplicate, an invalid row, a refusal": history(
        auth(1), add(2), failed(3, 422, "r@example.com"),
        rows=(row(2, A), row(3, A.upper(), "duplicate"), row(4, "?", "invalid"), row(5, "r@example.com", "reject")),
        results=[ok(2, A), no(3, A.upper(), "duplicate"), no(4, "?", "invalid"), no(5, "r@example.com", "rejected")],
    ),
    "stopped before its end": history(
        auth(1), add(2), results=[ok(2, A), no(3, B, "unprocessed")], facts={"finished": False}
    ),
    "a journal in which the row was begun and never sent": history(
        auth(1), add(2), nothing(3, B), add(7, B), at=[(4, "kill")],
        journals=(journal(4, a=SUCCEEDED, b=IN_FLIGHT), DONE),
    ),
    "requests that were under way when the token was replaced": history(
        auth(1), add(2, t=0.2), auth(3, 2, t=0.3), add(4, B, t=0.35, gen=1), at=[(2, "expire")],
        facts={"concurrency": 1},
    ),
    "entry links where they belong": history(texts={"r.csv": SENTINEL_LINK}, with_links=frozenset({"r.csv"})),
    "one invitation, and a cautious second request": history(
        auth(1), nothing(2, invite=True, gone=False), add(3, invite=False), failed(4, 429, B, invite=True),
        add(5, B, invite=True), facts={"invites": True},
    ),
}  # fmt: skip

KILLED = [(0, "start"), (4, "kill"), (5, "start")]

BAD = [
    ("C1", "no results file", evolve(history(), results=None)),
    ("C1", "line 3, b@example.com: 0 results", history(results=[ok(2, A)])),
    ("C1", "line 3, b@example.com: 2 results", history(results=[ok(2, A), ok(3, B), ok(3, B)])),
    ("C1", "line 9: a result, but no row", history(results=[ok(2, A), ok(3, B), ok(9, B)])),
    ("C1", "its result is that of b@", history(results=[ok(2, B), ok(3, B)])),
    ("C1", "'odd' does not exist", history(results=[no(2, A, "odd"), ok(3, B)])),
    ("C1", "unprocessed, although", history(results=[ok(2, A), no(3, B, "unprocessed")])),
    ("C1", "duplicate, although the row is plain", history(results=[ok(2, A), no(3, B, "duplicate")])),
    ("C1", "succeeded, although the row is invalid", history(rows=(row(2, A), row(3, B, "invalid")))),
    ("C1", "holds 1 rows of input", history(journals=(journal(9, 1, a=SUCCEEDED, b=SUCCEEDED),))),
    ("C1", "not in the journal", history(journals=(journal(9, a=SUCCEEDED),))),
    ("C1", "succeeded, but state 6", history(journals=(journal(9, a=SUCCEEDED, b=FAILED),))),
    ("C1", "succeeded, but state 1", history(journals=(journal(9, a=SUCCEEDED, b=IN_FLIGHT),))),
    ("C2", "b@example.com: succeeded, but never applied", history(auth(1), add(2))),
    ("C1", "'skipped' does not exist", history(results=[ok(2, A), ok(3, B, "skipped")])),
    ("C2", "with another body", history(auth(1), add(2), add(3, B, hash="other"))),
    ("C2", "somebody else link", history(results=[ok(2, A), evolve(ok(3, B), link=f"link of {A}")])),
    ("C2", "no link", history(results=[ok(2, A), evolve(ok(3, B), link="")])),
    ("C3", "rejected (http_422), but applied", history(results=[ok(2, A), no(3, B, "rejected", "http_422")])),
    ("C3", "failed (http_429), but applied", history(results=[ok(2, A), no(3, B, "failed", "http_429")])),
    ("C3", "failed (not_sent_dns), but applied", history(results=[ok(2, A), no(3, B, "failed", "not_sent_dns")])),
    ("C3", "unprocessed (), but applied", history(
        results=[ok(2, A), no(3, B, "unprocessed")], facts={"finished": False}
    )),
    ("C3", "never refused it", history(auth(1), add(2), failed(3, 500, B), results=[ok(2, A), no(3, B, "rejected")])),
    ("C3", "no request of it failed", history(results=[ok(2, A), no(3, B, "failed", "no_reply")])),
    ("C3", "unknown, but no request of it failed", history(auth(1), add(2), results=[ok(2, A), no(3, B, "unknown")])),
    ("C4", "after a success, without a crash", history(auth(1), add(2), add(3), add(4, B))),
    ("C4", "c@example.com: sent, but not in", history(auth(1), add(2), add(3, B), add(4, "c@example.com"))),
    ("C4", "nobody: sent, but not in", history(
        auth(1), add(2), add(3, "nobody"), rows=(row(2, A), row(3, "nobody", "invalid")),
        results=[ok(2, A), no(3, "nobody", "invalid")],
    )),
    ("C4", "2 rows were sent again, more than 1", history(
        auth(1), add(2), nothing(3, B), add(6), add(7, B), at=KILLED, facts={"max_unsettled": 1},
        journals=(journal(4, a=IN_FLIGHT, b=IN_FLIGHT),),
    )),
    ("C4", "2 requests that may each have mailed", history(
        auth(1), nothing(2, invite=True), add(3, invite=True), add(4, B), facts={"invites": True}
    )),
    ("C4", "a@example.com: was mailed 2 times", history(
        auth(1), add(2, invite=True), add(3, B, invite=True), add(6, invite=True), at=KILLED, facts={"invites": True}
    )),
    ("C3", "b@example.com: succeeded without a word on its invitation", history(
        auth(1), add(2, invite=True), add(6, B), at=KILLED, facts={"invites": True},
        journals=(journal(4, a=SUCCEEDED, b=IN_FLIGHT),),
    )),
    ("C4", "b@example.com: never mailed", history(
        auth(1), add(2, invite=True), add(6, B), at=KILLED, facts={"invites": True},
        journals=(journal(4, a=IN_FLIGHT, b=PENDING),),
    )),
    ("C4", "b@example.com: never mailed, and was not under way", history(
        auth(1), add(2, invite=True), failed(3, 429, B, invite=True), add(6, B), facts={"invites": True}
    )),
    ("C5", "after state 4 was durable", history(
        auth(1), add(2), add(3, B), add(6), at=KILLED, journals=(journal(4, a=SUCCEEDED, b=SUCCEEDED),)
    )),
    ("C5", "state 4 in journal 1 is 0", history(
        at=KILLED, journals=(journal(4, a=SUCCEEDED, b=SUCCEEDED), journal(9, a=PENDING, b=SUCCEEDED))
    )),
    ("C5", "state 4 in journal 1 is None", history(
        at=KILLED, journals=(journal(4, a=SUCCEEDED, b=SUCCEEDED), journal(9, a=SUCCEEDED))
    )),
    ("C5", "after the run had ended", history(auth(1), add(2), add(3, B), add(6), at=[(4, "done")])),
    ("C6", "no journal after the kill", history(at=KILLED)),
    ("C6", "but pending in the journal", history(at=KILLED, journals=(journal(4, a=SUCCEEDED, b=PENDING),))),
    ("C6", "but missing in the journal", history(at=KILLED, journals=(journal(4, a=SUCCEEDED),))),
    ("C6", "2 rows are unknown, more than 1", history(
        at=KILLED, journals=(journal(4, a=IN_FLIGHT, b=IN_FLIGHT),), facts={"max_unsettled": 1}
    )),
    ("C6", "a@example.com: unknown at the kill at 4, but request 2 was answered long before", history(
        at=KILLED, journals=(journal(4, a=IN_FLIGHT, b=SUCCEEDED),), facts={"max_unsettled": 1}
    )),
    ("C6", "integrity check says page 3 is", history(at=KILLED, journals=(journal(4, integrity="page 3 is lost"),))),
    ("C7", "2 tokens were asked for", history(auth(1), auth(2, 2), add(3, gen=2), add(4, B, gen=2))),
    ("C7", "3 tokens were asked for", history(
        auth(1), failed(2, 412), auth(3, 2), auth(4, 3), add(5, gen=3), add(6, B, gen=3), at=[(2, "expire")]
    )),
    ("C8", "requests too many for 10/s", history(
        auth(1), add(2, t=1.0), failed(3, 429, B, t=1.01), add(4, B, t=1.05), facts={"rate": 10.0, "jitter": 0.0}
    )),
    ("C9", "2 requests under way at request 3, more than 1", history(
        auth(1), add(2, t=1.0, t_end=2.0), add(3, B, t=1.5), facts={"concurrency": 1}
    )),
    ("C10", "took 11.0 s", history(facts={"elapsed": 11.0, "bound": 10.0})),
    ("C11", "err.txt: shows the token", history(texts={"err.txt": f"oops {SENTINEL_TOKEN}.1"})),
    ("C11", "err.txt: shows an entry link", history(texts={"err.txt": SENTINEL_LINK})),
    ("C11", "r.csv: shows the token", history(texts={"r.csv": SENTINEL_TOKEN}, with_links=frozenset({"r.csv"}))),
    ("C12", "has token 1, 1.0 s after token 2", history(
        auth(1), add(2), auth(3, 2, t=0.3), add(4, B, t=1.3), at=[(2, "expire")]
    )),
    ("C12", "one of more than 1 that still have token 1", history(
        auth(1), auth(2, 2, t=0.2), add(3, t=0.3), add(4, B, t=0.35), at=[(1, "expire")], facts={"concurrency": 1}
    )),
    ("C12", "request 3 has no token", history(auth(1), add(2), add(3, B, gen=None))),
    ("C12", "request 3 has a token that was never issued", history(auth(1), add(2), add(3, B, gen=0))),
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_good_history_is_left_alone(name):
    assert check(GOOD[name]) == []


@pytest.mark.parametrize(("rule", "word", "bad"), BAD, ids=[f"{rule}-{word}" for rule, word, _ in BAD])
def test_what_breaks_a_rule_is_found(rule, word, bad):
    found = [what for what in check(bad) if what.startswith(f"{rule} ")]

    assert any(word in what for what in found), check(bad)


def test_every_rule_is_seen_to_fail():
    assert {rule for rule, _, _ in BAD} == {rule for rule, _ in RULES} == {f"C{number}" for number in range(1, 13)}


def test_a_row_is_lost_without_a_result_or_with_a_success_that_is_none():
    assert lost(history()) == []
    assert [row.key for row in lost(history(results=[ok(2, A)]))] == [B]
    assert [row.key for row in lost(history(auth(1), add(2)))] == [B]
    assert [row.key for row in lost(history(results=[ok(2, A), no(3, B, "unprocessed")]))] == [B]


def test_only_what_a_kill_caused_is_counted_as_sent_again_by_it():
    """A row that had failed before the kill would have been sent again without it."""
    sends = (auth(1), failed(2, 500), nothing(3, B), add(6), add(7, B))

    assert sent_again(history(*sends, at=KILLED)) == {4: {B}}
    assert sent_again(history(*sends, at=[(8, "kill")])) == {8: set()}


def test_under_way_is_what_was_not_answered_and_as_many_of_the_last_answers_as_could_be_unread():
    sends = (auth(1), add(2), add(3, B), nothing(4, C), add(7), nothing(8, B))
    at = [(0, "start"), (5, "kill"), (6, "start"), (9, "kill")]

    assert under_way(history(*sends, at=at, facts={"max_unsettled": 1})) == {5: {B, C}, 9: {A, B}}


def test_mails_are_counted_where_they_were_applied():
    sends = (auth(1), add(2, invite=True), failed(3, 500, B, invite=True), add(4, B), add(5, invite=True))

    assert mails(history(*sends)) == {A: 2, B: 0}
    assert [row.key for row in unmailed(history(*sends))] == [B]
