"""Everything that can go wrong, as one tree.

::

    AirmeetError
    ├── ConfigError             a setting or an argument is unusable; nothing was sent
    ├── InputError              a file or a row source cannot be read; nothing was sent
    ├── ClientStateError        used after close, or on another event loop
    ├── TransportError          the network failed
    │   ├── NotSentError        certainly not applied: the request never left
    │   └── NoReplyError        may have been applied: it left, no usable answer came
    ├── ReplyError              Airmeet answered, and the answer is a refusal
    │   ├── CredentialsError    /auth refused the key pair (400 wrong, 403 revoked)
    │   ├── TokenRejectedError  a token that was just issued is refused again
    │   ├── PermissionDeniedError   401: the keys have no right on this event
    │   ├── NotFoundError       404: no such event, session or booth
    │   ├── RejectedError       400, 409, 422 and the like: this request, for this reason
    │   ├── RateLimitedError    429: slower, please
    │   ├── ServerError         5xx and 408
    │   └── RedirectError       3xx: never followed, since it would carry the token away
    ├── AmbiguousOutcomeError   a write that must not be repeated got no clear answer
    ├── NotReadyError           a prepared read stayed "not ready" past its deadline
    ├── DecodeError             an answer that cannot be understood
    ├── BulkStoppedError        a bulk run ended before its last row
    └── JournalError            the journal of a bulk run is unusable

Errors carry facts as attributes, can be pickled and copied, and never hold a
key, a token, an entry link or an object of the HTTP library.
"""

from typing import Any, Self, TypeVar

_Error = TypeVar("_Error", bound="AirmeetError")


def _rebuild(cls: type[_Error], args: tuple[Any, ...], facts: dict[str, Any]) -> _Error:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(facts)
    return error


class AirmeetError(Exception):
    """The root of this library's errors. ``str(error)`` is one sentence for people."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))

    def again(self) -> Self:
        """Return a copy without a traceback, for one more waiter to raise."""
        return _rebuild(type(self), self.args, self.__dict__)


class ConfigError(AirmeetError, ValueError):
    """A setting or an argument cannot be used. Nothing was sent."""


class InputError(AirmeetError, ValueError):
    """Input rows cannot be read.

    Attributes:
        path: The file, when the rows come from one.
        line: Physical line in the file, counted from 1.
        column: The column's name, when one is to blame.
    """

    def __init__(
        self, message: str, *, path: str | None = None, line: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.column = column


class ClientStateError(AirmeetError, RuntimeError):
    """The client was used after it was closed, or on another event loop than before."""


class TransportError(AirmeetError):
    """The network failed.

    Attributes:
        reason: One word: ``dns``, ``connect``, ``tls``, ``proxy``, ``timeout``, ``reset`` or ``protocol``.
        host: Where the request was meant to go; no path, no credentials.
        attempts: How often it was tried.
    """

    def __init__(self, message: str, *, reason: str = "connect", host: str = "", attempts: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.host = host
        self.attempts = attempts


class NotSentError(TransportError):
    """The request never left this machine, so it was certainly not applied."""


class NoReplyError(TransportError):
    """The request left, and no complete answer came back: it may have been applied."""


class ReplyError(AirmeetError):
    """Airmeet answered with a refusal.

    Attributes:
        status: The HTTP status, or the ``statusCode`` inside the body where that is the worse one.
        reason: What the server said, cleaned and cut to 200 characters.
        operation: The operation's name in the endpoint table, such as ``attendees.add``.
        attempts: How often the request was sent.
    """

    def __init__(self, message: str, *, status: int, reason: str = "", operation: str = "", attempts: int = 1) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.operation = operation
        self.attempts = attempts


class CredentialsError(ReplyError):
    """``POST /auth`` refused the key pair: 400 means wrong, 403 means revoked (help article, A)."""


class TokenRejectedError(ReplyError):
    """A token that Airmeet had just issued was refused again, so renewing it once more is pointless."""


class PermissionDeniedError(ReplyError):
    """401: these keys have no right on this event (help article, A)."""


class NotFoundError(ReplyError):
    """404: Airmeet does not know this id (help article, A)."""


class RejectedError(ReplyError):
    """Airmeet understood the request and said no to it."""


class RateLimitedError(ReplyError):
    """429. Airmeet publishes no limit, so this is the only place where one shows.

    Attributes:
        retry_after: Seconds the server asked to wait, or None when it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after


class ServerError(ReplyError):
    """5xx or 408: Airmeet or the gateway before it failed."""


class RedirectError(ReplyError):
    """A redirect, which is never followed: it would carry the token to another address."""


class AmbiguousOutcomeError(AirmeetError):
    """A write that is not safe to repeat ended without a clear answer.

    Attributes:
        operation: The operation's name.
        status: The answer's status, or None when no answer came.
    """

    def __init__(self, message: str, *, operation: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.operation = operation
        self.status = status


class NotReadyError(AirmeetError):
    """A report that Airmeet prepares on demand was not ready in time.

    Attributes:
        deadline: Seconds that were waited.
    """

    def __init__(self, message: str, *, deadline: float = 0.0) -> None:
        super().__init__(message)
        self.deadline = deadline


class DecodeError(AirmeetError):
    """An answer does not have the documented shape.

    Attributes:
        path: Where in the answer, such as ``data[3].uid``.
        operation: The operation's name.
    """

    def __init__(self, message: str, *, path: str = "", operation: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.operation = operation


class BulkStoppedError(AirmeetError):
    """A bulk run ended before its last row.

    Attributes:
        stop_reason: The engine's one-word reason.
        report: The `BulkReport`, with all results, where the job was awaited as a whole.
    """

    def __init__(self, message: str, *, stop_reason: str = "", report: Any = None) -> None:
        super().__init__(message)
        self.stop_reason = stop_reason
        self.report = report


class JournalError(AirmeetError):
    """The journal of a bulk run cannot be used.

    Attributes:
        busy: Only because another run has it.
    """

    def __init__(self, message: str, *, busy: bool = False) -> None:
        super().__init__(message)
        self.busy = busy
