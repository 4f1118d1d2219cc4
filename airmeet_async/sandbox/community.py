"""The small community that every sandbox starts with; its ids never change."""

from typing import Any

from .handlers.programme import booth_row
from .roster import admit_invented
from .state import Event, Json, KeyPair, Member, Series, State

ACCESS_KEY = "sandbox-access-key#in"  # real ones hold a '#', too (C)
SECRET_KEY = "sandbox-secret-key"  # noqa: S105  (opens a pretend service only)
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


def key_pairs() -> tuple[KeyPair, ...]:
    """Return the community's pair, a revoked one, and the pair of somebody else's community."""
    return (
        KeyPair(ACCESS_KEY, SECRET_KEY, COMMUNITY),
        KeyPair(REVOKED_ACCESS_KEY, REVOKED_SECRET_KEY, COMMUNITY, "withdrawn", revoked=True),
        KeyPair(FOREIGN_ACCESS_KEY, FOREIGN_SECRET_KEY, FOREIGN_COMMUNITY, "foreign"),
    )


def state(seed: int) -> State:
    """Return the whole community as it is before the first request."""
    whole = State.of(seed, key_pairs(), events())
    whole.teams = {
        COMMUNITY: {HOST: Member(HOST, "u1", "Sam Host"), COHOST: Member(COHOST, "u3", "Kim Cohost")},
        FOREIGN_COMMUNITY: {FOREIGN_HOST: Member(FOREIGN_HOST, "u9", "Fay Host")},
    }
    whole.series = {SERIES: Series(SERIES, COMMUNITY, "The seasons", (SUMMIT, FINISHED, ARCHIVED))}
    admit_invented(whole, whole.events[LIVE], LIVE_PEOPLE)
    admit_invented(whole, whole.events[FINISHED], FINISHED_PEOPLE)
    whole.events[FINISHED].people["guest000@example.com"].details |= {
        "customFieldMapping": [{"fieldId": FIELD_COMPANY_SIZE, "value": ["250"]}]
    }
    return whole


def events() -> tuple[Event, ...]:
    """Return the events, oldest first, with nobody in them."""
    own, other = COMMUNITY, FOREIGN_COMMUNITY
    return (
        Event(uid=SUMMIT, row=1201, community=own, name="Spring Summit", description="Room for everybody", host=HOST),
        Event(uid=HYBRID, row=1207, community=own, name="Hybrid Days", sub_type="HYBRID_CONFERENCE", host=HOST),
        Event(uid=WITH_FIELDS, row=1208, community=own, name="Workshop with a form", custom_fields=_custom_fields()),
        Event(uid=SMALL, row=1215, community=own, name="Round table for three", quota=SMALL_QUOTA),
        _live(),
        Event(uid=PAUSED, row=1226, community=own, name="Back in a minute", status="PAUSED"),
        _finished(),
        Event(uid=ARCHIVED, row=1231, community=own, name="Forgotten", status="ARCHIVED"),
        Event(uid=FOREIGN, row=1240, community=other, name="Somebody else's", host=FOREIGN_HOST),
    )


def _live() -> Event:
    sessions = [
        _session(OVER_SESSION, "Keynote", "FINISHED", 10),
        _session(LIVE_SESSION, "Questions and answers", "ONGOING", 11),
    ]
    more: dict[str, Any] = {"host": HOST, "speakers": _speakers(), "sessions": sessions}
    return Event(uid=LIVE, row=1221, community=COMMUNITY, name="Live now", status="ONGOING", **more)


def _finished() -> Event:
    titles = ("Keynote", "Questions and answers", "Workshop")
    sessions = [
        _session(uid, title, "FINISHED", hour)
        for hour, (uid, title) in enumerate(zip(SESSIONS, titles, strict=True), start=10)
    ]
    booths = [
        booth_row(FINISHED, uid, name, order, ["booth@example.com"])
        for order, (uid, name) in enumerate(zip(BOOTHS, ("Engines", "Looms"), strict=True), start=1)
    ]
    more: dict[str, Any] = {"speakers": _speakers(), "sessions": sessions, "booths": booths, "tracks": _tracks()}
    return Event(uid=FINISHED, row=1230, community=COMMUNITY, name="Last year", status="FINISHED", host=HOST, **more)


def _speakers() -> dict[str, Member]:
    return {SPEAKER: Member(SPEAKER, "u2", "Ada Speaker")}


def _tracks() -> list[Json]:
    main, side = TRACKS
    return [
        _track(main, "Main", "1", "#aabbcc", list(SESSIONS[:2])),
        _track(side, "Hands on", "2", "#ccbbaa", list(SESSIONS[2:])),
    ]


def _track(uid: str, name: str, order: str, colour: str, sessions: list[str]) -> Json:
    meta = {"colorCode": colour}
    facts: Json = {"uid": uid, "name": name, "description": "", "track_order": order}
    return facts | {"metaData": meta, "sessions": sessions}


def _custom_fields() -> list[Json]:
    text: Json = {"fieldType": "TEXT", "inputType": "TEXT", "mappedFrom": "CUSTOM"}  # enum values are unknown
    choice: Json = {"fieldType": "SELECT", "inputType": "DROPDOWN", "mappedFrom": "CUSTOM"}
    sizes = [{"code": code, "displayValue": name} for code, name in (("S", "Small"), ("M", "Medium"), ("L", "Large"))]
    return [
        _custom_field(FIELD_COMPANY_SIZE, "Company size", "companySize", options=None, type=text, isRequired=False),
        _custom_field(FIELD_TSHIRT, "T-shirt size", "tshirt", options=sizes, type=choice, isRequired=True),
    ]


def _custom_field(uid: str, label: str, name: str, **facts: object) -> Json:
    return {"fieldId": uid, "label": label, "name": name, **facts}


def _session(uid: str, title: str, status: str, hour: int) -> Json:
    speaker = {"id": "u2", "name": "Ada Speaker", "speaker_img": None}
    return {
        "sessionid": uid,
        "name": title,
        "start_time": f"2026-03-01T{hour:02}:00:00.000Z",
        "status": status,
        "duration": 30,
        "summary": "",
        "host_id": ["u1"],
        "cohost_ids": [],
        "speaker_id": ["u2"],
        "speakerList": [speaker],
        "type": "HOSTING",
    }
