"""The simulated community: its state, and the events and people it starts with.

Ids, keys and addresses never change, so tests and examples may name them.
Grades (A to D) say how sure a rule is, as in `tests/contract`.
"""

import hashlib
import string
from collections import Counter
from typing import Any, Final

from attrs import define, field, frozen

from airmeet_async.sandbox.fake_people import fake_person

Json = dict[str, Any]

LINK: Final = "https://www.airmeet.com/e/{event}?code={code}"  # A

ACCESS_KEY = "sandbox-access-key#in"  # real ones hold a '#', too (C)
SECRET_KEY = "sandbox-secret-key"  # noqa: S105  (opens a simulated service only)
REVOKED_ACCESS_KEY = "sandbox-revoked-key#in"
REVOKED_SECRET_KEY = "sandbox-revoked-secret"  # noqa: S105  (see above)
FOREIGN_ACCESS_KEY = "foreign-access-key#in"
FOREIGN_SECRET_KEY = "foreign-secret-key"  # noqa: S105  (see above)

COMMUNITY = "c0ffee00-1d2e-11ee-9c3a-0a58a9feac01"
FOREIGN_COMMUNITY = "c0ffee00-1d2e-11ee-9c3a-0a58a9feac02"

# Real ids look like version-1 UUIDs (C).
SUMMIT = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02"
HYBRID = "8f0c1a2e-5b02-11ee-9c3a-0a58a9feac02"
WITH_FIELDS = "8f0c1a2e-5b03-11ee-9c3a-0a58a9feac02"
SMALL = "8f0c1a2e-5b04-11ee-9c3a-0a58a9feac02"
LIVE = "8f0c1a2e-5b05-11ee-9c3a-0a58a9feac02"
FINISHED = "8f0c1a2e-5b06-11ee-9c3a-0a58a9feac02"
ARCHIVED = "8f0c1a2e-5b07-11ee-9c3a-0a58a9feac02"
PAUSED = "8f0c1a2e-5b08-11ee-9c3a-0a58a9feac02"
FOREIGN = "8f0c1a2e-5bff-11ee-9c3a-0a58a9feac02"
NOWHERE = "00000000-0000-11ee-9c3a-0a58a9feac02"  # never the id of an event

SMALL_QUOTA = 3
FIELD_COMPANY_SIZE = "f-company-size"
FIELD_TSHIRT = "f-tshirt"

# Of LIVE, then of FINISHED.
OVER_SESSION = "51e55104-0001-11ee-9c3a-0a58a9feac02"
LIVE_SESSION = "51e55104-0002-11ee-9c3a-0a58a9feac02"
SESSIONS = tuple(f"51e55104-100{number}-11ee-9c3a-0a58a9feac02" for number in (1, 2, 3))
BOOTHS = tuple(f"b0074000-000{number}-11ee-9c3a-0a58a9feac02" for number in (1, 2))
TRACKS = ("7ac40000-0001-11ee-9c3a-0a58a9feac02", "7ac40000-0002-11ee-9c3a-0a58a9feac02")
SERIES = "5e41e500-0001-11ee-9c3a-0a58a9feac02"

HOST = "sam.host@example.com"
COHOST = "kim.cohost@example.com"
SPEAKER = "ada.speaker@example.com"
FOREIGN_HOST = "fay.host@example.com"

LIVE_PEOPLE = 12
FINISHED_PEOPLE = 150  # of whom 120 came


_FOLD: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


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
        place: In the order of arrival, which stays the same when others go.
        adds: Add requests applied, replays included.
        mails: Invitations sent.
    """

    email: str
    entry_link: str
    details: Json
    registered: bool
    blocked: bool = False
    place: int = 0
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
class EventSeries:
    """A series of events.

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


@define
class Preparation:
    """A report that Airmeet prepares after it was first asked for (C).

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
        arrivals: How many people were ever added.
        registered: How many places of the quota are used.
        crowd: So many more people, who are made up whenever somebody looks (see `World.add_crowd`).
    """

    uid: str
    row: int
    name: str
    community: str = COMMUNITY
    status: str = "CREATED"
    sub_type: str = "CONFERENCE"
    description: str = ""
    timezone: str = "Asia/Kolkata"
    start_time: str = "2036-03-01T10:00:00.000Z"
    end_time: str = "2036-03-01T12:00:00.000Z"
    host: str = ""
    quota: int = 2_000_000
    landing_page: Json = field(factory=dict)
    custom_fields: list[Json] = field(factory=list)
    sessions: list[Json] = field(factory=list)
    speakers: dict[str, Member] = field(factory=dict)
    booths: list[Json] = field(factory=list)
    tracks: list[Json] = field(factory=list)
    people: dict[str, Person] = field(factory=dict)
    arrivals: int = 0
    registered: int = 0
    crowd: int = 0

    @property
    def finished_sessions(self) -> list[Json]:
        """The sessions that are over; only these count as attended (C)."""
        return [session for session in self.sessions if session["status"] == "FINISHED"]


@define
class CommunityState:
    """Everything that requests can change.

    Attributes:
        seed: Makes tokens, links and ids differ between worlds, and stay the same within one seed.
        pairs: Key pairs by access key.
        tokens: Issued tokens by value, expired ones included.
        teams: The members of each community's team, by address.
        events: Events by id.
        series: Series by id.
        webhooks: By id the community of each webhook and what it was registered with; none of them is ever called.
        preparations: Reports that were asked for, by path and page.
        counts: What happened how often; see `Statistics`.
        made: Ids given out so far.
    """

    seed: int
    pairs: dict[str, KeyPair] = field(factory=dict)
    tokens: dict[str, Token] = field(factory=dict)
    teams: dict[str, dict[str, Member]] = field(factory=dict)
    events: dict[str, Event] = field(factory=dict)
    series: dict[str, EventSeries] = field(factory=dict)
    webhooks: dict[str, tuple[str, dict[str, str]]] = field(factory=dict)
    preparations: dict[tuple[str, int], Preparation] = field(factory=dict)
    counts: Counter[str] = field(factory=Counter)
    made: int = 0

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
        person = event.people[key] = Person(
            email=email, entry_link=link, details=details, registered=registered, place=event.arrivals
        )
        event.arrivals += 1
        return person


# Rows as Airmeet shows them


def session_row(
    uid: str,
    title: str,
    start_time: str,
    *,
    host: Member,
    cohosts: list[Member],
    speakers: list[Member],
    status: str = "CREATED",
    minutes: int = 30,
    summary: str = "",
    kind: str = "HOSTING",
) -> Json:
    """Return a session as /info shows it (B, C)."""
    return {
        "sessionid": uid,
        "name": title,
        "start_time": start_time,
        "status": status,
        "duration": minutes,
        "summary": summary,
        "host_id": [host.uid],
        "cohost_ids": [member.uid for member in cohosts],
        "speaker_id": [speaker.uid for speaker in speakers],
        "speakerList": [
            {"id": speaker.uid, "name": speaker.name, "speaker_img": speaker.details.get("imageUrl")}
            for speaker in speakers
        ],
        "type": kind,
    }


def booth_row(airmeet_id: str, uid: str, name: str, order: int, exhibitors: list[str]) -> Json:
    """Return a booth as /booths shows it (B)."""
    texts = ("logo_url", "video", "faqs", "resources", "layoutType", "layoutData", "social_media_links")
    more = ("short_description", "long_description", "banner_url", "register_interest_details", "offer_details")
    known: Json = {"uid": uid, "name": name, "exhibitors": exhibitors, "tags": [], "airmeet_id": airmeet_id}
    empty: Json = dict.fromkeys((*texts, *more, "doc_url", "doc_name", "booth_space_id"), "")
    return known | {"order": order, "boothExhibitor": bool(exhibitors)} | empty


# The start


def key_pairs() -> tuple[KeyPair, ...]:
    """Return the community's pair, a revoked one, and the pair of somebody else's community."""
    return (
        KeyPair(ACCESS_KEY, SECRET_KEY, COMMUNITY),
        KeyPair(REVOKED_ACCESS_KEY, REVOKED_SECRET_KEY, COMMUNITY, "withdrawn", revoked=True),
        KeyPair(FOREIGN_ACCESS_KEY, FOREIGN_SECRET_KEY, FOREIGN_COMMUNITY, "foreign"),
    )


def initial_state(seed: int) -> CommunityState:
    """Return the whole community as it is before the first request."""
    state = CommunityState(
        seed,
        pairs={pair.access: pair for pair in key_pairs()},
        teams={
            COMMUNITY: {HOST: _HOST, COHOST: Member(COHOST, "u3", "Kim Cohost")},
            FOREIGN_COMMUNITY: {FOREIGN_HOST: Member(FOREIGN_HOST, "u9", "Fay Host")},
        },
        events={event.uid: event for event in _events()},
        series={SERIES: EventSeries(SERIES, COMMUNITY, "The seasons", (SUMMIT, FINISHED, ARCHIVED))},
    )
    for uid, people in ((LIVE, LIVE_PEOPLE), (FINISHED, FINISHED_PEOPLE)):
        for number in range(people):
            email = f"guest{number:03}@example.com"
            state.admit(state.events[uid], email, email, fake_person(number), registered=number % 4 != 3).mails = 1
    state.events[FINISHED].people["guest000@example.com"].details |= {
        "customFieldMapping": [{"fieldId": FIELD_COMPANY_SIZE, "value": ["250"]}]
    }
    return state


def _events() -> tuple[Event, ...]:
    """Return the events, oldest first, with nobody in them."""
    return (
        Event(uid=SUMMIT, row=1201, name="Spring Summit", description="Room for everybody", host=HOST),
        Event(uid=HYBRID, row=1207, name="Hybrid Days", sub_type="HYBRID_CONFERENCE", host=HOST),
        Event(uid=WITH_FIELDS, row=1208, name="Workshop with a form", custom_fields=_custom_fields()),
        Event(uid=SMALL, row=1215, name="Round table for three", quota=SMALL_QUOTA),
        Event(
            uid=LIVE,
            row=1221,
            name="Live now",
            status="ONGOING",
            **_PAST,
            host=HOST,
            speakers={SPEAKER: _SPEAKER},
            sessions=[
                _session(OVER_SESSION, "Keynote", 10, status="FINISHED"),
                _session(LIVE_SESSION, "Questions and answers", 11, status="ONGOING"),
            ],
        ),
        Event(uid=PAUSED, row=1226, name="Back in a minute", status="PAUSED", **_PAST),
        Event(
            uid=FINISHED,
            row=1230,
            name="Last year",
            status="FINISHED",
            **_PAST,
            host=HOST,
            speakers={SPEAKER: _SPEAKER},
            sessions=[
                _session(SESSIONS[0], "Keynote", 10, status="FINISHED"),
                _session(SESSIONS[1], "Questions and answers", 11, status="FINISHED"),
                _session(SESSIONS[2], "Workshop", 12, status="FINISHED"),
            ],
            booths=[
                booth_row(FINISHED, BOOTHS[0], "Engines", 1, ["booth@example.com"]),
                booth_row(FINISHED, BOOTHS[1], "Looms", 2, ["booth@example.com"]),
            ],
            tracks=[
                _track(TRACKS[0], "Main", "1", "#aabbcc", list(SESSIONS[:2])),
                _track(TRACKS[1], "Hands on", "2", "#ccbbaa", list(SESSIONS[2:])),
            ],
        ),
        Event(uid=ARCHIVED, row=1231, name="Forgotten", status="ARCHIVED", **_PAST),
        Event(uid=FOREIGN, row=1240, community=FOREIGN_COMMUNITY, name="Somebody else's", host=FOREIGN_HOST),
    )


_PAST: Final[Json] = {"start_time": "2026-03-01T10:00:00.000Z", "end_time": "2026-03-01T12:00:00.000Z"}
_HOST: Final = Member(HOST, "u1", "Sam Host")
_SPEAKER: Final = Member(SPEAKER, "u2", "Ada Speaker")


def _session(uid: str, title: str, hour: int, *, status: str) -> Json:
    start = f"2026-03-01T{hour:02}:00:00.000Z"
    return session_row(uid, title, start, host=_HOST, cohosts=[], speakers=[_SPEAKER], status=status)


def _track(uid: str, name: str, order: str, colour: str, sessions: list[str]) -> Json:
    facts: Json = {"uid": uid, "name": name, "description": "", "track_order": order}
    return facts | {"metaData": {"colorCode": colour}, "sessions": sessions}


def _custom_fields() -> list[Json]:
    """Return a text that is optional and a choice that is required; Airmeet's enum values are unknown."""
    return [
        {
            "fieldId": FIELD_COMPANY_SIZE,
            "label": "Company size",
            "name": "companySize",
            "options": None,
            "type": {"fieldType": "TEXT", "inputType": "TEXT", "mappedFrom": "CUSTOM"},
            "isRequired": False,
        },
        {
            "fieldId": FIELD_TSHIRT,
            "label": "T-shirt size",
            "name": "tshirt",
            "options": [
                {"code": "S", "displayValue": "Small"},
                {"code": "M", "displayValue": "Medium"},
                {"code": "L", "displayValue": "Large"},
            ],
            "type": {"fieldType": "SELECT", "inputType": "DROPDOWN", "mappedFrom": "CUSTOM"},
            "isRequired": True,
        },
    ]
