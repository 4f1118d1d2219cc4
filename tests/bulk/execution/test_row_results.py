"""The result that a row ends with, as a table of what is known of it."""

from typing import Any

import pytest

from airmeet_async import Invite, RowStatus
from airmeet_async.bulk.report import RowError
from airmeet_async.bulk.row import CallTemplate, Outcome, OutcomeState, Row, Wish
from airmeet_async.bulk.row_results import (
    done_now,
    failure_result,
    not_recorded,
    success_result,
    template_to_send,
    unfinished_result,
)
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.endpoints import ATTENDEES_ADD, ATTENDEES_BLOCK
from airmeet_async.protocol.models import Access
from airmeet_async.protocol.retry_policy import Tries

S = RowStatus
MAILS = CallTemplate(ATTENDEES_ADD, {}, {}, {"registerAttendee": False, "sendEmailInvite": True})
PLAIN = MAILS.without_mail
ACCESS = Access("a@example.com", "https://x.example/1")
LOST = Verdict(Kind.AMBIGUOUS, None, "no_reply")
BROKEN = Verdict(Kind.AMBIGUOUS, 500, "http_500")
REFUSED = Verdict(Kind.REJECTED, 422, "http_422")
EXPIRED = Verdict(Kind.EXPIRED, 412, "http_412")


def row_after(*verdicts: Verdict, template: CallTemplate = MAILS, **facts: Any) -> Row:
    """A row whose attempts, each asking for what its template does, ended so."""
    row = Row(6, 8, {"email": "a"}, "a@example.com", "a@example.com", template)
    vars(row).update(facts)
    row.first_sent = 10.0
    for verdict in verdicts:
        row.tries, row.begun, row.last = row.tries or Tries(), row.begun + 1, verdict
        row.asked = template_to_send(row, may_mail_twice=False).wish
        row.tries.count(verdict)
        if verdict.kind is Kind.AMBIGUOUS:
            row.unclear |= row.asked
    return row


def succeeded(row: Row) -> Any:
    row.tries = row.tries or Tries()
    row.asked = template_to_send(row, may_mail_twice=False).wish
    row.tries.count(Verdict(Kind.OK, 200))
    return success_result(row, ACCESS, 200, done_now(row, row.asked), 12.5)


def test_a_row_that_was_sent_once_is_not_replayed() -> None:
    once, twice = succeeded(row_after()), succeeded(row_after(LOST))
    throttled = succeeded(row_after(Verdict(Kind.THROTTLED, 429)))

    assert [(one.attempts, one.replayed, one.invite) for one in (once, twice, throttled)] == [
        (1, False, Invite.ASKED), (2, True, Invite.UNVERIFIED), (2, False, Invite.ASKED),
    ]  # fmt: skip
    assert (once.index, once.line, once.key, once.latency_s, once.row) == (6, 8, "a@example.com", 2.5, {"email": "a"})


# What came of the attempts, and the end: status, attempts, replayed, ambiguous, retryable, invite.
FAILURES: dict[str, tuple[Row, tuple[Any, ...]]] = {
    "refused": (row_after(REFUSED), (S.REJECTED, 1, False, False, False, Invite.NOT_ASKED)),
    "no clear answer": (row_after(LOST), (S.UNKNOWN, 1, False, True, True, Invite.UNVERIFIED)),
    "none at all": (row_after(*[BROKEN] * 5), (S.UNKNOWN, 5, True, True, True, Invite.UNVERIFIED)),
    "refused after an unclear one": (row_after(BROKEN, REFUSED), (S.UNKNOWN, 2, True, True, True, Invite.UNVERIFIED)),
    "tokens refused": (row_after(*[EXPIRED] * 3), (S.FAILED, 3, False, False, True, Invite.NOT_ASKED)),
    "without a mail": (row_after(LOST, template=PLAIN), (S.UNKNOWN, 1, False, True, True, Invite.NOT_ASKED)),
}


@pytest.mark.parametrize("case", FAILURES)
def test_how_a_row_ends_that_is_not_sent_again(case: str) -> None:
    row, told = FAILURES[case]
    assert row.last is not None
    result = failure_result(row, row.last, "no", 11.0)

    assert result.error is not None
    error = result.error
    assert (result.status, result.attempts, result.replayed, error.ambiguous, error.retryable, result.invite) == told
    assert (error.message, result.http_status, result.latency_s) == ("no", row.last.status, 1.0)


UNFINISHED: dict[str, tuple[Row, tuple[Any, ...]]] = {
    "never sent": (row_after(), (S.UNPROCESSED, 0, Invite.NOT_ASKED, "not done: it was stopped")),
    "under way": (row_after(sending=True), (S.UNKNOWN, 1, Invite.UNVERIFIED, "sent, but it was stopped before")),
    "under way without a mail": (row_after(sending=True, template=PLAIN), (S.UNKNOWN, 1, Invite.NOT_ASKED, "sent")),
    "waits after a 429": (
        row_after(Verdict(Kind.THROTTLED, 429)), (S.UNPROCESSED, 1, Invite.NOT_ASKED, "not done"),
    ),
    "waits after a 500": (row_after(BROKEN), (S.UNKNOWN, 1, Invite.UNVERIFIED, "sent, but")),
    "under way again": (row_after(BROKEN, sending=True), (S.UNKNOWN, 2, Invite.UNVERIFIED, "sent, but")),
    "not valid": (row_after(error=RowError("invalid_email", "bad")), (S.INVALID, 0, Invite.NOT_ASKED, "bad")),
    "a duplicate": (
        row_after(error=RowError("duplicate", "repeats line 2"), duplicate_of=0),
        (S.DUPLICATE, 0, Invite.NOT_ASKED, "repeats line 2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFINISHED)
def test_how_a_row_ends_that_the_end_of_the_run_found_without_an_answer(case: str) -> None:
    row, (status, attempts, invite, words) = UNFINISHED[case]
    result = unfinished_result(row, "it was stopped", 11.0)

    assert result.error is not None
    assert (result.status, result.attempts, result.invite) == (status, attempts, invite)
    assert result.error.message.startswith(words)
    assert result.error.ambiguous is (status is S.UNKNOWN)


def outcome(state: OutcomeState, done: int = 0, unclear: int = 0, sent: int = 1) -> Outcome:
    return Outcome(int(state), sent, done, unclear, 1)


# What is known from earlier, what was unclear in this run, and whether a mail is asked for now.
ASKED: list[tuple[Outcome | None, int, bool]] = [
    (None, 0, True),
    (None, Wish.DONE, True),
    (None, Wish.MAILED, False),
    (outcome(OutcomeState.RETRY), 0, True),
    (outcome(OutcomeState.UNKNOWN, unclear=Wish.MAILED), Wish.MAILED, False),
    (outcome(OutcomeState.SUCCEEDED, Wish.DONE), 0, True),
    (outcome(OutcomeState.SUCCEEDED, Wish.DONE | Wish.MAILED), 0, False),
    (outcome(OutcomeState.SUCCEEDED, Wish.DONE | Wish.MAIL_UNVERIFIED), 0, False),
    (outcome(OutcomeState.REOPENED, Wish.DONE | Wish.MAIL_UNVERIFIED), 0, True),
    (outcome(OutcomeState.REOPENED, Wish.DONE | Wish.MAILED), 0, False),
]


def test_when_a_mail_is_asked_for() -> None:
    """Once, unless it is asked for again on purpose, or may go out twice."""
    found, twice = [], []
    for earlier, unclear, _ in ASKED:
        row = row_after(earlier=earlier, unclear=unclear)
        found.append(bool(template_to_send(row, may_mail_twice=False).wish & Wish.MAILED))
        twice.append(bool(template_to_send(row, may_mail_twice=True).wish & Wish.MAILED))

    assert found == [asked for _, _, asked in ASKED]
    assert twice[2] is True
    assert twice[6] is False
    assert template_to_send(row_after(template=PLAIN), may_mail_twice=True) is PLAIN


def test_a_row_that_is_sent_once_more_on_purpose_asks_for_its_mail_once_more_and_loses_nothing() -> None:
    known = outcome(OutcomeState.SUCCEEDED, Wish.DONE | Wish.REGISTERED | Wish.MAILED | Wish.AGAIN)
    once, lost, plain = (
        row_after(*verdicts, template=template, earlier=known, repeats=True)
        for verdicts, template in (((), MAILS), ((LOST,), MAILS), ((), PLAIN))
    )

    assert [template_to_send(row, may_mail_twice=False) is MAILS for row in (once, lost)] == [True, False]
    assert done_now(once, MAILS.wish) == done_now(plain, PLAIN.wish) == Wish.DONE | Wish.REGISTERED | Wish.MAILED
    assert done_now(lost, PLAIN.wish) == Wish.DONE | Wish.REGISTERED | Wish.MAIL_UNVERIFIED


def test_what_is_done_after_a_success() -> None:
    row = row_after()
    assert done_now(row, Wish.DONE | Wish.MAILED) == Wish.DONE | Wish.MAILED
    assert done_now(row_after(LOST), Wish.DONE) == Wish.DONE | Wish.MAIL_UNVERIFIED
    assert done_now(row_after(LOST), Wish.DONE | Wish.MAILED) == Wish.DONE | Wish.MAILED
    known = row_after(earlier=outcome(OutcomeState.SUCCEEDED, Wish.DONE | Wish.REGISTERED | Wish.MAIL_UNVERIFIED))
    assert done_now(known, Wish.DONE) == Wish.DONE | Wish.REGISTERED | Wish.MAIL_UNVERIFIED
    assert done_now(known, Wish.DONE | Wish.MAILED) == Wish.DONE | Wish.REGISTERED | Wish.MAILED
    mailed = row_after(earlier=outcome(OutcomeState.UNKNOWN, Wish.DONE | Wish.MAILED), unclear=Wish.MAILED)
    assert done_now(mailed, Wish.DONE) == Wish.DONE | Wish.MAILED


def test_attempts_of_earlier_runs_count() -> None:
    row = row_after(LOST, earlier=outcome(OutcomeState.RETRY, sent=3))

    assert failure_result(row, LOST, "no", 11.0).attempts == 4
    assert succeeded(row).attempts == 5


def test_what_could_not_be_recorded_is_unknown_and_keeps_what_is_known() -> None:
    result = not_recorded(succeeded(row_after()), "the disk failed", mail_in_doubt=True)

    assert (result.status, result.invite, result.attempts) == (S.UNKNOWN, Invite.UNVERIFIED, 1)
    assert result.entry_link == ACCESS.entry_link
    assert result.error is not None
    assert result.error.message.startswith("succeeded, but that could not be recorded (the disk failed)")
    assert (result.error.ambiguous, result.error.retryable) == (True, True)
    assert not_recorded(result, "", mail_in_doubt=False).invite is Invite.NOT_ASKED


def test_a_template_that_knows_of_no_mail_stays_as_it_is() -> None:
    block = CallTemplate(ATTENDEES_BLOCK, {"airmeet_id": "event"})

    assert block.without_mail is block
    assert block.wish == Wish.DONE
    assert (PLAIN.flags["sendEmailInvite"], PLAIN.wish, MAILS.wish) == (False, Wish.DONE, Wish.DONE | Wish.MAILED)
