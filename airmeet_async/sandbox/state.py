"""What the sandbox remembers: the only mutable state behind a `World`."""

import hashlib
import string
from collections import Counter
from collections.abc import Iterable

from attrs import define, field, frozen

Json = dict[str, object]

LINK = "https://www.airmeet.com/e/{event}?code={code}"  # A

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


@frozen
class Member:
    """Somebody of a community's team, or a speaker of an event.

    Attributes:
        email: The address.
        uid: The id that sessions name them by.
        name: The whole name.
        details: What else is known.
    """

    email: str
    uid: str
    name: str
    details: Json = field(factory=dict)


@frozen
class Series:
    """A row of events.

    Attributes:
        uid: Its id.
        community: Whose it is.
        name: Its title.
        events: The ids of its events.
    """

    uid: str
    community: str
    name: str
    events: tuple[str, ...]


@frozen(kw_only=True)
class Webhook:
    """A registered webhook; the sandbox calls none of them.

    Attributes:
        uid: Its id.
        community: Whose it is.
        facts: What it was registered with.
    """

    uid: str
    community: str
    facts: dict[str, str]


@define
class Preparation:
    """A result on its way.

    Attributes:
        since: When it was first asked for.
        asks: How often it was asked for.
        ready_at: When it was first handed out.
    """

    since: float
    asks: int = 0
    ready_at: float | None = None


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
        host: The host's address.
        quota: Confirmed registrations it has room for.
        landing_page: What was set for it.
        custom_fields: Rows as /custom-fields shows them.
        sessions: Rows as /info shows them.
        speakers: Those added, by identity.
        booths: Rows as /booths shows them.
        tracks: Rows as /tracks shows them.
        people: Those added, by identity (see `Switches.fold_email_case`).
        registered: How many places of the quota are used.
        crowd: So many more people, who are made up whenever somebody looks (see `World.add_crowd`).
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
    host: str = ""
    quota: int = 2_000_000
    landing_page: Json = field(factory=dict)
    custom_fields: list[Json] = field(factory=list)
    sessions: list[Json] = field(factory=list)
    speakers: dict[str, Member] = field(factory=dict)
    booths: list[Json] = field(factory=list)
    tracks: list[Json] = field(factory=list)
    people: dict[str, Person] = field(factory=dict)
    registered: int = 0
    crowd: int = 0

    @property
    def finished_sessions(self) -> list[Json]:
        """The sessions that are over; only these count as attended (C)."""
        return [session for session in self.sessions if session["status"] == "FINISHED"]


@define
class State:
    """Everything that requests can change.

    Attributes:
        seed: Makes tokens, links and ids differ between worlds, and stay the same within one seed.
        pairs: Key pairs by access key.
        tokens: Issued tokens by value, expired ones included.
        teams: The members of each community's team, by address.
        events: Events by id.
        series: Series by id.
        webhooks: Webhooks by id.
        preparations: Results that were asked for, by path and page.
        counts: What happened how often; see `Statistics`.
        made: Ids given out so far.
    """

    seed: int
    pairs: dict[str, KeyPair] = field(factory=dict)
    tokens: dict[str, Token] = field(factory=dict)
    teams: dict[str, dict[str, Member]] = field(factory=dict)
    events: dict[str, Event] = field(factory=dict)
    series: dict[str, Series] = field(factory=dict)
    webhooks: dict[str, Webhook] = field(factory=dict)
    preparations: dict[tuple[str, int], Preparation] = field(factory=dict)
    counts: Counter[str] = field(factory=Counter)
    made: int = 0

    @classmethod
    def of(cls, seed: int, pairs: Iterable[KeyPair], events: Iterable[Event]) -> "State":
        """Return the state of a community nobody has called yet."""
        return cls(seed, {pair.access: pair for pair in pairs}, events={event.uid: event for event in events})

    def code(self, *parts: str) -> str:
        """Return a code that is unique to the parts and the same in every run with this seed."""
        text = "\n".join((str(self.seed), *parts))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    def new_uid(self) -> str:
        """Return a fresh id that looks like a version-1 UUID, as real ones do (C)."""
        self.made += 1
        code = self.code("uid", str(self.made))
        return f"{code[:8]}-{code[8:12]}-11ee-9{code[12:15]}-0a58a9feac02"

    def admit(self, event: Event, key: str, email: str, details: Json, *, registered: bool) -> Person:
        """Put a person into an event."""
        link = LINK.format(event=event.uid, code=self.code("person", event.uid, key))
        event.registered += registered
        person = event.people[key] = Person(email=email, entry_link=link, details=details, registered=registered)
        return person

    def session(self, uid: str) -> tuple[Event, Json] | None:
        """Return a session with its event, or None."""
        rows = ((event, row) for event in self.events.values() for row in event.sessions)
        return next((found for found in rows if found[1]["sessionid"] == uid), None)
