"""What goes into a journal and what comes out of it, as plain values."""

from attrs import define

from airmeet_async.api.value import value


@value
class Kept:
    """A row of the input, and what the ledger knows of it; the fields are the columns of the tables."""

    index: int
    line: int | None
    data: str | None
    status: str | None
    about: str | None
    entry: int
    key: str
    state: int
    sent: int
    charged: int
    unclear: int
    touched: float | None
    http: int | None
    latency: float | None
    link: str | None
    note: str | None
    call: str | None


@define
class NewRow:
    """A row of the input on its way into the journal.

    Attributes:
        index: Position in the source.
        line: Where it stands in its file.
        data: The row as given, as text.
        status: ``invalid``, or None for a row to be sent.
        key: As shown.
        identity: As compared; empty for rows that may repeat.
        call: As text.
        digest: Of the call.
        note: What else is known of it, as text.
    """

    index: int
    line: int | None
    data: str | None
    status: str | None = None
    key: str = ""
    identity: str = ""
    call: str = ""
    digest: bytes = b""
    note: str | None = None
