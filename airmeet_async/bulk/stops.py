"""What ends a whole run, as plain functions: which outcome of one row concerns all the others, and what to tell."""

from attrs import frozen

from airmeet_async.api.decide import Retry
from airmeet_async.api.judge import Kind, Verdict
from airmeet_async.bulk.report import StopReason
from airmeet_async.errors import (
    AirmeetError,
    ConfigError,
    CredentialsError,
    DecodeError,
    InputError,
    NotFoundError,
    RedirectError,
    ReplyError,
    TokenRejectedError,
    TransportError,
)


@frozen
class Stop:
    """Why a run ends, and the sentence that says what to do."""

    reason: StopReason
    message: str
    cause: AirmeetError | None = None


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


def outage(now: float, last_answer: float | None, started: float, patience: float) -> bool:
    """Return whether nothing has been heard of the server for too long."""
    return now - (started if last_answer is None else last_answer) > patience
