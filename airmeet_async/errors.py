"""The exceptions of this library.

::

    AirmeetError
    ├── ConfigError             the set-up is not valid (keys, addresses, options); nothing was sent
    ├── InputError              the input cannot be used; nothing was sent
    │   ├── InvalidInputError   one value of it: an e-mail address, an id, a time
    │   └── EncodingError       a text file in an encoding that cannot be told
    ├── ClientStateError        used after close, or on another event loop
    ├── TransportError          the network failed
    │   ├── NotSentError        certainly not applied: the request was not sent
    │   └── NoReplyError        may have been applied: sent, but no usable reply came
    ├── ReplyError              Airmeet replied with an error
    │   ├── CredentialsError    /auth refused the key pair (400 wrong, 403 revoked)
    │   ├── TokenRejectedError  Airmeet refuses tokens that it has just issued
    │   ├── PermissionDeniedError   401, 403: the keys have no access to this event
    │   ├── NotFoundError       404: no such event, session or booth
    │   ├── RejectedError       400, 409, 422 and similar: Airmeet refused this request
    │   ├── RateLimitedError    429: too many requests
    │   ├── ServerError         5xx and 408
    │   └── RedirectError       3xx: never followed, because it could leak the token
    ├── AmbiguousOutcomeError   a write that must not be repeated got no clear reply
    ├── NotReadyError           a report that Airmeet prepares was not ready in time
    ├── DecodeError             a reply without the documented shape
    ├── IncompleteListError     a list ended before all of its rows had come
    ├── BulkStoppedError        a bulk run ended before its last row
    └── JournalError            the journal of a bulk run cannot be used

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
    """The base class of this library's errors. ``str(error)`` is one sentence for people."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))

    def again(self) -> Self:
        """Return a copy without a traceback, for one more waiter to raise."""
        return _rebuild(type(self), self.args, self.__dict__)


class ConfigError(AirmeetError, ValueError):
    """The set-up is not valid: keys, addresses, files, options of a client or a run. Nothing was sent."""


class InputError(AirmeetError, ValueError):
    """The input cannot be used: a file or a source of rows, or one value (`InvalidInputError`). Nothing was sent.

    Attributes:
        path: The file, when the rows come from one.
        line: Physical line in the file, from 1.
        column: The name of the faulty column, if it is one column; of a field that has no column, such as
            ``last_name``, its own name.
    """

    def __init__(
        self, message: str, *, path: str | None = None, line: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.column = column


class InvalidInputError(InputError):
    """A value that was passed for an operation is not valid, such as an e-mail address. Nothing was sent.

    It is the fault of the data, not of the set-up: a web application can show ``str(error)`` beside the field.

    Attributes:
        field: The parameter or the field with the value, such as ``email`` or ``airmeet_id``.
        code: A short stable word: ``invalid_email``, ``invalid_id``, ``missing_field``, ``invalid_choice``,
            ``invalid_time``, ``invalid_timezone``, ``invalid_text``, ``invalid_attendance_type``, ``out_of_range``, or
            ``invalid`` for the rest.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        code: str = "invalid",
        path: str | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        super().__init__(message, path=path, line=line, column=column)
        self.field = field
        self.code = code


class EncodingError(InputError):
    """A text file is in none of the encodings that need no question: pass ``encoding=``, or let it be saved as UTF-8.

    Attributes:
        candidates: Encodings that fit all cells that were weighed, the likeliest first, and how each reads the cell
            that the message shows.
    """

    def __init__(
        self,
        message: str,
        *,
        candidates: tuple[tuple[str, str], ...] = (),
        path: str | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        super().__init__(message, path=path, line=line, column=column)
        self.candidates = candidates


class ClientStateError(AirmeetError, RuntimeError):
    """The client was used after it was closed, or on another event loop than before."""


class TransportError(AirmeetError):
    """The network failed.

    Attributes:
        reason: One word: ``dns``, ``connect``, ``tls``, ``proxy``, ``timeout``, ``reset`` or ``protocol``.
        host: Host of the request, without path and credentials.
        attempts: Number of attempts.
    """

    def __init__(self, message: str, *, reason: str = "connect", host: str = "", attempts: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.host = host
        self.attempts = attempts


class NotSentError(TransportError):
    """The request never left this machine, so Airmeet has certainly not applied it."""


class NoReplyError(TransportError):
    """The request was sent but got no complete reply, so Airmeet may have applied it."""


class ReplyError(AirmeetError):
    """Airmeet replied with an error.

    Attributes:
        status: The HTTP status, or the ``statusCode`` in the body if that is worse.
        reason: The server's message, cleaned and cut to 200 characters.
        operation: The operation's name in the endpoint table, such as ``attendees.add``.
        attempts: Number of times the request was sent.
        retry_after: Seconds to wait, as the server asked, or None if it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reason: str = "",
        operation: str = "",
        attempts: int = 1,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.operation = operation
        self.attempts = attempts
        self.retry_after = retry_after


class CredentialsError(ReplyError):
    """``POST /auth`` refused the key pair: 400 means wrong, 403 means revoked (help article, A)."""


class TokenRejectedError(ReplyError):
    """Airmeet refused tokens that it had just issued, so another renewal is pointless."""


class PermissionDeniedError(ReplyError):
    """401 or 403: these keys have no access to this event (help article, A)."""


class NotFoundError(ReplyError):
    """404: Airmeet does not know this id (help article, A)."""


class RejectedError(ReplyError):
    """Airmeet understood the request and refused it. See ``reason``."""


class RateLimitedError(ReplyError):
    """429: too many requests. Airmeet does not publish its limit."""


class ServerError(ReplyError):
    """5xx or 408: Airmeet or the gateway before it failed."""


class RedirectError(ReplyError):
    """A redirect. It is never followed, because it could send the token to another host."""


class AmbiguousOutcomeError(AirmeetError):
    """A write that is not safe to repeat got no clear reply: look in the event before you send it again.

    Attributes:
        operation: The operation's name.
        status: The status of the reply, or None if there was none.
    """

    def __init__(self, message: str, *, operation: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.operation = operation
        self.status = status


class NotReadyError(AirmeetError):
    """A report that Airmeet prepares on demand was not ready in time.

    Attributes:
        deadline: Seconds waited.
    """

    def __init__(self, message: str, *, deadline: float = 0.0) -> None:
        super().__init__(message)
        self.deadline = deadline


class DecodeError(AirmeetError):
    """A reply does not have the documented shape.

    Attributes:
        path: Place in the reply, such as ``data[3].uid``.
        operation: The operation's name.
    """

    def __init__(self, message: str, *, path: str = "", operation: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.operation = operation


class IncompleteListError(AirmeetError):
    """A list ended before all of its rows had come, by Airmeet's own count.

    Attributes:
        operation: The operation's name.
        read: How many rows came.
        expected: How many rows Airmeet counts, or None if it counts pages.
        rows: What came, where the list was awaited or is not in pages.
    """

    def __init__(
        self, message: str, *, operation: str = "", read: int = 0, expected: int | None = None, rows: Any = ()
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.read = read
        self.expected = expected
        self.rows = rows


class BulkStoppedError(AirmeetError):
    """A bulk run ended before its last row.

    Attributes:
        stop_reason: One word: the value of a `StopReason`.
        report: The `BulkReport` with all results if the job was awaited, else None.
    """

    def __init__(self, message: str, *, stop_reason: str = "", report: Any = None) -> None:
        super().__init__(message)
        self.stop_reason = stop_reason
        self.report = report


class JournalError(AirmeetError):
    """The journal of a bulk run cannot be used.

    Attributes:
        busy: True if another run is using it.
    """

    def __init__(self, message: str, *, busy: bool = False) -> None:
        super().__init__(message)
        self.busy = busy


def first_error(error: BaseException) -> BaseException:
    """Return the error that set a group of errors off, or the error itself if it is no group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
