"""`Row`: one row of an input on its way through a run. `CallTemplate`: what the calls of a list have in common."""

from collections.abc import Mapping
from enum import IntEnum
from functools import cached_property
from typing import Any, Final

from attrs import field, frozen

from airmeet_async.bulk.report import EXISTS, EXISTS_DIFFERENT, MAILED_ELSEWHERE, OTHER_NAME, RowError, RowWarning
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.classify_reply import Verdict
from airmeet_async.protocol.retry_policy import Tries
from airmeet_async.protocol.value_class import value
from airmeet_async.tables import shown


class Wish:
    """What a list asks for its people, what an attempt asked for, and what was done: each a sum of these.

    Plain numbers: an `IntFlag` takes a Python call for each ``&``, several times per row.
    """

    DONE: Final = 1
    REGISTERED: Final = 2
    MAILED: Final = 4
    # Only of what was done: the mail was asked for once, and nobody knows whether it went out.
    MAIL_UNVERIFIED: Final = 8
    # Beside what was done: it is to be done once more, on purpose, by the lists that say so.
    AGAIN: Final = 16
    # Of what was refused: there was no registration left, which the next run may find otherwise.
    NO_PLACE_LEFT: Final = 32


class OutcomeState(IntEnum):
    """The state of something to be done, where anything is recorded of it. Up to `UNKNOWN` something is left to do."""

    # To be sent on purpose, although it was sent before.
    REOPENED = 0
    # A request may have left; recorded before its first byte.
    IN_FLIGHT = 1
    # Certainly not applied; it will be sent again.
    RETRY = 2
    # It may have been applied.
    UNKNOWN = 3
    SUCCEEDED = 4
    REJECTED = 5
    FAILED = 6


@value
class Outcome:
    """What a journal knows of something that was sent before; the fields are the columns of its table.

    Attributes:
        state: See `OutcomeState`.
        sent: Requests so far.
        done: What Airmeet has confirmed, as `Wish`.
        unclear: What requests without a clear answer have asked for, as `Wish`.
        run: The run that recorded this.
        touched: When the last request left, in seconds since the epoch.
        http: The last status.
        latency: Seconds from the first request of that run to the last reply.
        link: The entry link.
        note: Error and other facts, as text.
    """

    state: int
    sent: int
    done: int
    unclear: int
    run: int
    touched: float | None = None
    http: int | None = None
    latency: float | None = None
    link: str | None = field(default=None, repr=False)
    note: str | None = None


@frozen
class CallTemplate:
    """What all calls of a list have in common; each row adds its payload.

    Attributes:
        endpoint: The operation.
        path: Its path arguments, checked.
        query: Its query arguments.
        flags: Members at the end of each body: ``registerAttendee`` and ``sendEmailInvite``, or none.
    """

    endpoint: Endpoint[Any]
    path: Mapping[str, str] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict)
    flags: Mapping[str, bool] = field(factory=dict)

    @cached_property
    def wish(self) -> int:
        """What these calls ask for, as `Wish`."""
        wish = Wish.DONE | Wish.REGISTERED if self.flags.get("registerAttendee") else Wish.DONE
        return wish | Wish.MAILED if self.flags.get("sendEmailInvite") else wish

    @cached_property
    def target(self) -> str:
        """Path and query below the base address."""
        return Call(self.endpoint, self.path, self.query).target

    @cached_property
    def without_mail(self) -> "CallTemplate":
        """The same without asking for a mail."""
        if "sendEmailInvite" not in self.flags:
            return self
        return CallTemplate(self.endpoint, self.path, self.query, {**self.flags, "sendEmailInvite": False})

    @cached_property
    def suffix(self) -> bytes:
        """What stands at the end of each body instead of its brace; nothing where there are no flags."""
        return b"," + json_codec.encode(dict(self.flags))[1:] if self.flags else b""

    def body(self, payload: bytes) -> bytes:
        """Return what is sent: the payload, which is a JSON object or nothing, with the flags at its end."""
        return payload[:-1] + self.suffix if self.suffix else payload

    def call(self, payload: bytes) -> Call[Any]:
        """Return the call of a row."""
        body = self.body(payload)
        return Call(self.endpoint, self.path, self.query, json_codec.decode(body) if body else None).encoded(body)


_ELSEWHERE = {EXISTS, EXISTS_DIFFERENT, OTHER_NAME, MAILED_ELSEWHERE}


def duplicate_error(index: int, line: int | None, other_name: str = "") -> RowError:
    """Return why a row is not sent that repeats another one, given by its index and its line.

    Args:
        index: Of the other one.
        line: Of the other one, if it is from a file.
        other_name: This row's name, where the other one has another: these may be two people.
    """
    place = f"row {index + 1}" if line is None else f"line {line}"
    if other_name:
        what = f"has the address of {place} and another name, {shown(other_name)}; only that one is sent"
        return RowError(OTHER_NAME, f"{what}. Two people need two addresses")
    return RowError("duplicate", f"repeats {place}, which is sent instead")


def known_error(name: str, known: str) -> RowError:
    """Return why a row is not sent whose address was sent before, in another list, for somebody of another name."""
    what = f"has the address of {shown(known)}, who was sent before, and another name, {shown(name)}; it is not sent"
    return RowError(OTHER_NAME, f"{what}. Two people need two addresses; if it is one person, use the name from before")


def other_name(payload: bytes | str, first: bytes | str) -> str:
    """Return the name in a row's request if that of the first row with its identity has another one, else nothing."""
    name, known = _name_in(payload), _name_in(first)
    return name if name and known and name.casefold().split() != known.casefold().split() else ""


def _name_in(payload: bytes | str) -> str:
    try:
        found = json_codec.decode(payload if isinstance(payload, bytes) else payload.encode())
    except ValueError:
        return ""
    if not isinstance(found, dict):  # nothing, or a call of the caller's own
        return ""
    return " ".join(text for name in ("name", "firstName", "lastName") if isinstance(text := found.get(name), str))


class Row:
    """One row, from being read until it has its result.

    Attributes:
        index: Position in its list, from 0.
        line: Where it starts in its file, from 1; None for rows that are not from a file.
        data: As given.
        key: What makes it unique in its list, as shown in results.
        identity: The same for comparison; empty for rows that may repeat.
        template: What its call shares with others; None for a row that cannot be sent.
        payload: Its part of the call: the body's JSON without the template's flags.
        warnings: What its owner should know of it.
        error: Why it is not sent; None for a row to be sent.
        duplicate_of: Index of the earlier row of the list with the same identity.
        entry: Its number in the journal; 0 for none.
        earlier: What earlier runs of the journal have done.
        failed_before: It ended with an error in an earlier run, and is sent again.
        changed: It differs from what was sent for it, or from what was given first.
        repeats: It was done before, and its list sends it once more on purpose, with its mail.
    """

    # Class attributes until a row gets its own: most rows never need most of them, which saves time and memory.
    warnings: tuple[RowWarning, ...] = ()
    error: RowError | None = None
    duplicate_of: int | None = None
    entry = 0
    earlier: Outcome | None = None
    changed = False
    repeats = False
    failed_before = False
    # While it is being sent: attempts of this run, when the first one left, whether one is under way now and what it
    # asks for, what those without a clear answer asked for (in earlier runs, too), what is done, the last verdict, how
    # often it was taken, and attempts that are not charged, since the server was away.
    tries: Tries | None = None
    first_sent: float | None = None
    sending = False
    asked = 0
    unclear = 0
    done = 0
    last: Verdict | None = None
    begun = 0
    uncharged = 0
    # The journal says on the disk that it will be sent again, or that it was not sent.
    retry_recorded = False

    def __init__(  # noqa: PLR0917 - made for each row; by position, that is cheaper
        self,
        index: int,
        line: int | None,
        data: Any,
        key: str,
        identity: str = "",
        template: CallTemplate | None = None,
        payload: bytes = b"",
    ) -> None:
        self.index = index
        self.line = line
        self.data = data
        self.key = key
        self.identity = identity
        self.template = template
        self.payload = payload

    @property
    def is_duplicate(self) -> bool:
        """Whether it is not sent since what it asks for is there already, or asked for by another row."""
        return self.duplicate_of is not None or (self.error is not None and self.error.code in _ELSEWHERE)

    def __repr__(self) -> str:
        return f"<Row {self.index} {self.key!r}>"
