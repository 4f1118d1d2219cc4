"""The results of a bulk run: one `RowResult` per input row, one `BulkReport` per run. Pure values.

What a report looks like in a notebook and as a data frame stands at its end.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from html import escape as to_html
from typing import Any, Self

from attrs import field, frozen

from airmeet_async.data_frames import ColumnType, make_frame
from airmeet_async.errors import ClientStateError
from airmeet_async.protocol.redact import clean
from airmeet_async.protocol.value_class import AsDict, json_ready, value
from airmeet_async.tables import guard

# The code of a row that is not sent, since the last that was done to that person here is a block.
BLOCKED = "blocked"
# The code of a row that is left out for its address, though it has another name than the row that is sent.
OTHER_NAME = "other_name"
# The code of a row that is not sent, since the tool that has exported it says that this person does not come.
NOT_ATTENDING = "not_attending"
# The code of a row of a result file that says that this person was mailed, which nothing here knows of.
MAILED_ELSEWHERE = "mailed_elsewhere"


# The codes of a row whose session, booth or speaker is in the event already, as it is in the list or different.
EXISTS = "exists"
EXISTS_DIFFERENT = "exists_different"


class RowWarning(str):
    """Something about a row that its owner should know: one sentence, with a short stable word for machines.

    Attributes:
        code: ``will_be_cut`` (longer than Airmeet keeps), ``broken_text`` (a wrong encoding or marks of another
            format), ``no_value`` ("NULL", "N/A"), ``placeholder`` ("Info Requested"), ``look_alike`` (an address with
            letters of another script), ``may_not_come`` (a column says that this person has cancelled),
            ``missing_answer`` (to a mandatory registration field), ``nearly_a_field`` (a column is called nearly like
            a registration field, and not sent), ``unknown_speaker``, or ``changed`` (since it was sent). Of a row that
            is not valid, that of a further error.
        column: The column that a further error is about, see `RowError`.
    """

    code: str
    column: str | None
    __slots__ = ("code", "column")

    def __new__(cls, code: str, message: str, column: str | None = None) -> Self:
        found = super().__new__(cls, message)
        found.code, found.column = code, column
        return found

    def as_dict(self) -> dict[str, str | None]:
        """Return code, message and column."""
        return {"code": self.code, "message": str(self), "column": self.column}

    def __getnewargs__(self) -> tuple[str, str, str | None]:  # type: ignore[override]
        return self.code, str(self), self.column


# What is said of a row that is done, and has changed in its list since.
CHANGED = RowWarning("changed", "changed since it was sent; Airmeet keeps the old details, the change was not sent")


class RowStatus(StrEnum):
    """The outcome of a row. Every input row gets exactly one.

    Attributes:
        SUCCEEDED: Airmeet confirmed it.
        REJECTED: Airmeet refused it and gave a reason.
        FAILED: The attempts are spent, and the row was certainly not applied. The next run sends it again.
        INVALID: Not sent: the row is not valid.
        DUPLICATE: Not sent: an earlier row has the same key.
        UNPROCESSED: The run ended before this row was sent, or before it was sent again after a reply that certainly
            did not apply it. The next run sends it.
        UNKNOWN: Sent without a clear reply: it may have been applied. The next run sends it again if the operation is
            repeatable.
    """

    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    FAILED = "failed"
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    UNPROCESSED = "unprocessed"
    UNKNOWN = "unknown"


class Invite(StrEnum):
    """What is known about the invitation that Airmeet mails.

    Attributes:
        NOT_ASKED: None was requested.
        ASKED: It was requested, and Airmeet confirmed the row.
        UNVERIFIED: It was requested once, without a clear reply: it was mailed once or not at all.
    """

    NOT_ASKED = "not_asked"
    ASKED = "asked"
    UNVERIFIED = "unverified"


class StopReason(StrEnum):
    """Why a run ended before its last row.

    Attributes:
        CREDENTIALS: The keys are wrong or revoked.
        NOT_PERMITTED: 401 or 403: the keys have no access to this event.
        NOT_FOUND: 404: no such event.
        NOT_THE_API: The address replies, but not like the API: a redirect, a web page, no /auth.
        SETTINGS: Something on this machine must be fixed first, such as a token file that others can read.
        UNREACHABLE: No reply for too long.
        TEMPORARY: Airmeet is not available: /auth fails, new tokens are refused, or it asks for a very long pause.
        FAILURES: Too many rows failed, or many failed in the same way.
        DEADLINE: The run's deadline has passed.
        JOURNAL: The journal cannot be written.
        SOURCE: The source of rows raised an exception.
        STOPPED: ``job.stop()`` was called, or the block was left early.
        INTERRUPTED: A signal, such as Ctrl-C.
        CUT_OFF: The task was cancelled, or an unexpected error occurred.
    """

    CREDENTIALS = "credentials"
    NOT_PERMITTED = "not_permitted"
    NOT_FOUND = "not_found"
    NOT_THE_API = "not_the_api"
    SETTINGS = "settings"
    UNREACHABLE = "unreachable"
    TEMPORARY = "temporary"
    FAILURES = "failures"
    DEADLINE = "deadline"
    JOURNAL = "journal"
    SOURCE = "source"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    CUT_OFF = "cut_off"


# Statuses that leave nothing to do for that row.
DONE = frozenset({RowStatus.SUCCEEDED, RowStatus.DUPLICATE})


@frozen
class RowError(AsDict):
    """Why a row did not succeed.

    Attributes:
        code: A short stable word for machines: ``http_422``, ``no_reply``, ``invalid_email``, ``missing_field``.
        message: One sentence for people. Holds no secret.
        retryable: Sending the row again later may succeed.
        ambiguous: The row may have been applied anyway.
        column: The column of the input, or the key of the mapping, that has to be corrected; None where that is not
            known.
    """

    code: str
    message: str
    retryable: bool = False
    ambiguous: bool = False
    column: str | None = None


@value
class RowResult(AsDict):
    """The result of one input row.

    Attributes:
        index: Position in the source, from 0.
        line: Physical line where the row starts in its file, from 1; None for rows that are not from a file.
        key: Identifies the row within a run; for people, the e-mail address.
        status: See `RowStatus`.
        from_earlier_run: It ended so in an earlier run of the same journal, and was not sent in this one.
        attempts: Number of times it was sent, in earlier runs, too.
        http_status: Status of the last reply, or None if there was none.
        error: Why it did not succeed, or None.
        warnings: What its owner should know of it, such as a name that Airmeet shortens: each is a text with a `code`,
            see `RowWarning`. Of a row that is not valid, what is wrong with it besides its error.
        value: The typed reply of a success in this run.
        entry_link: The attendee's personal link, also of an earlier run. Anybody who has it can enter as that person;
            not shown in reprs.
        latency_s: Seconds from the first request of its run to the last reply, waits included.
        replayed: It was sent again because an earlier outcome was unclear.
        invite: What is known about the invitation, if the list asks for one.
        duplicate_of: Index of the earlier row with the same key.
        row: The input row, unchanged; if the journal was resumed without the input, as plain JSON values.
    """

    index: int
    line: int | None
    key: str
    status: RowStatus
    from_earlier_run: bool = False
    attempts: int = 0
    http_status: int | None = None
    error: RowError | None = None
    warnings: tuple[RowWarning, ...] = ()
    value: Any = field(default=None, repr=False)
    entry_link: str | None = field(default=None, repr=False)
    latency_s: float | None = None
    replayed: bool = False
    invite: Invite = Invite.NOT_ASKED
    duplicate_of: int | None = None
    row: Any = field(default=None, repr=False)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: it succeeded, or repeats a row of the same person."""
        return self.status in DONE and (self.error is None or self.error.code != OTHER_NAME)


def place_of(result: RowResult) -> int:
    """Return a row's line in its file; of rows that are from no file their number, from 1."""
    return result.index + 1 if result.line is None else result.line


@frozen
class FailureGroup(AsDict):
    """Rows that did not succeed for the same cause, or have the same warning.

    Attributes:
        code: The rows' `RowError.code` or `RowWarning.code`.
        message: That of the first row in `sample_rows`; those of the others differ in names and numbers at most.
        n: Number of rows.
        sample_rows: The first five of them, see `place_of`.
    """

    code: str
    message: str
    n: int
    sample_rows: tuple[int, ...] = ()


@frozen
class BulkReport(AsDict):
    """The summary of a bulk run; ``print(report)`` shows it. At its end, the counts add up to the rows read.

    That of a run in progress (``job.report``) counts the rows that have ended so far. Of a run that goes on it has from
    its start those that ended before.

    Attributes:
        job: The run's id.
        rows_read: Rows taken from the source.
        counts: Rows per status, zeros included.
        earlier_counts: Of these, the rows that ended so in an earlier run of the same journal.
        changed: Rows that are done and differ in the input since; Airmeet does not update them.
        existing: Rows whose session, booth or speaker the event had already, so that it was not made again.
        existing_different: Of these, the rows that differ from what the event has.
        unverified: Rows whose invitation was asked for once, and nobody knows whether it was mailed.
        unverified_earlier: Of these, the rows of which that was so before this run.
        attempts: Requests sent for rows.
        retries: Requests that were not the first for their row.
        throttled: Replies with status 429.
        token_refreshes: Tokens fetched during the run, the first included.
        elapsed_s: Seconds from start to end.
        rate_mean: Requests per second over the whole run; a run of less than a second counts as one.
        rate_peak: Highest number of requests in one second; of a run in shards (``on=``), the mean.
        latency_ms: Response time in milliseconds by percentile: ``p50``, ``p90``, ``p99``, ``max``. Of a run in shards
            it is known at its end, and of the rows that were sent once.
        failures: Rows that did not succeed, by cause, most rows first.
        warned_rows: Rows with a warning.
        warnings: What is to be said of rows that are no failures, most rows first; of rows of this run.
        ignored_columns: Columns of the input, or keys of its mappings, that were used for nothing.
        stop_reason: Why the run ended early (see `StopReason`), or None if it did not.
        stop_message: One sentence with the reason and the fix, or empty.
        resumable: Whether running the same input again can finish the job.
        results: All rows in input order if the job was awaited; None if it was streamed.
    """

    job: str
    rows_read: int
    counts: Mapping[RowStatus, int]
    earlier_counts: Mapping[RowStatus, int] = field(factory=dict)
    changed: int = 0
    existing: int = 0
    existing_different: int = 0
    unverified: int = 0
    unverified_earlier: int = 0
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
    warnings: tuple[FailureGroup, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    stop_reason: StopReason | None = None
    stop_message: str = ""
    resumable: bool = False
    results: tuple[RowResult, ...] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        counts = ", ".join(f"{status.value}={n}" for status, n in self.counts.items() if n)
        stop = f", stop_reason={self.stop_reason.value!r}" if self.stop_reason else ""
        return f"BulkReport({self.job!r}, rows_read={self.rows_read}{', ' if counts else ''}{counts}{stop})"

    def __str__(self) -> str:
        """Return counts and causes in a few lines."""
        counts = [f"{n:,} {status.value}" for status, n in self.counts.items() if n]
        lines = [f"{self.rows_read:,} rows: {', '.join(counts) or 'nothing to send'}"]
        lines += [f"stopped early: {clean(self.stop_message)}"] if self.stop_reason else []
        lines += [f"  {group.n:,}  {clean(group.message)}" for group in self.failures[:_MOST_CAUSES]]
        return "\n".join(lines)

    @property
    def succeeded(self) -> int:
        """Number of rows that Airmeet confirmed, in this run or an earlier one."""
        return self.counts[RowStatus.SUCCEEDED]

    @property
    def all_done(self) -> bool:
        """Whether every row is done: succeeded, or repeats the same person."""
        is_done = self.stop_reason is None and self.rows_read == sum(self.counts[status] for status in DONE)
        return is_done and all(group.code != OTHER_NAME for group in self.failures)

    @property
    def failed(self) -> tuple[RowResult, ...]:
        """The rows that did not succeed, in input order: all that are not done, as `RowResult.is_done` has it.

        Raises:
            ClientStateError: The job was streamed, so this report has no results; their number is in `counts`.
        """
        return tuple(result for result in self._results() if not result.is_done)

    def to_frame(self, *, backend: str | None = None, links: bool = True, columns: bool = True) -> Any:
        """Return the results as a data frame, one row per row of the input.

        polars and pyarrow need the extra ``dataframe``.

        Args:
            backend: ``pandas``, ``polars`` or ``pyarrow``; by default the first of them that is installed.
            links: Include the column ``entry_link``. Anybody who has such a link can enter as that person.
            columns: Include the columns of the input, as texts, behind those of the results; one of the same name
                begins with ``input_``.

        Raises:
            ConfigError: A package is missing.
            ClientStateError: The job was streamed, so this report has no results.
        """
        return results_to_frame(self._results(), backend=backend, links=links, columns=columns)

    def _results(self) -> tuple[RowResult, ...]:
        if self.results is None:
            why = "because the job was streamed; await the job instead, or collect its results"
            raise ClientStateError(f"this report has no results, {why}")
        return self.results

    def as_dict(self, *, results: bool = False) -> dict[str, Any]:
        """Return the documented JSON shape (``airmeet register --json``).

        Args:
            results: Also the results of all rows, entry links included, if the job was awaited.
        """
        rows = {"results": json_ready(self.results)} if results else {}
        return rows | {
            "job": self.job,
            "rows_read": self.rows_read,
            "counts": {status.value: self.counts[status] for status in RowStatus},
            "earlier_counts": {status.value: self.earlier_counts.get(status, 0) for status in RowStatus},
            "changed": self.changed,
            "unverified": self.unverified,
            "unverified_earlier": self.unverified_earlier,
            "attempts": self.attempts,
            "retries": self.retries,
            "throttled": self.throttled,
            "token_refreshes": self.token_refreshes,
            "elapsed_s": round(self.elapsed_s, 3),
            "rate_mean": round(self.rate_mean, 2),
            "rate_peak": round(self.rate_peak, 2),
            "latency_ms": {name: round(value, 1) for name, value in self.latency_ms.items()},
            "failures": [group.as_dict() for group in self.failures],
            "warned_rows": self.warned_rows,
            "warnings": [group.as_dict() for group in self.warnings],
            "ignored_columns": list(self.ignored_columns),
            "stop_reason": self.stop_reason.value if self.stop_reason else None,
            "stop_message": self.stop_message,
            "resumable": self.resumable,
        }

    def _repr_html_(self) -> str:
        """Return counts and causes as two tables; the notebook's own style applies."""
        statuses = [(status.value, f"{n:,}") for status, n in self.counts.items() if n or status is RowStatus.SUCCEEDED]
        causes = [
            (_html_text(group.code), f"{group.n:,}", ", ".join(map(str, group.sample_rows)), _html_text(group.message))
            for group in self.failures[:_MOST_CAUSES]
        ]
        effort = (
            f"{self.attempts:,} requests in {self.elapsed_s:,.1f} s, {self.rate_mean:,.1f}/s on average, "
            f"{self.throttled:,} throttled, {self.retries:,} sent again"
        )
        lines = [f"<p><strong>{self.succeeded:,} of {self.rows_read:,} rows succeeded</strong>; {effort}</p>"]
        lines += [f"<p>stopped early: {_html_text(self.stop_message)}</p>"] if self.stop_reason else []
        lines.append(_html_table("Rows by status", ("status", "rows"), statuses))
        if causes:
            lines.append(_html_table("Why rows did not succeed", ("code", "rows", "examples", "message"), causes))
        if self.ignored_columns:
            lines.append(f"<p>not used: {_html_text(', '.join(self.ignored_columns))}</p>")
        return "\n".join(lines)


_MOST_CAUSES = 10


def _html_text(text: str) -> str:
    # Airmeet's words and the input's: no markup, no secret, and no formula for whoever copies it into a sheet.
    return to_html(guard(clean(text)))


def _html_table(caption: str, names: tuple[str, ...], rows: list[Any]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


# The columns of a frame: name, type in the words of narwhals, value.
_FRAME_COLUMNS: tuple[tuple[str, ColumnType, Callable[[RowResult], Any]], ...] = (
    ("index", "Int64", lambda result: result.index),
    ("line", "Int64", lambda result: result.line),
    ("key", "String", lambda result: result.key),
    ("status", "String", lambda result: result.status.value),
    ("from_earlier_run", "Boolean", lambda result: result.from_earlier_run),
    ("attempts", "Int64", lambda result: result.attempts),
    ("http_status", "Int64", lambda result: result.http_status),
    ("code", "String", lambda result: result.error and result.error.code),
    ("error", "String", lambda result: result.error and result.error.message),
    ("ambiguous", "Boolean", lambda result: result.error is not None and result.error.ambiguous),
    ("latency_s", "Float64", lambda result: result.latency_s),
    ("invite", "String", lambda result: result.invite.value),
    ("duplicate_of", "Int64", lambda result: result.duplicate_of),
    ("entry_link", "String", lambda result: result.entry_link),
)


def results_to_frame(
    results: Iterable[RowResult], *, backend: str | None = None, links: bool = True, columns: bool = True
) -> Any:
    """Return results as a data frame; see `BulkReport.to_frame`. For those of a streamed job, too.

    Raises:
        ConfigError: A package is missing.
    """
    results = list(results)
    found: dict[str, tuple[ColumnType, list[Any]]] = {
        name: (kind, [value_of(result) for result in results])
        for name, kind, value_of in _FRAME_COLUMNS
        if links or name != "entry_link"
    }
    if columns:
        rows = [_input_columns(result.row) for result in results]
        for name in dict.fromkeys(name for row in rows for name in row):
            label = f"input_{name}" if name in found else name
            found[label] = ("String", [row.get(name) for row in rows])
    return make_frame(found, backend)


def _input_columns(row: Any) -> dict[str, str | None]:
    """Return the columns of an input row as texts; lists and the like as JSON."""
    if isinstance(row, str):
        row = {"email": row}
    elif isinstance(row, AsDict):
        row = row.as_dict()
    elif not isinstance(row, Mapping):
        row = {} if row is None else {"row": row}
    texts = {str(name): json_ready(cell) for name, cell in row.items()}
    return {
        name: cell if isinstance(cell, str) or cell is None else json.dumps(cell, ensure_ascii=False)
        for name, cell in texts.items()
    }
