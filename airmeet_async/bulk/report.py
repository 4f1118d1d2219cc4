"""What a bulk run says afterwards: one `RowResult` per input row, one `BulkReport` per run. Pure values."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from airmeet_async.api.value import value


class RowStatus(StrEnum):
    """How a row ended. Every input row has exactly one of these."""

    SUCCEEDED = "succeeded"
    """Airmeet did it."""
    REJECTED = "rejected"
    """Airmeet said no, with a reason."""
    FAILED = "failed"
    """The attempts are spent; ``error.ambiguous`` says whether it may have been applied all the same."""
    INVALID = "invalid"
    """Never sent: the row itself is wrong."""
    DUPLICATE = "duplicate"
    """Never sent: an earlier row has the same key."""
    SKIPPED = "skipped"
    """Never sent: done in an earlier run of the same journal."""
    UNPROCESSED = "unprocessed"
    """The run stopped before this row had an answer, and it was certainly not applied."""
    UNKNOWN = "unknown"
    """Sent, and the run stopped before a clear answer came. Sending it again is safe where the call is repeatable."""


class Invite(StrEnum):
    """What is known of the invitation that Airmeet mails."""

    NOT_ASKED = "not_asked"
    """None was asked for."""
    ASKED = "asked"
    """It was asked for, and Airmeet has confirmed the row."""
    UNVERIFIED = "unverified"
    """It was asked for in a request without a clear answer, and not again: it was mailed once or not at all."""


DONE = frozenset({RowStatus.SUCCEEDED, RowStatus.DUPLICATE, RowStatus.SKIPPED})
"""Statuses that leave nothing to do for that row."""


@frozen
class RowError:
    """Why a row did not succeed.

    Attributes:
        code: A short stable word for machines: ``http_422``, ``no_reply``, ``invalid_email``, ``missing_field``.
        message: One sentence for people. Holds no secret.
        retryable: Sending the row again later can help.
        ambiguous: It may have been applied all the same.
    """

    code: str
    message: str
    retryable: bool = False
    ambiguous: bool = False


@value
class RowResult:
    """What happened to one input row.

    Attributes:
        index: Position in the source, from 0.
        line: Physical line where the row starts in its file, from 1; None for rows that are not from a file.
        key: What makes the row unique in a run; the e-mail for people.
        status: See `RowStatus`.
        attempts: How often it was sent.
        http_status: The last answer's status, or None when there was none.
        error: Why it did not succeed, or None.
        warnings: What will look different from what was sent, such as a name that Airmeet cuts.
        value: The typed answer of a success.
        entry_link: The attendee's personal link. Whoever has it can enter as that person: not shown in reprs.
        latency_s: Seconds from the first send to the last answer, waits included.
        replayed: It was sent more than once because an earlier outcome was unclear.
        invite: What is known of the invitation.
        duplicate_of: Index of the earlier row with the same key.
        row: The input as it was given.
    """

    index: int
    line: int | None
    key: str
    status: RowStatus
    attempts: int = 0
    http_status: int | None = None
    error: RowError | None = None
    warnings: tuple[str, ...] = ()
    value: Any = field(default=None, repr=False)
    entry_link: str | None = field(default=None, repr=False)
    latency_s: float | None = None
    replayed: bool = False
    invite: Invite = Invite.NOT_ASKED
    duplicate_of: int | None = None
    row: Any = field(default=None, repr=False)


@frozen
class FailureGroup:
    """Rows that did not succeed for the same cause.

    Attributes:
        code: The rows' `RowError.code`.
        message: The first such row's message.
        n: How many rows.
        sample_rows: Up to five of them, by line where the source is a file, else by index.
    """

    code: str
    message: str
    n: int
    sample_rows: tuple[int, ...] = ()


@frozen
class BulkReport:
    """The sum of a bulk run. The engine checks that the counts add up to the rows read.

    Attributes:
        job: The run's id.
        rows_read: Rows taken from the source.
        counts: Rows per status, zeros included.
        attempts: Requests sent for rows.
        retries: Of these, how many were not a row's first.
        throttled: Answers with status 429.
        token_refreshes: Tokens fetched while the run was on, the first included.
        elapsed_s: Seconds from start to end.
        rate_mean: Requests per second over the whole run; a run of less than a second counts as one.
        rate_peak: Most requests in any one second of the run's clock.
        latency_ms: Milliseconds of one exchange by percentile: ``p50``, ``p90``, ``p99``, ``max``.
        failures: Rows that did not succeed, by cause, most rows first.
        warned_rows: How many rows carry a warning.
        stop_reason: None for a run that reached its end, else one word (see `StopReason`).
        stop_message: One sentence on the stop that says what to do.
        resumable: Running the same input again can finish the job.
        results: All rows in input order where the job was awaited; None where it was streamed.
    """

    job: str
    rows_read: int
    counts: Mapping[RowStatus, int]
    attempts: int = 0
    retries: int = 0
    throttled: int = 0
    token_refreshes: int = 0
    elapsed_s: float = 0.0
    rate_mean: float = 0.0
    rate_peak: float = 0.0
    latency_ms: Mapping[str, float] = field(factory=dict)
    failures: tuple[FailureGroup, ...] = ()
    warned_rows: int = 0
    stop_reason: "StopReason | None" = None
    stop_message: str = ""
    resumable: bool = False
    results: tuple[RowResult, ...] | None = field(default=None, repr=False)

    @property
    def succeeded(self) -> int:
        """Rows that Airmeet did."""
        return self.counts[RowStatus.SUCCEEDED]

    @property
    def all_done(self) -> bool:
        """Whether nothing is left to do for any row."""
        return self.stop_reason is None and self.rows_read == sum(self.counts[status] for status in DONE)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from airmeet_async.bulk.notebook import html_of

        return html_of(self)

    def to_frame(self, *, backend: str | None = None, links: bool = False) -> Any:
        """Return the results as a data frame, one row per row of the input.

        All kinds but those of pandas need the extra ``dataframe``.

        Args:
            backend: ``pandas``, ``polars`` or ``pyarrow``; by default the first of them that is installed.
            links: With the column ``entry_link``: whoever has such a link can enter as that person.

        Raises:
            ConfigError: A package is missing.
            ClientStateError: The job was streamed, so this report has no results.
        """
        from airmeet_async.bulk.notebook import frame_of

        return frame_of(self, backend, links=links)

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON shape (``airmeet register --json``)."""
        return {
            "job": self.job,
            "rows_read": self.rows_read,
            "counts": {status.value: self.counts[status] for status in RowStatus},
            "attempts": self.attempts,
            "retries": self.retries,
            "throttled": self.throttled,
            "token_refreshes": self.token_refreshes,
            "elapsed_s": round(self.elapsed_s, 3),
            "rate_mean": round(self.rate_mean, 2),
            "rate_peak": round(self.rate_peak, 2),
            "latency_ms": {name: round(value, 1) for name, value in self.latency_ms.items()},
            "failures": [
                {"code": group.code, "message": group.message, "n": group.n, "sample_rows": list(group.sample_rows)}
                for group in self.failures
            ],
            "warned_rows": self.warned_rows,
            "stop_reason": self.stop_reason.value if self.stop_reason else None,
            "stop_message": self.stop_message,
            "resumable": self.resumable,
        }


class StopReason(StrEnum):
    """Why a run ended before its last row."""

    CREDENTIALS = "credentials"
    """The keys are wrong or revoked, or fresh tokens are refused."""
    NOT_PERMITTED = "not_permitted"
    """401 or 403: the keys have no right on this event."""
    NOT_FOUND = "not_found"
    """404: no such event."""
    NOT_THE_API = "not_the_api"
    """The address answers, but not as the API does: a redirect, a web page, no /auth."""
    SETTINGS = "settings"
    """Something on this machine must be put right first, such as a token file that others can read."""
    UNREACHABLE = "unreachable"
    """No answer for too long."""
    TEMPORARY = "temporary"
    """Airmeet cannot serve now: /auth fails, or it asks for a very long pause."""
    FAILURES = "failures"
    """A stop rule: too many rows fail, or they all fail in the same way."""
    DEADLINE = "deadline"
    """The time that the run was given is over."""
    JOURNAL = "journal"
    """The journal cannot be written."""
    SOURCE = "source"
    """The row source raised."""
    STOPPED = "stopped"
    """``job.stop()`` was called, or the block was left early."""
    INTERRUPTED = "interrupted"
    """A signal."""
    CUT_OFF = "cut_off"
    """Cancelled from outside, or an error that is not Airmeet's."""
