"""The options of a bulk run: what callers may say (`RunOptions`, `JobOptions`), and how it is checked."""

import difflib
import functools
import inspect
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol, Self, TypedDict, TypeVar

from attrs import evolve, field, frozen

from airmeet_async.bulk.report import RowResult
from airmeet_async.client.adaptive_rate import Adaptive, AskedRate
from airmeet_async.client.permits import check_rate
from airmeet_async.client.telemetry import OnEvent, check_callback
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.call import Retry, check_retry, check_timeout

Invites = Literal["at_most_once", "at_least_once"]
Function = TypeVar("Function", bound=Callable[..., Any])

# Where nobody said otherwise: Airmeet publishes no limit, so it is looked for.
DEFAULT_RATE: Final = "auto"

# Operations that send all rows each time: repeating is harmless, and somebody may have undone the last one elsewhere.
SENT_EACH_TIME: Final = frozenset(("attendees.block", "attendees.unblock"))

# So many of the last rows count as what happens at present.
RECENT_ROWS = 200

_PACE = ("rate", "workers", "max_in_flight", "max_failures")  # of `ShardPace`, as facts of a shard
_RESUMED_SHARE = 0.8  # of the rate that the last run ended with: the server may take less today


@frozen
class EventJournal:
    """A journal that is one of several about an event, as the command line keeps them; given as ``journal=``.

    Attributes:
        path: The file.
        list_job: The list that is gone on with, by its id; None for the one that was sent last.
        block: The journal with those who were blocked from the event; they are left out. None where that is unknown.
        unblock: The journal with those who were unblocked.
        salt: Of its hashes, where it is made now: the same for all of an event.
        is_copied: Leave the file as it is; a plan is made in a copy, also while a run has the file.
        is_shard: It must be a shard; any other file is refused.
    """

    path: Path
    list_job: str | None = None
    block: Path | None = None
    unblock: Path | None = None
    salt: str | None = None
    is_copied: bool = False
    is_shard: bool = False

    def __fspath__(self) -> str:
        return str(self.path)


class ShardAnswer(TypedDict):
    """What `airmeet_async.cluster.run_shard` says of a shard: a dictionary of numbers, which any engine can pass on.

    Attributes:
        shard: Its path.
        attempt: An id of this call.
        job: Its run's id.
        rows: Its rows that were read.
        counts: These by `RowStatus`.
        earlier_counts: Those of earlier calls among them.
        attempts: Requests.
        retries: Requests that repeated another.
        throttled: Requests that were refused for their rate.
        token_refreshes: Sign-ins.
        elapsed_s: Seconds that it took.
        stop_reason: A `StopReason`, or None.
        temporary: Try it again later.
    """

    shard: str
    attempt: str
    job: str
    rows: int
    counts: dict[str, int]
    earlier_counts: dict[str, int]
    attempts: int
    retries: int
    throttled: int
    token_refreshes: int
    elapsed_s: float
    stop_reason: str | None
    temporary: bool


class ShardListener(Protocol):
    """What a `ShardRunner` tells the run whose shards it sends."""

    def told(self, answer: ShardAnswer) -> None:
        """Take what a shard has done so far."""
        ...

    def ended(self, answer: ShardAnswer) -> None:
        """Take what a shard has done in the end; it will not be sent again."""
        ...


class ShardRunner(Protocol):
    """Sends shards on other machines. The run cancels `send` when it is paused or stopped.

    Attributes:
        folder: Where the shards are; None for a folder beside the journal.
        shards: How many there are; None for a number that fits.
    """

    folder: Path | None
    shards: int | None

    async def open(self, folder: Path, *, base: str, keys: str) -> int:
        """Look whether shards in that folder can be sent, and return how many at once.

        Args:
            folder: The folder.
            base: The address of the run.
            keys: A digest of the run's keys, which is a secret, too.

        Raises:
            ConfigError: They cannot.
        """
        ...

    async def send(self, paths: Sequence[Path], listener: ShardListener) -> None:
        """Send shards at once until each of them is over; where this is cancelled, let their requests end."""
        ...

    async def aclose(self) -> None:
        """End what `open` began."""
        ...


class RunOptions(TypedDict, total=False):
    """Options of every bulk run. All are optional.

    Attributes:
        rate: Requests per second; ``"auto"`` or an `Adaptive` to find and follow the server's limit; None for no
            limit of ours. A number is a ceiling: below it, the rate follows the server, too. Default: ``"auto"``, and
            never above the client's rate.
        max_in_flight: Maximum number of rows sent concurrently, and so of rows that are sent again after a crash.
            Default: the client's.
        accept_stale: Also resend rows that an earlier run sent more than 24 hours ago without a clear reply. Default:
            False, because a second add lets in people who were blocked in the meantime (help article, A).
        deadline: Seconds after which the run stops, as by ``job.stop()``: without an error, and with its reason in the
            report. It can be resumed if it has a journal. Default: none.
        max_failures: Stop when more rows than this fail: a number, or a share of all rows such as ``"5%"``. Default:
            stop when 20 consecutive rows fail in the same way, or more than half of the last 200 fail;
            rows that failed in an earlier run go last, and do not count.
        on_event: Called in the event loop with each `ClientEvent` of the run, and with the client's pauses and
            sign-ins meanwhile. What it raises is logged and changes nothing. Default: none.
        on_result: Called in the event loop with each `RowResult` as soon as it is known, in a run with a journal as
            soon as it is recorded. If it raises, it is not called again: the run stops as by ``job.stop()``, every row
            has its result in ``job.report`` and in the journal, and the exception is raised. Default: none.
        retry: The retry rules of each row, or a number of attempts with an unclear outcome. What differs from
            ``Retry()`` holds; otherwise a row is sent up to 5 times, for as long as it certainly was not applied, and
            a pause of up to 15 minutes is waited for. It holds for sign-ins that the run begins, too. Default: the
            client's.
        timeout: Seconds for each row from its first request on, with its retries and waits. A row whose time is over
            has the result of its last attempt; ``math.inf`` for no limit. Default: the client's.
        on: Sends the rows in shards on other machines: `airmeet_async.cluster.OnDask`. It needs a journal, and goes
            with neither ``retry`` nor ``timeout`` nor ``accept_stale``: how a row is sent is up to these machines.
            Default: this process sends them.
    """

    rate: AskedRate | Literal["default"]
    max_in_flight: int | None
    accept_stale: bool
    deadline: float | None
    max_failures: int | str | None
    on_event: OnEvent | None
    on_result: Callable[[RowResult], object] | None
    retry: Retry | int | None
    timeout: float | None
    on: "ShardRunner | None"


class FileOptions(TypedDict, total=False):
    """How a file is read. All are optional.

    Attributes:
        sheet: Sheet of a workbook: its name, or its number from 1. Default: the only one with rows.
        encoding: Encoding of a text file, such as ``"cp1252"``. Default: UTF-8. A byte order mark overrides it.
        delimiter: Delimiter of a CSV file. Default: detected in its header.
        header: Line with the column names, from 1. Default: detected within the first 30 lines.
        format: File format. Default: from the file name.
    """

    sheet: str | int | None
    encoding: str | None
    delimiter: str | None
    header: int | None
    format: Literal["csv", "tsv", "jsonl", "xlsx", "xls", "xlsb", "ods", "parquet"] | None


class JobOptions(RunOptions, FileOptions, total=False):
    """Options of a run that has an input. All are optional.

    Attributes:
        journal: Path of a file that records each row's progress and survives a crash. A run with the same journal and
            input continues where the last one ended. Several lists of one operation and event may share a journal:
            what was done for one is not done again for another. Default: none.
        again: Send all rows of this list once more, also those that are done: people are mailed again if the list asks
            for mails. Default: False. People who are blocked or unblocked are all sent each time.
        note: Your own JSON-compatible data to store with the list in the journal, such as a label.
    """

    journal: str | os.PathLike[str] | None
    again: bool
    note: Mapping[str, Any] | None


_OF_ONE_PROCESS = ("retry", "timeout", "accept_stale")
_OF_THE_JOB = ("deadline", "on_result", "on_event", "on")


def check_in_shards(given: JobOptions, *, is_cut: bool = False) -> None:
    """Refuse options that nobody would keep to where rows are sent in shards.

    Args:
        given: The caller's options.
        is_cut: Other programs send them, and the job itself does nothing.

    Raises:
        ConfigError: There is such an option.
    """
    for name in (*_OF_ONE_PROCESS, *(_OF_THE_JOB if is_cut else ())):
        if given.get(name) not in (None, False):
            raise ConfigError(f"{name}= is nothing that shards keep to, which other processes send; leave it out")
    if isinstance(given.get("rate"), Adaptive):
        raise ConfigError('rate= of rows in shards is a number of requests per second for all of them, or "auto"')


_DEFAULTS = {"rate": "default", "accept_stale": False}  # of all others it is None


def takes_options(options: type) -> Callable[[Function], Function]:
    """Let a function that takes ``**options`` show each of them in its signature and docstring, and take no others.

    The options of all bulk operations are written once, in a `TypedDict`: ``help()`` shows them as keyword-only
    parameters, and a misspelt one raises TypeError when the function is called.
    """
    names = [*options.__annotations__]
    parameters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS.get(name), annotation=options.__annotations__[name]
        )
        for name in names
    ]
    kinds = [kind for kind in (RunOptions, FileOptions, JobOptions) if set(kind.__annotations__).issubset(names)]
    described = [text for kind in kinds for text in _described(kind)]

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        known = {*names, *(one.name for one in own)}

        @functools.wraps(function)
        def checked(*args: Any, **given: Any) -> Any:
            if unknown := next((name for name in given if name not in known), None):
                close = difflib.get_close_matches(unknown, known, 1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument {unknown!r}{hint}")
            return function(*args, **given)

        checked.__signature__ = signature.replace(parameters=[*own, *parameters])  # type: ignore[attr-defined]
        place = re.compile(r"^( *)\*\*options: .*$", re.MULTILINE)
        checked.__doc__ = place.sub(
            lambda found: "\n".join(found[1] + text for text in described), function.__doc__ or ""
        )
        return checked  # type: ignore[return-value]

    return decorate


def _described(options: type) -> list[str]:
    """Return the lines of a docstring that say what each attribute of a class means."""
    text = inspect.cleandoc(options.__doc__ or "").partition("Attributes:\n")[2]
    return inspect.cleandoc(text).splitlines()


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
        return (self.share or 0) * (max(done, RECENT_ROWS) if total is None else total)


@frozen(kw_only=True)
class EngineOptions:
    """The checked options of a run.

    Attributes:
        max_in_flight: Rows that are being sent at once.
        retry: Patience per row. What was certainly not applied costs a row nothing, and a server that asks for a long
            pause gets it.
        timeout: Seconds for each row from its first request on, or None.
        grace: Seconds that requests under way, and the cleanup of an asynchronous source, have to end after a stop.
        outage: Seconds without any answer after which the run ends.
        deadline: Seconds after which the run ends, or None.
        max_failures: How many rows may fail; None for the usual rules.
        invites: Whether an invitation is asked for again after an unclear outcome.
        on_result: Called with each result.
    """

    max_in_flight: int = 64
    retry: Retry = field(factory=lambda: Retry(free=None, longest_pause=900.0))
    timeout: float | None = None
    grace: float = 10.0
    outage: float = 900.0
    deadline: float | None = None
    max_failures: FailureLimit | None = None
    invites: Invites = "at_most_once"
    on_result: Callable[[RowResult], object] | None = None


@frozen
class ShardPace:
    """How fast the shards of a run may be sent all together, and so each of them; a fact of each shard.

    Attributes:
        rate: Requests per second of all; None: each looks for the limit by itself.
        workers: How many are sent at once; None for all.
        max_in_flight: Requests of all that are under way at once; None: each has as many as its client.
        max_failures: How many rows may fail in each, in place of the usual rules, which know nothing of other shards.

    Raises:
        ConfigError: A number is not above 0.
    """

    rate: float | None = None
    workers: int | None = None
    max_in_flight: int | None = None
    max_failures: FailureLimit | None = None

    def __attrs_post_init__(self) -> None:
        for name, types in (("rate", {int, float}), ("workers", {int}), ("max_in_flight", {int})):
            number = getattr(self, name)
            if number is not None and not (type(number) in types and 0 < number < math.inf):
                raise ConfigError(f"{name} must be a number above 0, not {number!r}")

    @classmethod
    def of_run(
        cls, given: JobOptions, options: EngineOptions, client_ceiling: float | None, workers: int | None = None
    ) -> Self:
        """Return what the caller of a run wants: *given*, and the same as checked *options*."""
        asked = run_rate(given, None)
        own = asked.ceiling if asked is not None and asked.is_number else None
        rate = min((ceiling for ceiling in (own, client_ceiling) if ceiling is not None), default=None)
        return cls(rate, workers, options.max_in_flight, options.max_failures)

    @classmethod
    def of_shard(cls, facts: Mapping[str, Any]) -> Self:
        """Return what the facts of a shard say; those of a run say nothing.

        Raises:
            ConfigError: One of them cannot be used.
        """
        rate, workers, max_in_flight, rows = ((facts.get("shard") or {}).get(name) for name in _PACE)
        return cls(rate, workers, max_in_flight, parse_failure_limit(rows))

    def as_fact(self, rows: int, shards: int) -> dict[str, Any]:
        """Return it as a fact of each of so many shards of a list with so many rows."""
        workers = shards if self.workers is None else min(self.workers, shards)
        return {**self.values(rows), "workers": workers}

    def values(self, rows: int) -> dict[str, Any]:
        """Return its numbers for a list with so many rows."""
        failures = None if self.max_failures is None else int(self.max_failures.most(rows, 0))
        return dict(zip(_PACE, (self.rate, self.workers, self.max_in_flight, failures), strict=True))

    def of_each(
        self, given: JobOptions, options: EngineOptions, client_ceiling: float | None, *, is_fleet: bool
    ) -> tuple[JobOptions, EngineOptions]:
        """Return what one shard is sent with: its part of each number, where its own caller has *given* none."""
        workers = self.workers or 1
        if self.max_in_flight is not None and given.get("max_in_flight") is None:
            part = max(1, self.max_in_flight // workers)
            options = evolve(options, max_in_flight=min(part, options.max_in_flight))
        if self.max_failures is not None and given.get("max_failures") is None:
            options = evolve(options, max_failures=self.max_failures)
        ceiling = math.inf if client_ceiling is None else client_ceiling
        # The run's rate is divided among its shards, unless they share a lower one anyway.
        if self.rate is not None and "rate" not in given and not (is_fleet and ceiling <= self.rate):
            given = {**given, "rate": min(self.rate / workers, ceiling)}
        return given, options


def engine_options(
    options: JobOptions,
    client_max_in_flight: int,
    invites: Invites = "at_most_once",
    client_retry: Retry | None = None,
    client_timeout: float | None = None,
) -> EngineOptions:
    """Check the options of a run.

    Raises:
        ConfigError: One of them cannot be used.
    """
    most, deadline = options.get("max_in_flight"), options.get("deadline")
    if deadline is not None and not (isinstance(deadline, (int, float)) and 0 < deadline < math.inf):
        raise ConfigError(f"deadline must be a number of seconds above 0, not {deadline!r}")
    if invites not in ("at_most_once", "at_least_once"):
        raise ConfigError(f"invites must be 'at_most_once' or 'at_least_once', not {invites!r}")
    timeout = check_timeout(options.get("timeout")) or client_timeout
    check_callback("on_event", options.get("on_event"))
    check_callback("on_result", options.get("on_result"))
    return EngineOptions(
        max_in_flight=client_max_in_flight if most is None else most,
        retry=(check_retry(options.get("retry")) or client_retry or Retry()).over(EngineOptions().retry),
        timeout=None if timeout == math.inf else timeout,
        deadline=deadline,
        max_failures=parse_failure_limit(options.get("max_failures")),
        invites=invites,
        on_result=options.get("on_result"),
    )


def parse_failure_limit(given: int | str | None) -> FailureLimit | None:
    """Return how many rows may fail, from a number or a percentage.

    Raises:
        ConfigError: It is neither.
    """
    if given is None:
        return None
    text = str(given).strip()
    try:
        share = float(text.removesuffix("%")) / 100 if text.endswith("%") else None
        limit = FailureLimit(share=share) if share is not None else FailureLimit(rows=int(text))
    except ValueError:
        limit = FailureLimit(rows=-1)
    if isinstance(given, bool) or not ((limit.rows or 0) >= 0 and 0 <= (limit.share or 0) <= 1):
        raise ConfigError(f'max_failures must be a number of rows or a percentage such as "5%", not {given!r}')
    return limit


def run_rate(
    options: JobOptions,
    client_rate: float | None,
    last_good: float | None = None,
    *,
    is_shared: bool = False,
    is_learned: bool = False,
) -> Adaptive | None:
    """Return the run's own rate; where the client has one, that one holds anyway.

    Args:
        options: What the caller wants.
        client_rate: The client's rate.
        last_good: What the server accepted when the last run of the same journal ended; an adaptive rate begins a
            little below it.
        is_shared: The client's is a fixed one of a fleet, which does not follow the server: so the run does, below it.
        is_learned: The client's is that of a fleet which follows the server: so the run need not.

    Raises:
        ConfigError: It is not a rate.
    """
    rate = options.get("rate", "default")
    if rate == "default" or (rate == "auto" and is_learned):
        if client_rate is not None and not is_shared:
            return None
        rate = DEFAULT_RATE if client_rate is None else client_rate
    checked = check_rate(rate)
    is_known = isinstance(last_good, (int, float)) and last_good > 0
    if checked is not None and last_good is not None and is_known and last_good < checked.ceiling:
        return checked.starting_at(_RESUMED_SHARE * last_good, last_good)
    return checked
