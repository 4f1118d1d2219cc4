"""What ends a whole run, as plain functions: which outcome of one row concerns all the others, and what to tell."""

from collections import deque

from attrs import frozen

from airmeet_async.bulk.report import RowResult, StopReason
from airmeet_async.errors import (
    AirmeetError,
    ConfigError,
    CredentialsError,
    DecodeError,
    InputError,
    JournalError,
    NotFoundError,
    RedirectError,
    ReplyError,
    TokenRejectedError,
    TransportError,
)
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.retry_policy import Retry


@frozen
class Stop:
    """Why a run ends, and the sentence that says what to do."""

    reason: StopReason
    message: str
    cause: AirmeetError | None = None


PASSING = frozenset({StopReason.UNREACHABLE, StopReason.TEMPORARY})
"""What may be over in a while."""

_BY_STATUS = {401: StopReason.NOT_PERMITTED, 403: StopReason.NOT_PERMITTED, 404: StopReason.NOT_FOUND}


def stop_for(verdict: Verdict, retry: Retry) -> StopReason | None:
    """Return why a row that was given up with *verdict* ends the run, or None where it concerns only that row."""
    if verdict.kind is Kind.FATAL:
        return _BY_STATUS.get(verdict.status or 0, StopReason.NOT_THE_API)
    if verdict.kind is Kind.NOT_SENT:
        return StopReason.UNREACHABLE
    if (verdict.retry_after or 0) > retry.longest_pause and verdict.kind in {Kind.THROTTLED, Kind.AMBIGUOUS}:
        return StopReason.TEMPORARY
    return None


def stop_for_error(error: AirmeetError) -> StopReason:
    """Return why an error outside of any row, nearly always about the token, ends the run."""
    if isinstance(error, InputError):
        return StopReason.SOURCE
    if isinstance(error, JournalError):
        return StopReason.JOURNAL
    if isinstance(error, ConfigError):
        return StopReason.SETTINGS
    if isinstance(error, (CredentialsError, TokenRejectedError)):
        return StopReason.CREDENTIALS
    if isinstance(error, (RedirectError, DecodeError)):
        return StopReason.NOT_THE_API
    if isinstance(error, TransportError):
        return StopReason.UNREACHABLE
    if isinstance(error, NotFoundError) and error.operation == "auth":
        return StopReason.NOT_THE_API
    if isinstance(error, ReplyError):
        return _BY_STATUS.get(error.status, StopReason.TEMPORARY)
    return StopReason.TEMPORARY


_FIRST_PATIENCE = 10.0


class Silence:
    """Since when nothing has been heard of the server, counted from the first request that got no answer.

    Args:
        patience: Seconds.

    Attributes:
        since: When that request was sent; None while the server answers.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.since: float | None = None
        self._heard = False

    @property
    def heard_before(self) -> bool:
        """Whether the server has ever answered."""
        return self._heard

    def note(self, *, heard: bool, at: float) -> None:
        """Note what became of a request that was sent at that time."""
        if heard:
            self.end()
        elif self.since is None:
            self.since = at

    def end(self) -> None:
        """Note that something was heard."""
        self._heard, self.since = True, None

    def lasts(self, now: float) -> bool:
        """Return whether it has lasted too long; a server that has never answered is given less."""
        patience = self._patience if self._heard else min(self._patience, _FIRST_PATIENCE)
        return self.since is not None and now - self.since > patience


_EQUAL = 20
_LATELY = 200
_CANARIES = 20
_NO_CAUSE = ("", 0)


@frozen
class FailureLimit:
    """How many rows may fail before the run stops.

    Attributes:
        rows: That many.
        share: That part of all rows, from 0 to 1.
    """

    rows: int | None = None
    share: float | None = None

    def most(self, total: int | None, done: int) -> float:
        """Return how many rows may fail, where so many are *done* of so many in *total*, if that is known."""
        if self.rows is not None:
            return self.rows
        return (self.share or 0) * (max(done, _LATELY) if total is None else total)


class FailureRules:
    """Stops a run whose rows fail: a quota that is used up must not burn a million rows.

    Where nobody has set a limit, it stops when the first 20 rows, or any 20 in a row, all fail in the same way, or
    more than half of the last 200 do.

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
        self._lately: deque[bool] = deque(maxlen=_LATELY)
        self._first: set[str] = set()

    @property
    def trusted(self) -> bool:
        """Whether the run may go on at full width: a row has succeeded, or those that failed did so in several ways."""
        return "" in self._first or len(self._first) > 1 or (self._limit is not None and self._done > 0)

    def may_begin(self, begun: int) -> bool:
        """Whether one more row may begin, beside so many."""
        return begun < _CANARIES or self.trusted

    def fine(self) -> None:
        """Note the success of a row, after the first few."""
        self._done += 1
        self._lately.append(False)
        self._equal = _NO_CAUSE

    def note(self, result: RowResult) -> str | None:
        """Note the end of a row that was sent, and return why the run stops, if it does."""
        error = result.error
        if error is None:
            self.fine()
            if self._done <= _CANARIES:
                self._first.add("")
            return None
        self._done += 1
        self._failed += 1
        self._lately.append(True)
        self._equal = (error.code, self._equal[1] + 1 if error.code == self._equal[0] else 1)
        if self._done <= _CANARIES:
            self._first.add(error.code)
        why = self._broken() if self._limit is None else self._exceeded(self._limit)
        return f"{why}; the last one: {error.message}" if why else None

    def _broken(self) -> str | None:
        if self._equal[1] >= _EQUAL:
            return f"{_EQUAL} rows in a row failed in the same way"
        if len(self._lately) == _LATELY and 2 * sum(self._lately) > _LATELY:
            return f"more than half of the last {_LATELY} rows failed"
        return None

    def _exceeded(self, limit: FailureLimit) -> str | None:
        if self._failed <= limit.most(self._total, self._done):
            return None
        return f"{self._failed:,} rows have failed, which is more than you allowed"
