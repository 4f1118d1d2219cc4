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


_DEEP = 5
_FIRST_PATIENCE = 10.0


class Silence:
    """Since when nothing has been heard of the server, counted from the first request that got no answer.

    Args:
        patience: Seconds.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: float | None = None
        self._missed = 0
        self._heard = False

    @property
    def deep(self) -> bool:
        """Whether several requests in a row had no answer; one alone is an accident."""
        return self._missed >= _DEEP

    def note(self, *, heard: bool, at: float) -> None:
        """Note what became of a request that was sent at that time."""
        self._missed = 0 if heard else self._missed + 1
        self._heard = self._heard or heard
        if heard:
            self._since = None
        elif self._since is None:
            self._since = at

    def lasts(self, now: float) -> bool:
        """Return whether it has lasted too long; a server that has never answered is given less."""
        patience = self._patience if self._heard else min(self._patience, _FIRST_PATIENCE)
        return self._since is not None and now - self._since > patience
