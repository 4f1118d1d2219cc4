"""Strict writing: what is sent is checked first, and each refusal says what to write instead. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from airmeet_async.api.call import Endpoint
from airmeet_async.api.rules import check_email
from airmeet_async.errors import ConfigError

Cursor = int | str | None


def page_query(endpoint: Endpoint[Any], size: int, after: Cursor = None, before: Cursor = None) -> dict[str, str]:
    """Return the query of one page of a cursor list.

    Raises:
        ConfigError: *size* is out of range, or both cursors are given.
    """
    if after is not None and before is not None:
        raise ConfigError("give after or before, not both: Airmeet would ignore before")
    query = {"size": str(check_size(endpoint, size)), "after": after, "before": before}
    return {name: str(value) for name, value in query.items() if value is not None}


def check_size(endpoint: Endpoint[Any], size: int) -> int:
    """Return a page size Airmeet takes.

    Raises:
        ConfigError: Out of range; names the maximum.
    """
    if 1 <= size <= (endpoint.max_size or size):
        return size
    most = f" to {endpoint.max_size}" if endpoint.max_size else " at least"
    raise ConfigError(f"size must be 1{most} for {endpoint.name}, not {size}")


def milliseconds(moment: datetime, name: str) -> int:
    """Return *moment* as Airmeet wants it: milliseconds since 1970, whole minutes (B).

    Raises:
        ConfigError: It has no time zone, so it is not a moment.
    """
    if moment.tzinfo is None:
        raise ConfigError(f"{name} has no time zone; write datetime(..., tzinfo=ZoneInfo('Europe/Paris')) or UTC")
    return int(moment.timestamp()) // 60 * 60_000


def minutes(value: int | None, name: str) -> int | None:
    """Return *value* if it can be a duration.

    Raises:
        ConfigError: It is not a positive whole number.
    """
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ConfigError(f"{name} must be a whole number of minutes above 0, not {value!r:.40}")


def check_timezone(name: str) -> str:
    """Return *name* if it is a time zone's.

    Raises:
        ConfigError: It is none.
    """
    if name in available_timezones():
        return name
    raise ConfigError(f"{name!r:.80} is not a time zone; write a name such as Europe/Paris or Asia/Kolkata")


def needed(value: str, name: str) -> str:
    """Return *value* if there is any.

    Raises:
        ConfigError: It is empty.
    """
    if value and value.strip():
        return value
    raise ConfigError(f"{name} is empty; Airmeet demands it")


def email(value: str, name: str = "email") -> str:
    """Return *value* if it is an address.

    Raises:
        ConfigError: It is none.
    """
    problem = check_email(value)
    if problem:
        raise ConfigError(f"{name}: {problem.message}")
    return value


def emails(values: Sequence[str], name: str) -> list[str]:
    """Return *values* if all are addresses.

    Raises:
        ConfigError: One is none, or a single text was given instead of a list.
    """
    if isinstance(values, str):
        raise ConfigError(f"{name} must be a list of addresses, not one text; write [{values!r:.80}]")
    return [email(value, name) for value in values]


def one_of(value: str, choices: Sequence[str], name: str) -> str:
    """Return *value* if it is one of *choices*.

    Raises:
        ConfigError: It is not.
    """
    if value in choices:
        return str(value)
    raise ConfigError(f"{name} is {value!r:.80}; use one of {', '.join(choices)}")


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* without those that are None or empty: a null was a problem in production (C)."""
    return {name: value for name, value in values.items() if value not in (None, "", [])}
