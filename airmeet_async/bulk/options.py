"""How a run goes about it."""

import math
import os
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from attrs import field, frozen

from airmeet_async.bulk.execution.abort_policy import FailureLimit
from airmeet_async.client.adaptive_rate import Adaptive, AskedRate
from airmeet_async.client.rate_limiter import check_rate
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.retry_policy import Retry

Invites = Literal["at_most_once", "at_least_once"]


def _patience() -> Retry:
    """What was certainly not applied costs a row nothing; a server that asks for a long pause gets it."""
    return Retry(free=None, longest_pause=900.0)


@frozen(kw_only=True)
class EngineOptions:
    """How a run goes about it.

    Attributes:
        max_in_flight: Rows that are being sent at once.
        retry: Patience per row.
        grace: Seconds that requests under way have to end after a stop.
        outage: Seconds without any answer after which the run ends.
        deadline: Seconds after which the run ends, or None.
        max_failures: How many rows may fail; None for the usual rules.
        invites: Whether an invitation is asked for again after an unclear outcome.
    """

    max_in_flight: int = 64
    retry: Retry = field(factory=_patience)
    grace: float = 10.0
    outage: float = 900.0
    deadline: float | None = None
    max_failures: FailureLimit | None = None
    invites: Invites = "at_most_once"


DEFAULT_RATE = 25.0
"""Requests per second where nobody said otherwise. Airmeet publishes no limit, so this is caution, not knowledge."""

_RESUMED_SHARE = 0.8


class RunOptions(TypedDict, total=False):
    """How a bulk run goes about it. All of it may be left out."""

    rate: AskedRate | Literal["default"]
    """Requests per second; ``"auto"`` or an `Adaptive` finds and follows the server's limit; None for no limit; by
    default the client's, or 25 where it has none."""

    max_in_flight: int | None
    """Rows that are being sent at once; by default the client's."""

    accept_stale: bool
    """Send again also rows that a run more than 24 hours ago has sent without a clear answer. A second add lets
    somebody in who was blocked meanwhile (help article, A), so such rows are held by default."""

    deadline: float | None
    """Seconds after which the run stops; it can be resumed where there is a journal."""

    max_failures: int | str | None
    """How many rows may fail before the run stops: a number, or a share of all rows such as ``"5%"``. By default it
    stops when 20 rows in a row fail in the same way, or more than half of the last 200."""


class JobOptions(RunOptions, total=False):
    """The same for a run that has an input."""

    journal: str | os.PathLike[str] | None
    """A file that survives a crash: a run with the same journal and input goes on where the last one ended."""

    note: Mapping[str, Any] | None
    """Facts of your own, as JSON has them, that the journal keeps: a label, who has started it."""

    sheet: str | int | None
    """Of a workbook whose path is given: the sheet's name, or its number from 1; by default the only one with rows."""


def engine_options(asked: JobOptions, of_client: int, invites: Invites = "at_most_once") -> EngineOptions:
    """Return the options of a run.

    Raises:
        ConfigError: One of them cannot be used.
    """
    most, deadline = asked.get("max_in_flight"), asked.get("deadline")
    if deadline is not None and not (isinstance(deadline, (int, float)) and 0 < deadline < math.inf):
        message = f"deadline must be a number of seconds above 0, not {deadline!r}"
        raise ConfigError(message)
    if invites not in ("at_most_once", "at_least_once"):
        message = f"invites must be 'at_most_once' or 'at_least_once', not {invites!r}"
        raise ConfigError(message)
    return EngineOptions(
        max_in_flight=of_client if most is None else most,
        deadline=deadline,
        max_failures=failure_limit(asked.get("max_failures")),
        invites=invites,
    )


def failure_limit(asked: int | str | None) -> FailureLimit | None:
    """Return how many rows may fail.

    Raises:
        ConfigError: Neither a number nor a percentage.
    """
    if asked is None:
        return None
    text = str(asked).strip()
    try:
        share = float(text.removesuffix("%")) / 100 if text.endswith("%") else None
        limit = FailureLimit(share=share) if share is not None else FailureLimit(rows=int(text))
    except ValueError:
        limit = FailureLimit(rows=-1)
    if isinstance(asked, bool) or not ((limit.rows or 0) >= 0 and 0 <= (limit.share or 0) <= 1):
        message = f'max_failures must be a number of rows or a percentage such as "5%", not {asked!r}'
        raise ConfigError(message)
    return limit


def job_rate(asked: JobOptions, of_client: float | None, last_good: float | None = None) -> float | Adaptive | None:
    """Return the run's own rate; where the client has one, that one holds anyway.

    Args:
        asked: What the caller wants.
        of_client: The client's rate.
        last_good: What the server accepted when the last run of the same journal ended; an adaptive rate begins a
            little below it.

    Raises:
        ConfigError: It is none.
    """
    rate = asked.get("rate", "default")
    if rate == "default":
        return None if of_client is not None else DEFAULT_RATE
    checked = check_rate(rate)
    if isinstance(checked, Adaptive) and last_good:
        return checked.starting_at(_RESUMED_SHARE * last_good)
    return checked
