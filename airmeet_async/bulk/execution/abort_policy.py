"""What ends a whole run before its last row, and the message that says what to do.

1. An outcome that concerns all rows: wrong keys, no right on the event, no such event (`stop_reason_for`).
2. An error outside of any row, nearly always about the token (`stop_reason_for_error`).
3. Rows that fail in numbers: a quota that is used up must not burn a million rows (`FailureRules`).
4. A server that accepts nothing for too long, whatever it replies (`Outage`).

No clock is read here: the time is an argument.
"""

import re
from collections import deque

from attrs import frozen

from airmeet_async.bulk.options import RECENT_ROWS, FailureLimit
from airmeet_async.bulk.report import RowResult, StopReason
from airmeet_async.errors import (
    AirmeetError,
    ClientStateError,
    ConfigError,
    CredentialsError,
    DecodeError,
    InputError,
    InvalidInputError,
    JournalError,
    NotFoundError,
    RedirectError,
    ReplyError,
    TokenRejectedError,
    TransportError,
)
from airmeet_async.formatting import duration
from airmeet_async.protocol.call import Retry
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.endpoints import ATTENDEES_BLOCK, ATTENDEES_UNBLOCK


@frozen
class RunStop:
    """Why a run ends, and one sentence on what to do."""

    reason: StopReason
    message: str
    cause: AirmeetError | None = None


# Reasons that may be over in a while.
PASSING = frozenset({StopReason.UNREACHABLE, StopReason.TEMPORARY})

_BY_STATUS = {401: StopReason.NOT_PERMITTED, 403: StopReason.NOT_PERMITTED, 404: StopReason.NOT_FOUND}


def stop_reason_for(verdict: Verdict, retry: Retry) -> StopReason | None:
    """Return why a row that was given up with *verdict* ends the run, or None where it concerns only that row."""
    if verdict.kind is Kind.FATAL:
        return _BY_STATUS.get(verdict.status or 0, StopReason.NOT_THE_API)
    if verdict.kind is Kind.NOT_SENT:
        return StopReason.UNREACHABLE
    if (verdict.retry_after or 0) > retry.longest_pause and verdict.kind in {Kind.THROTTLED, Kind.AMBIGUOUS}:
        return StopReason.TEMPORARY
    return None


def stop_reason_for_error(error: AirmeetError) -> StopReason:
    """Return why an error outside of any row, nearly always about the token, ends the run."""
    if isinstance(error, ClientStateError):  # it was closed; nobody else will open it
        return StopReason.CUT_OFF
    if isinstance(error, InputError) and not isinstance(error, InvalidInputError):
        return StopReason.SOURCE
    if isinstance(error, JournalError):
        return StopReason.JOURNAL
    if isinstance(error, (ConfigError, InvalidInputError)):
        return StopReason.SETTINGS
    if isinstance(error, CredentialsError):
        return StopReason.CREDENTIALS
    if isinstance(error, TokenRejectedError):  # the keys are good: whoever ends these tokens may be gone in a while
        return StopReason.TEMPORARY
    if isinstance(error, (RedirectError, DecodeError)):
        return StopReason.NOT_THE_API
    if isinstance(error, TransportError):
        return StopReason.UNREACHABLE
    if isinstance(error, NotFoundError) and error.operation == "auth":  # a 404 there is about no event
        return StopReason.NOT_THE_API
    if isinstance(error, ReplyError):
        return _BY_STATUS.get(error.status, StopReason.TEMPORARY)
    return StopReason.TEMPORARY


# What Airmeet says of somebody who is not in the event, and not of an event that is not there.
_NOT_IN_EVENT = re.compile(
    r"attendee|participant|registrant|\b(?:user|person|guest|e-?mail)\b|not registered", re.IGNORECASE
)
_ADDRESS = re.compile(r"\S+@\S+")
_CHANGE_ACCESS = frozenset({ATTENDEES_BLOCK.name, ATTENDEES_UNBLOCK.name})


def is_not_in_event(operation: str, verdict: Verdict) -> bool:
    """Whether somebody cannot be blocked or unblocked since the event does not have them: a matter of that row alone.

    People who are in the list and not in the event are no fault of the list, and others behind them must not keep
    their access for it.
    """
    if operation not in _CHANGE_ACCESS or verdict.kind is not Kind.REJECTED or verdict.status not in {400, 404}:
        return False
    return _NOT_IN_EVENT.search(_ADDRESS.sub("", verdict.message)) is not None


_MOST_EQUAL = 20
_FIRST_ROWS = 20  # what a wrong list may cost before the others begin
_NO_CAUSE = ("", 0)


class FailureRules:
    """Stops a run whose rows fail.

    Where nobody has set a limit, it stops when the first 20 rows, or any 20 in a row, all fail in the same way, or
    more than half of the last 200 do. A row that failed in an earlier run, and does so again, says nothing of the list;
    nor does somebody who is not in the event, and so cannot be blocked.

    Args:
        limit: What the caller allows, instead of that.
        total: All rows, where that is known.
    """

    def __init__(self, limit: FailureLimit | None, total: int | None) -> None:
        self._limit = limit
        self._total = total
        self._done = 0
        self._failed = 0
        self._equal: tuple[str, int] = _NO_CAUSE
        self._recent: deque[bool] = deque(maxlen=RECENT_ROWS)
        self._first: set[str] = set()

    @property
    def trusted(self) -> bool:
        """Whether the run may go on at full width: a row has succeeded, or those that failed did so in several ways."""
        return "" in self._first or len(self._first) > 1 or (self._limit is not None and self._done > 0)

    def may_begin(self, begun: int) -> bool:
        """Whether one more row may begin after so many; the first ones must show that it works."""
        return begun < _FIRST_ROWS or self.trusted

    def rows_to_begin(self, begun: int) -> int:
        """Return how many more rows may begin after so many, until the first ones have shown that it works."""
        return max(0, _FIRST_ROWS - begun)

    def record_successes(self, n: int) -> None:
        """Count the success of rows; of the first few, `record` must be told."""
        self._done += n
        self._recent.extend([False] * min(n, RECENT_ROWS))
        self._equal = _NO_CAUSE

    def record(self, result: RowResult, *, failed_before: bool = False, is_not_in_event: bool = False) -> str | None:
        """Count the end of a row that was sent, and return why the run stops, if it does."""
        error = result.error
        if error is None:
            self.record_successes(1)
            if self._done <= _FIRST_ROWS:
                self._first.add("")
            return None
        if (failed_before or is_not_in_event) and self._limit is None:
            # Rows that failed before go last: the others have shown what they could.
            self._first.add("")
            return None
        self._done += 1
        self._failed += 1
        self._recent.append(True)
        self._equal = (error.code, self._equal[1] + 1 if error.code == self._equal[0] else 1)
        if self._done <= _FIRST_ROWS:
            self._first.add(error.code)
        if self._limit is not None:
            if self._failed <= self._limit.most(self._total, self._done):
                return None
            why = f"{self._failed:,} rows have failed, more than allowed"
        elif self._equal[1] >= _MOST_EQUAL:
            why = f"{_MOST_EQUAL} consecutive rows failed in the same way"
        elif len(self._recent) == RECENT_ROWS and 2 * sum(self._recent) > RECENT_ROWS:
            why = f"more than half of the last {RECENT_ROWS} rows failed"
        else:
            return None
        return f"{why}; the last one: {error.message}"


_IDLE = 1000.0  # seconds, more than any wait: nothing was tried for so long, so nothing is known
_FIRST_PATIENCE = 10.0  # seconds: a server that never answered is more likely a wrong address than an outage


class Outage:
    """How long nothing has succeeded, whatever the replies were, counted from the first request since then.

    Args:
        patience: Seconds.

    Attributes:
        since: When that request was sent; None while requests succeed.
        heard_before: The server has answered once.
        said: What came last instead of a success.
    """

    said: str
    heard_before: bool

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.said = ""
        self._failed_at = 0.0
        self.since: float | None = None
        self.heard_before = False

    def record(self, *, succeeded: bool, answered: bool, sent_at: float, said: str = "") -> None:
        """Take note of one request."""
        self.said = "" if succeeded else said
        self.heard_before = self.heard_before or answered
        if succeeded:
            self.since = None
        elif self.since is None or sent_at - self._failed_at > _IDLE:
            self.since = sent_at
        if not succeeded:
            self._failed_at = sent_at

    def is_too_long(self, now: float) -> bool:
        """Whether to give up; a server that has never answered is given less."""
        patience = self._patience if self.heard_before else min(self._patience, _FIRST_PATIENCE)
        return self.since is not None and now - self.since > patience

    def stop(self, verdict: Verdict, now: float) -> RunStop | None:
        """Return why the run ends after *verdict*, if it does."""
        if verdict.kind not in _NO_SUCCESS or not self.is_too_long(now):
            return None
        if verdict.status is None:
            return RunStop(StopReason.UNREACHABLE, f"no reply for too long: {verdict.message}")
        waited = duration(now - (self.since or now))
        return RunStop(StopReason.TEMPORARY, f"nothing was accepted for {waited}; the last reply was {self.said}")


_NO_SUCCESS = frozenset({Kind.NOT_SENT, Kind.AMBIGUOUS, Kind.THROTTLED})
