"""What the sandbox remembers: the only mutable state behind a `World`."""

import hashlib
import string
from collections import Counter
from collections.abc import Iterable

from attrs import define, field, frozen

Json = dict[str, object]

_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def identity(email: str, *, fold: bool) -> str:
    """Return what an address is known by; only ASCII letters fold, as others would merge different people."""
    return email.translate(_FOLD) if fold else email


@frozen
class KeyPair:
    """An access key with its secret.

    Attributes:
        access: Sent as ``X-Airmeet-Access-Key``.
        secret: Sent as ``X-Airmeet-Secret-Key``.
        community: Whose events the pair opens.
        label: The name given to the pair in the dashboard.
        revoked: The pair was withdrawn; /auth answers 403.
    """

    access: str
    secret: str = field(repr=False)
    community: str
    label: str = "sandbox"
    revoked: bool = False


@define
class Token:
    """An issued token and when it ends, on the clock given to `World.handle`."""

    access_key: str
    community: str
    expires: float


@define(kw_only=True)
class Person:
    """Somebody added to an event.

    Attributes:
        email: The address as it was sent first.
        entry_link: The personal link; the same for ever.
        details: The other fields as stored, cut to Airmeet's lengths.
        registered: Confirmed, and so counted against the quota; otherwise invited.
        blocked: May not enter.
        adds: Add requests applied, replays included.
        mails: Invitations sent.
    """

    email: str
    entry_link: str
    details: Json
    registered: bool
    blocked: bool = False
    adds: int = 0
    mails: int = 0


@define(kw_only=True)
class Event:
    """One Airmeet.

    Attributes:
        uid: Its id.
        row: Its place in the order of creation, which is also its cursor.
        community: Whose it is.
        name: Its title.
        status: CREATED, ONGOING, PAUSED, FINISHED or ARCHIVED.
        sub_type: The format; HYBRID_CONFERENCE demands an attendance type.
        quota: Confirmed registrations it has room for.
        custom_fields: Rows as /custom-fields shows them.
        sessions: Rows as /info shows them.
        people: Those added, by identity (see `Switches.fold_email_case`).
        registered: How many of them are confirmed.
    """

    uid: str
    row: int
    community: str
    name: str
    status: str = "CREATED"
    sub_type: str = "CONFERENCE"
    description: str = ""
    timezone: str = "Asia/Kolkata"
    start_time: str = "2026-03-01T10:00:00.000Z"
    end_time: str = "2026-03-01T12:00:00.000Z"
    quota: int = 2_000_000
    custom_fields: list[Json] = field(factory=list)
    sessions: list[Json] = field(factory=list)
    people: dict[str, Person] = field(factory=dict)
    registered: int = 0


@define
class State:
    """Everything that requests can change.

    Attributes:
        seed: Makes tokens and links differ between worlds, and stay the same within one seed.
        pairs: Key pairs by access key.
        tokens: Issued tokens by value, expired ones included.
        events: Events by id.
        counts: What happened how often; see `Statistics`.
    """

    seed: int
    pairs: dict[str, KeyPair] = field(factory=dict)
    tokens: dict[str, Token] = field(factory=dict)
    events: dict[str, Event] = field(factory=dict)
    counts: Counter[str] = field(factory=Counter)

    @classmethod
    def of(cls, seed: int, pairs: Iterable[KeyPair], events: Iterable[Event]) -> "State":
        """Return the state of a community nobody has called yet."""
        return cls(seed, {pair.access: pair for pair in pairs}, events={event.uid: event for event in events})

    def code(self, *parts: str) -> str:
        """Return a code that is unique to the parts and the same in every run with this seed."""
        text = "\n".join((str(self.seed), *parts))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
