"""The small community that every sandbox starts with; its ids never change."""

from .state import Event, Json, KeyPair

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
FOREIGN = "8f0c1a2e-5bff-11ee-9c3a-0a58a9feac02"
NOWHERE = "00000000-0000-11ee-9c3a-0a58a9feac02"  # never the id of an event

SMALL_QUOTA = 3
FIELD_COMPANY_SIZE = "f-company-size"
FIELD_TSHIRT = "f-tshirt"


def key_pairs() -> tuple[KeyPair, ...]:
    """Return the community's pair, a revoked one, and the pair of somebody else's community."""
    return (
        KeyPair(ACCESS_KEY, SECRET_KEY, COMMUNITY),
        KeyPair(REVOKED_ACCESS_KEY, REVOKED_SECRET_KEY, COMMUNITY, "withdrawn", revoked=True),
        KeyPair(FOREIGN_ACCESS_KEY, FOREIGN_SECRET_KEY, FOREIGN_COMMUNITY, "foreign"),
    )


def events() -> tuple[Event, ...]:
    """Return the events, oldest first."""
    own, other = COMMUNITY, FOREIGN_COMMUNITY
    return (
        Event(uid=SUMMIT, row=1201, community=own, name="Spring Summit", description="Room for everybody"),
        Event(uid=HYBRID, row=1207, community=own, name="Hybrid Days", sub_type="HYBRID_CONFERENCE"),
        Event(uid=WITH_FIELDS, row=1208, community=own, name="Workshop with a form", custom_fields=_custom_fields()),
        Event(uid=SMALL, row=1215, community=own, name="Round table for three", quota=SMALL_QUOTA),
        Event(uid=LIVE, row=1221, community=own, name="Live now", status="ONGOING", sessions=_sessions("ONGOING")),
        Event(uid=FINISHED, row=1230, community=own, name="Last year", status="FINISHED", sessions=_sessions()),
        Event(uid=ARCHIVED, row=1231, community=own, name="Forgotten", status="ARCHIVED"),
        Event(uid=FOREIGN, row=1240, community=other, name="Somebody else's"),
    )


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


def _sessions(last: str = "FINISHED") -> list[Json]:
    titles = (("Keynote", "FINISHED"), ("Questions and answers", last))
    return [_session(number, title, status) for number, (title, status) in enumerate(titles, start=1)]


def _session(number: int, title: str, status: str) -> Json:
    speaker = {"id": "u2", "name": "Ada Speaker", "speaker_img": None}
    return {
        "sessionid": f"51e55104-000{number}-11ee-9c3a-0a58a9feac02",
        "name": title,
        "start_time": f"2026-03-01T{9 + number:02}:00:00.000Z",
        "status": status,
        "duration": 30,
        "summary": "",
        "host_id": ["u1"],
        "cohost_ids": [],
        "speaker_id": ["u2"],
        "speakerList": [speaker],
        "type": "HOSTING",
    }
