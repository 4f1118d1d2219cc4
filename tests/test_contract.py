"""The client against the contract files, which were written by hand from the sources and not from our code.

One table, read by the client, the bulk engine and the sandbox, could be wrong for all of them at once, and every
other test would pass. To add an operation: a row, a builder, a namespace member, a sandbox route, a contract file,
and its calls in `CALLS` below.
"""

import inspect
import json
import re
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_origin

import attrs
import pytest

from airmeet_async import AirmeetClient, calls
from airmeet_async.client.namespaces import Listing, Operations
from airmeet_async.protocol.base_urls import parse_base
from airmeet_async.protocol.call import Auth, Call, Paging, common_headers, encode, key_headers, token_headers
from airmeet_async.protocol.classify_reply import Kind, judge
from airmeet_async.protocol.endpoints import ENDPOINTS
from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.protocol.models import (
    AttendanceType,
    Attendee,
    Exhibitor,
    NewAirmeet,
    NewBooth,
    NewSession,
    Speaker,
    SpeedNetworking,
)
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.redact import Secret
from airmeet_async.sandbox.routes import ROUTES
from tests.reference import BUILDERS
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY

CONTRACTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in (Path(__file__).parent / "contract").glob("*.json")
}
NAMES = sorted(ENDPOINTS.keys() & CONTRACTS.keys())
EVENT = "8f0c1a2e-1111-11ee-aaaa-0a58a9feac02"
EMAIL = "b.c@example.org"
FULL = Attendee(
    EMAIL,
    "B",
    "C",
    AttendanceType.VIRTUAL,
    city="Pune",
    country="India",
    designation="Chair",
    organisation="Forum",
    custom_fields={"f-1": "V"},
)

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
BARE_EVENT: dict[str, Any] = {
    "host_email": "host@example.org",
    "name": "Autumn Forum",
    "short_description": "Two days",
    "start": START,
    "end": START + timedelta(hours=2),
    "timezone": "Asia/Kolkata",
}
FULL_EVENT = BARE_EVENT | {
    "long_description": "More",
    "image_url": "https://images.example/x.png",
    "access": "INVITED_ONLY",
    "networking": True,
    "table_count": 12,
}
LOOKS: dict[str, Any] = {
    "ambience": "DARK",
    "layout": "MODERN",
    "highlight_color": "#0000ff",
    "button_text_color": "#ffffff",
    "image_url": "https://images.example/x.png",
}
FULL_SPEAKER = Speaker(EMAIL, "B C", "Forum", "Chair", "https://images.example/x.png", "Bio", "Pune", "India")
FULL_SESSION = NewSession(
    title="Talk",
    start=START,
    host_email=EMAIL,
    duration_minutes=30,
    summary="About",
    speaker_emails=[EMAIL],
    cohost_emails=[EMAIL],
    track_ids=["t1"],
    tags=["x"],
    booth_id=EVENT,
    speed_networking=SpeedNetworking(conversation_minutes=5, extension_minutes=2),
    hide_host=True,
)
FULL_BOOTH = NewBooth(name="Stand", exhibitors=[Exhibitor(email=EMAIL, attendance_type="ONLINE")], tags=["x"])

# Per operation: the call with nothing but what is mandatory, then such that together use everything.
CALLS: dict[str, tuple[Call[Any], ...]] = {
    "auth": (calls.authenticate(),),
    "airmeets.list": (calls.list_airmeets(), calls.list_airmeets(after=9), calls.list_airmeets(size=7, before=9)),
    "airmeets.info": (calls.get_airmeet(EVENT),),
    "attendees.add": (
        calls.add_attendee(EVENT, Attendee(EMAIL, "B", "C"), send_email_invite=True),
        calls.add_attendee(EVENT, FULL, send_email_invite=True),
    ),
    "attendees.block": (calls.block_attendee(EVENT, EMAIL),),
    "attendees.unblock": (calls.unblock_attendee(EVENT, EMAIL),),
    "custom_fields.list": (calls.list_custom_fields(EVENT),),
    "airmeets.create": (
        calls.create_airmeet(NewAirmeet(**BARE_EVENT)),
        calls.create_airmeet(NewAirmeet(**FULL_EVENT)),
    ),
    "airmeets.set_status": (calls.set_airmeet_status(EVENT, "ONGOING"),),
    "airmeets.landing_page": (calls.change_landing_page(EVENT, **LOOKS),),
    "airmeets.duplicate": (
        calls.duplicate_airmeet(EVENT, name="Again", start=START, timezone="Asia/Kolkata", duplicate_speakers=True),
    ),
    "series.list": (calls.list_series(),),
    "series.events": (calls.list_series_airmeets(EVENT),),
    "attendees.remove": (calls.remove_attendee(EVENT, EMAIL),),
    "participants.list": (calls.list_participants(EVENT), calls.list_participants(EVENT, email_ids=[EMAIL], size=9)),
    "registrations.list": (
        calls.list_registrations(EVENT),
        calls.list_registrations(EVENT, after=9),
        calls.list_registrations(EVENT, before=9),
    ),
    "speakers.add": (
        calls.add_speaker(EVENT, Speaker("s@example.org", "S Peaker")),
        calls.add_speaker(EVENT, FULL_SPEAKER),
    ),
    "sessions.create": (
        calls.create_session(EVENT, NewSession(title="Opening", start=START, host_email="host@example.org")),
        calls.create_session(EVENT, FULL_SESSION),
    ),
    "sessions.delete": (calls.delete_session(EVENT, EVENT),),
    "recordings.list": (calls.list_recordings(EVENT), calls.list_recordings(EVENT, session_ids=[EVENT])),
    "booths.list": (calls.list_booths(EVENT),),
    "booths.create": (calls.create_booth(EVENT, NewBooth(name="Engines")), calls.create_booth(EVENT, FULL_BOOTH)),
    "tracks.list": (calls.list_tracks(EVENT),),
    "attendance.event": (
        calls.list_event_attendance(EVENT),
        calls.list_event_attendance(EVENT, after=9),
        calls.list_event_attendance(EVENT, before=9),
    ),
    "attendance.session": (
        calls.list_session_attendance(EVENT),
        calls.list_session_attendance(EVENT, after=9),
        calls.list_session_attendance(EVENT, before=9),
    ),
    "attendance.booth": (
        calls.list_booth_attendance(EVENT, EVENT),
        calls.list_booth_attendance(EVENT, EVENT, after=9),
        calls.list_booth_attendance(EVENT, EVENT, before=9),
    ),
    "attendance.replay": (
        calls.list_replay_attendance(EVENT),
        calls.list_replay_attendance(EVENT, after=9),
        calls.list_replay_attendance(EVENT, before=9),
    ),
    "utms.list": (calls.list_utms(EVENT), calls.list_utms(EVENT, after=9), calls.list_utms(EVENT, before=9)),
    "polls.list": (
        calls.list_poll_responses(EVENT),
        calls.list_poll_responses(EVENT, after=9),
        calls.list_poll_responses(EVENT, before=9),
    ),
    "questions.list": (calls.list_questions(EVENT),),
    "webhooks.register": (
        calls.register_webhook("trigger.airmeet.created", "https://hooks.example.org/a", name="AIRMEET_CREATED"),
        calls.register_webhook(
            "trigger.session.attendee.joined",
            "https://hooks.example.org/a",
            name="N",
            airmeet_id=EVENT,
            session_id=EVENT,
        ),
    ),
    "webhooks.deregister": (calls.deregister_webhook("trigger.airmeet.created", "https://hooks.example.org/a"),),
    "webhooks.list": (calls.list_webhooks(), calls.list_webhooks(airmeet_id=EVENT)),
    "webhooks.sample_payload": (calls.get_webhook_sample("trigger.airmeet.created"),),
}
EACH_CALL = [(name, number) for name in NAMES for number in range(len(CALLS.get(name, ())))]
SAMPLES = [(name, number) for name in NAMES for number in range(len(CONTRACTS[name]["replies"]))]
TYPES = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}

# What a bare call says although no default is documented: it must say something, or silence is not understood.
CURSOR_LISTS = {name for name, row in ENDPOINTS.items() if row.paging is Paging.CURSOR}
OUR_CHOICE = {name: {"size"} for name in CURSOR_LISTS - {"airmeets.list"}} | {
    "airmeets.create": {"eventType"},
    "airmeets.duplicate": {"duplicateSpeakers"},
    "airmeets.landing_page": {"ambience", "layout", "highlightColor", "buttonTextColor", "imageUrl"},
    "booths.create": {"metaData"},
    "participants.list": {"sortingDirection"},
    "sessions.create": {"type"},
    "webhooks.deregister": {"url"},
    "webhooks.register": {"description", "platformName"},
    "webhooks.sample_payload": {"triggerMetaInfoId"},
}
NOT_OFFERED = {"webhooks.deregister": {"id", "name"}}  # nobody has described that request

NO_MEMBER = {"auth"}  # the client signs in by itself
# Kept in `extra`: a picture, what repeats the request, and what of a booth is not believable as published.
NOT_MODELLED = {"label", "speaker_img", "platformName", "airmeetId", "userCount"}
NOT_MODELLED |= {"airmeet_id", "logo_url", "video", "faqs", "order", "resources", "layoutType", "layoutData"}
NOT_MODELLED |= {"boothExhibitor", "social_media_links", "short_description", "long_description", "banner_url"}
NOT_MODELLED |= {"register_interest_details", "offer_details", "doc_url", "doc_name", "booth_space_id"}


def snake(path: str) -> str:
    """Return the template with names as ours are."""
    return re.sub(r"\{\w+\}", lambda name: re.sub(r"[A-Z]", lambda at: "_" + at[0].lower(), name[0]), path)


def test_rows_contracts_routes_and_calls_are_the_same_operations():
    """None has been forgotten anywhere."""
    assert ENDPOINTS.keys() == CONTRACTS.keys() == {route.operation for route in ROUTES} == CALLS.keys()
    assert all(name == endpoint.name for name, endpoint in ENDPOINTS.items())
    assert len(ROUTES) == len(ENDPOINTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_as_transcribed(name):
    """Verb, path, credentials, paging, and whether it may be repeated."""
    row, contract = ENDPOINTS[name], CONTRACTS[name]
    paging = contract["paging"] or {"kind": "none", "size_max": 0}

    assert contract["operation"] == name
    assert (row.method, row.path) == (contract["method"], snake(contract["path"]))
    assert row.auth.value == contract["auth"]
    assert row.repeatable is contract["repeatable"]
    assert (row.paging.value, row.max_size) == (paging["kind"], paging["size_max"] or 0)
    assert row.prepares is any(status["status"] == 202 for status in contract["statuses"])


@pytest.mark.parametrize("name", NAMES)
def test_a_row_says_where_it_is_from(name):
    """With the contract's own grade."""
    grades, _, words = ENDPOINTS[name].source.partition(": ")

    assert CONTRACTS[name]["grade"] in grades.split(", ")
    assert set(grades.split(", ")) <= set("ABCD")
    assert words


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_row_has_its_handler_in_the_sandbox(route):
    """At the same place, behind the same credentials."""
    row = ENDPOINTS[route.operation]

    assert (route.method, snake(route.template), route.auth) == (row.method, row.path, row.auth.value)
    assert callable(route.handler)


def test_a_row_has_its_builder():
    """In `calls`, with a docstring, and public."""
    assert BUILDERS.keys() == CALLS.keys() == ENDPOINTS.keys()
    assert sorted(builder.__name__ for builder in BUILDERS.values()) == calls.__all__
    for name, builder in BUILDERS.items():
        assert {call.endpoint for call in CALLS[name]} == {ENDPOINTS[name]}, name
        assert builder.__doc__, name


class NoTransport:
    """Sends nothing."""

    async def exchange(self, request: Request) -> Reply:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Do nothing."""


def test_a_row_has_its_member_on_the_client():
    """`client.attendees.add` and its like, made from the builder; lists page themselves."""
    client = AirmeetClient(SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, transport=NoTransport())
    for name in ENDPOINTS.keys() - NO_MEMBER:
        group, _, member = name.partition(".")
        made = type(getattr(client, group)).__dict__[member]

        returns = get_origin(inspect.signature(made).return_annotation)
        is_list = ENDPOINTS[name].paging is not Paging.NONE or get_origin(ENDPOINTS[name].returns) is tuple
        assert returns is (Listing if is_list else Awaitable), name
        assert made.__wrapped__ is BUILDERS[name], name
        assert getattr(getattr(client, group), member).__name__ == member


def test_the_client_has_no_members_without_a_row():
    """What is offered is in the table."""
    client = AirmeetClient(SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, transport=NoTransport())
    members = {
        f"{group}.{member}"
        for group in dir(Operations)
        for member, made in vars(type(getattr(client, group))).items()
        if not group.startswith("_") and hasattr(made, "__wrapped__")
    }

    assert members == ENDPOINTS.keys() - NO_MEMBER


def request_of(name: str, number: int) -> Request:
    """Return the request of one of the calls, with the contract's own credentials."""
    call, sample = CALLS[name][number], CONTRACTS[name]["headers"]
    if call.endpoint.auth is Auth.TOKEN:
        credentials = token_headers(Secret(sample["X-Airmeet-Access-Token"]))
    else:
        raw = call.endpoint.auth is Auth.RAW_KEYS
        headers = ("x-access-key", "x-secret-key") if raw else ("X-Airmeet-Access-Key", "X-Airmeet-Secret-Key")
        keys = [Secret(sample[header]) for header in headers]
        credentials = key_headers(call.endpoint.auth, *keys)
    return encode(call, parse_base("https://sandbox.example/prod"), common_headers("0") + credentials)


@pytest.mark.parametrize(("name", "number"), EACH_CALL)
def test_a_request_goes_where_it_should(name, number):
    """The verb, the path below the base, and every header."""
    request, contract = request_of(name, number), CONTRACTS[name]
    sent = {key.decode(): value.decode() for key, value in request.headers}

    assert request.method == contract["method"]
    ids = dict.fromkeys(("airmeetId", "sessionId", "boothId", "eventSeriesId"), EVENT)
    assert request.target.partition("?")[0] == "/prod" + contract["path"].format(**ids, email="b.c%40example.org")
    assert contract["headers"].items() <= sent.items()
    assert {header for header in sent if header[0] in "Xx"} == {h for h in contract["headers"] if h[0] in "Xx"}


@pytest.mark.parametrize(("name", "number"), EACH_CALL)
def test_a_query_has_known_names_and_types(name, number):
    """And all that is mandatory; sizes stay in their limits."""
    known = {row["name"]: row for row in CONTRACTS[name]["query"]}
    query = CALLS[name][number].query

    assert query.keys() <= known.keys()
    assert {key for key, row in known.items() if row["mandatory"]} <= query.keys()
    for key, value in query.items():
        assert known[key]["type"] != "integer" or 0 <= int(value) <= known[key].get("max", int(value))


@pytest.mark.parametrize(("name", "number"), EACH_CALL)
def test_a_body_has_known_names_and_types(name, number):
    """And all that is mandatory; where none is wanted it is one of the samples."""
    contract = CONTRACTS[name]
    body: Any = json.loads(request_of(name, number).body or b"null")
    if contract["body"] is None:
        assert body in contract["requests"]
        return
    known = {row["name"]: row for row in contract["body"]}

    assert body.keys() <= known.keys()
    assert {key for key, row in known.items() if row["mandatory"]} <= body.keys()
    assert {key: type(value) for key, value in body.items()} == {key: TYPES[known[key]["type"]] for key in body}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_asked_for_is_airmeets_own_default(name):
    """A bare call does what a bare request would do."""
    contract, bare = CONTRACTS[name], CALLS[name][0]
    defaults = {row["name"]: row["default"] for row in (contract["body"] or []) + contract["query"] if "default" in row}
    sample = contract["requests"][0] or {}
    said = {key: value for key, value in {**(bare.body or {}), **bare.query}.items() if key not in sample}

    said = {key: value for key, value in said.items() if key not in OUR_CHOICE.get(name, ())}
    assert {key: str(value) for key, value in said.items()} == {key: str(defaults[key]) for key in said}
    assert {key: (bare.body or {})[key] for key in sample} == sample


@pytest.mark.parametrize("name", NAMES)
def test_everything_on_offer_can_be_asked_for(name):
    """No documented argument is missing."""
    contract = CONTRACTS[name]
    used = {key for call in CALLS[name] for key in {**(call.body or {}), **call.query}}

    assert used == {row["name"] for row in (contract["body"] or []) + contract["query"]} - NOT_OFFERED.get(name, set())


@pytest.mark.parametrize(("name", "number"), SAMPLES)
def test_each_sample_is_understood(name, number):
    """A success has a value that models every documented member; a refusal has its reason."""
    sample = CONTRACTS[name]["replies"][number]
    verdict = judge(CALLS[name][0], Reply(sample["status"], {}, json.dumps(sample["body"]).encode()))

    told = sample["body"].get("statusCode", 200) if isinstance(sample["body"], dict) else 200
    meant = told if sample["status"] == 200 and told != "2000" else sample["status"]
    assert verdict.status == meant
    if meant == 200:
        assert verdict.kind is Kind.OK, verdict
        assert set(extras(verdict.value)) <= NOT_MODELLED
    else:
        assert verdict.kind is not Kind.OK
        assert verdict.message == sample["body"]["statusMessage"]


def extras(value: Any) -> list[str]:
    """Return the members, at any depth, that no model has a field for."""
    if isinstance(value, tuple):
        return [name for item in value for name in extras(item)]
    if isinstance(value, Page):
        return extras(value.items)
    if not attrs.has(type(value)):
        return []
    facts = {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
    return [*facts.pop("extra", {}), *(name for fact in facts.values() for name in extras(fact))]


@pytest.mark.parametrize("name", [name for name in NAMES if CONTRACTS[name]["paging"]])
def test_a_sample_page_is_whole(name):
    """All its rows, its cursors, and the default size."""
    contract = CONTRACTS[name]
    sample = next(reply["body"] for reply in contract["replies"] if reply["status"] == 200)
    page = judge(CALLS[name][0], Reply(200, {}, json.dumps(sample).encode())).value

    assert len(page.items) == len(sample[contract["paging"]["rows"]])
    if contract["paging"]["kind"] == "number":
        assert (page.after, page.total_count) == (None, sample["totalUserCount"])
        return
    cursors = sample["cursors"]
    assert (page.after, page.before) == (str(cursors["after"]), str(cursors["before"]))
    assert page.page_count == cursors["pageCount"]
    most = contract["paging"]["size_default"] or contract["paging"]["size_max"]
    assert most is None or CALLS[name][0].query["size"] == str(most)


# What a documented meaning makes of an answer, at /auth and elsewhere.
MEANINGS = [
    ("ok", Kind.OK),
    ("header is missing", Kind.REJECTED),
    ("token is", Kind.REJECTED),
    ("keys are revoked", Kind.FATAL),
    ("no permission", Kind.FATAL),
    ("id is invalid", Kind.FATAL),
    ("has expired", Kind.EXPIRED),
    ("server error", Kind.AMBIGUOUS),
    ("not ready", Kind.NOT_READY),
    ("being prepared", Kind.NOT_READY),
    ("a key is", Kind.REJECTED),
]


@pytest.mark.parametrize(
    ("name", "row"),
    [pytest.param(name, row, id=f"{name}-{row['status']}") for name in NAMES for row in CONTRACTS[name]["statuses"]],
)
def test_each_documented_status_is_taken_as_meant(name, row):
    """By its meaning in the source, not by its number; only a 400 about a token may be the token's fault."""
    kind = next((kind for words, kind in MEANINGS if words in row["meaning"] or words == row["meaning"]), None)
    if kind is Kind.OK:
        return
    if row["status"] == 404 and ENDPOINTS[name].names_part:
        kind = Kind.REJECTED  # it may be the person or the session that is not there
    verdict = judge(CALLS[name][0], Reply(row["status"], {}, b""))

    assert verdict.kind is kind, row
    assert verdict.blames_token is ("token is" in row["meaning"])
