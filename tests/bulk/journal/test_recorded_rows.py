"""What a recorded row has become, and whether it is to be sent: a table of cases."""

from typing import Any

import pytest

from airmeet_async.bulk.journal.recorded_rows import is_open, recorded_result, what_is_left
from airmeet_async.bulk.report import Invite, RowError, RowStatus, RowWarning
from airmeet_async.bulk.row import CallTemplate, Outcome, OutcomeState, Row, Wish
from airmeet_async.protocol.endpoints import ENDPOINTS
from tests.bulk.journal.conftest import BOTH, MAILS, PLAIN, REGISTERS, invalid, person

S, R = OutcomeState, RowStatus
NOW = 1_000_000.0
DAY = 24 * 3600.0
BOOTHS = CallTemplate(ENDPOINTS["booths.create"], {"airmeet_id": "event"})
ONCE = Wish.DONE | Wish.MAILED
DOUBTFUL = Wish.DONE | Wish.MAIL_UNVERIFIED


def row(
    template: CallTemplate = PLAIN, state: OutcomeState | None = None, *, changed: bool = False, **facts: Any
) -> Row:
    found = person(0, "a", template, changed=changed)
    if state is not None:
        defaults = {"sent": 1, "done": 1 if state is S.SUCCEEDED else 0, "unclear": 0, "run": 1, "touched": NOW - 60}
        found.earlier = Outcome(state, **{**defaults, **facts})
    return found


CASES = [
    # row, what it is without being sent (None: send it), what it is if nothing is sent any more
    (row(), None, R.UNPROCESSED),
    (row(state=S.REOPENED), None, R.UNPROCESSED),
    (row(state=S.RETRY), None, R.UNPROCESSED),
    (row(state=S.FAILED), None, R.FAILED),
    (row(state=S.REJECTED), R.REJECTED, R.REJECTED),
    (row(state=S.REJECTED, changed=True), None, R.UNPROCESSED),
    (row(state=S.SUCCEEDED), R.SUCCEEDED, R.SUCCEEDED),
    (row(state=S.SUCCEEDED, changed=True), R.SUCCEEDED, R.SUCCEEDED),
    (row(REGISTERS, S.SUCCEEDED), None, R.UNPROCESSED),
    (row(MAILS, S.SUCCEEDED), None, R.UNPROCESSED),
    (row(MAILS, S.SUCCEEDED, done=ONCE), R.SUCCEEDED, R.SUCCEEDED),
    (row(MAILS, S.SUCCEEDED, done=DOUBTFUL), R.SUCCEEDED, R.SUCCEEDED),
    (row(BOTH, S.SUCCEEDED, done=DOUBTFUL), None, R.UNPROCESSED),
    (row(state=S.UNKNOWN, unclear=1), None, R.UNKNOWN),
    (row(state=S.IN_FLIGHT), None, R.UNKNOWN),
    (row(state=S.RETRY, unclear=1), None, R.UNKNOWN),
    (row(state=S.UNKNOWN, touched=NOW - DAY - 1), R.UNKNOWN, R.UNKNOWN),
    (row(state=S.UNKNOWN, touched=NOW - DAY + 1), None, R.UNKNOWN),
    (row(state=S.UNKNOWN, touched=NOW + 3601), R.UNKNOWN, R.UNKNOWN),
    (row(state=S.UNKNOWN, touched=None), R.UNKNOWN, R.UNKNOWN),
    (row(state=S.RETRY, touched=NOW - DAY - 1), None, R.UNPROCESSED),
    (row(state=S.REOPENED, unclear=1, touched=NOW - DAY - 1), None, R.UNKNOWN),
    (row(BOOTHS, S.UNKNOWN, unclear=1), R.UNKNOWN, R.UNKNOWN),
    (row(BOOTHS, S.RETRY), None, R.UNPROCESSED),
    (invalid(0, "x"), R.INVALID, R.INVALID),
    (person(1, "a", duplicate_of=0, error=RowError("duplicate", "repeats line 2")), R.DUPLICATE, R.DUPLICATE),
]


@pytest.mark.parametrize(("found", "now", "at_the_end"), CASES)
def test_what_is_left_to_do(found: Row, now: RowStatus | None, at_the_end: RowStatus) -> None:
    left = what_is_left(found, NOW, accept_stale=False)

    assert (None if left is None else left.status) == now
    assert recorded_result(found, "stopped").status == at_the_end
    if left is not None and left.status is not R.UNKNOWN:
        assert not is_open(found)


def test_stale_rows_are_sent_by_those_who_accept_it() -> None:
    old = row(state=S.UNKNOWN, unclear=1, touched=NOW - DAY - 1)
    booth = row(BOOTHS, S.UNKNOWN, unclear=1, touched=NOW - DAY - 1)

    held = what_is_left(old, NOW, accept_stale=False)
    assert held is not None
    assert held.error is not None
    assert "--accept-stale" in held.error.message
    assert what_is_left(old, NOW, accept_stale=True) is None
    assert what_is_left(booth, NOW, accept_stale=True) is not None


def test_a_row_of_an_earlier_run_says_what_that_run_knew() -> None:
    note = '{"replayed":true,"error":{"code":"c","message":"m"},"warnings":[["c","w"]]}'
    found = row(MAILS, S.SUCCEEDED, done=ONCE, sent=3, http=200, latency=0.5, link="https://l", note=note)
    found.warnings = (RowWarning("will_be_cut", "cut"),)

    result = recorded_result(found, "")

    assert (result.from_earlier_run, result.attempts, result.http_status, result.latency_s) == (True, 3, 200, 0.5)
    assert (result.entry_link, result.replayed, result.invite) == ("https://l", True, Invite.ASKED)
    assert result.warnings == ("cut", "w")
    assert recorded_result(found, "", run=1).from_earlier_run is False
    assert recorded_result(found, "", run=2).from_earlier_run is True


@pytest.mark.parametrize(
    ("found", "invite"),
    [
        (row(PLAIN, S.SUCCEEDED, done=ONCE), Invite.NOT_ASKED),
        (row(MAILS, S.SUCCEEDED, done=ONCE), Invite.ASKED),
        (row(MAILS, S.SUCCEEDED, done=DOUBTFUL), Invite.UNVERIFIED),
        (row(MAILS, S.UNKNOWN, unclear=ONCE), Invite.UNVERIFIED),
        (row(MAILS, S.UNKNOWN, unclear=Wish.DONE), Invite.NOT_ASKED),
        (row(MAILS, S.REJECTED), Invite.NOT_ASKED),
        (row(MAILS), Invite.NOT_ASKED),
    ],
)
def test_what_is_known_of_a_mail(found: Row, invite: Invite) -> None:
    assert recorded_result(found, "").invite is invite


def test_a_row_that_has_changed_says_what_happens_to_the_change() -> None:
    done, doubtful = row(state=S.SUCCEEDED, changed=True), row(state=S.UNKNOWN, unclear=1, changed=True)

    assert "keeps the old details" in recorded_result(done, "").warnings[0]
    assert "the original is sent again" in recorded_result(doubtful, "").warnings[0]
    assert recorded_result(row(state=S.RETRY, changed=True), "").warnings == ()  # it will be sent as it is now


def test_a_row_that_was_not_sent_says_why() -> None:
    error = recorded_result(row(), "the deadline has passed").error

    assert error is not None
    assert (error.message, error.retryable) == ("not done: the deadline has passed", True)
