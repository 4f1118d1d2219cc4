"""Exit codes: one table from what ended a run, or an error, to the code that scripts see. Pure."""

import signal
from enum import IntEnum

from airmeet_async import errors
from airmeet_async.bulk.report import BulkReport, StopReason


class Exit(IntEnum):
    """What the process ends with. Interrupted runs end with 128 plus the signal: 130 or 143."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    LEFT_OVER = 3
    CREDENTIALS = 4
    INPUT = 5
    EVENT = 6
    RULE = 7
    TEMPORARY = 75


HELP = """\
Exit codes:
    0  all rows are done               5  the input cannot be used
    1  unexpected error                6  event unknown, forbidden or unfinished
    2  wrong usage or settings         7  stopped by a limit, or by runs stop
    3  some rows did not succeed      75  temporary: try again later
    4  keys missing or refused       130  interrupted (143: terminated)"""


class UsageError(errors.ConfigError):
    """What was typed cannot be used."""


class TerminatedError(KeyboardInterrupt):
    """A signal other than Ctrl-C ended a command.

    Attributes:
        number: Which one.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class DeclinedError(KeyboardInterrupt):
    """Somebody was asked whether to go on, and did not want to."""


class KeysError(errors.ConfigError):
    """There are no usable keys in the environment."""


_STOPS = {
    Exit.UNEXPECTED: {StopReason.JOURNAL, StopReason.CUT_OFF},
    Exit.USAGE: {StopReason.NOT_THE_API, StopReason.SETTINGS},
    Exit.CREDENTIALS: {StopReason.CREDENTIALS},
    Exit.INPUT: {StopReason.SOURCE},
    Exit.EVENT: {StopReason.NOT_PERMITTED, StopReason.NOT_FOUND},
    Exit.RULE: {StopReason.FAILURES, StopReason.STOPPED},
    Exit.TEMPORARY: {StopReason.UNREACHABLE, StopReason.TEMPORARY, StopReason.DEADLINE},
}

# The first that fits.
_ERRORS: dict[Exit, tuple[type[Exception], ...]] = {
    Exit.CREDENTIALS: (KeysError, errors.CredentialsError),
    # A journal that fails on the way ends the run, see above. A page that is not the API's is a wrong address.
    Exit.USAGE: (
        errors.ConfigError,
        errors.InvalidInputError,
        errors.JournalError,
        errors.RedirectError,
        errors.DecodeError,
    ),
    Exit.INPUT: (errors.InputError,),
    # A clear no, such as for a list of an event that is not FINISHED, is no use in repeating.
    Exit.EVENT: (errors.PermissionDeniedError, errors.NotFoundError, errors.RejectedError),
    Exit.TEMPORARY: (
        errors.NotReadyError,
        errors.RateLimitedError,
        errors.TokenRejectedError,
        errors.ServerError,
        errors.TransportError,
        errors.IncompleteListError,
    ),
}


def code_of(report: BulkReport, signal_number: int | None = None) -> int:
    """Return the exit code of a run that has ended.

    Args:
        report: Its report.
        signal_number: The signal that stopped it, if one did.
    """
    if report.stop_reason is StopReason.INTERRUPTED:
        return 128 + (signal_number or signal.SIGINT)  # what a shell expects
    if report.stop_reason is StopReason.SOURCE and report.attempts:
        return Exit.TEMPORARY  # INPUT promises that nothing was sent
    if report.stop_reason is not None:
        return next(code for code, reasons in _STOPS.items() if report.stop_reason in reasons)
    is_certain = report.unverified == report.unverified_earlier  # in this run no mail has come into doubt
    return Exit.OK if report.all_done and is_certain else Exit.LEFT_OVER


def code_of_error(error: BaseException) -> int:
    """Return the exit code of a command that *error* ended."""
    if isinstance(error, KeyboardInterrupt):
        return 128 + int(getattr(error, "number", signal.SIGINT))
    if isinstance(error, errors.NotFoundError) and error.operation == "auth":
        return Exit.USAGE  # there is no Airmeet at that address
    if isinstance(error, errors.DecodeError) and error.path:
        return Exit.UNEXPECTED  # it is the API, but what it says is not as documented
    if isinstance(error, errors.JournalError) and error.busy:
        return Exit.TEMPORARY
    return next((code for code, kinds in _ERRORS.items() if isinstance(error, kinds)), Exit.UNEXPECTED)


def word_of(code: int) -> str:
    """Return the word for machines in the JSON of an error."""
    return "interrupted" if code > 128 else Exit(code).name.lower()


def sentence_of(error: BaseException) -> str:
    """Return one line for people."""
    if isinstance(error, KeyboardInterrupt):
        return str(error) if isinstance(error, DeclinedError) else "interrupted"
    if isinstance(error, errors.AirmeetError):
        return " ".join([str(error), *(f"({note})" for note in getattr(error, "__notes__", ()))])
    said = " ".join(str(error).split())
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return f"unexpected: {what} (AIRMEET_DEBUG=1 shows where)"
