"""The client against the contract files, which were written by hand from the sources and not from our code.

One table, read by the client, the bulk engine and the sandbox, could be wrong for all of them at once, and every
other test would pass. To add an operation: a row, a builder, a namespace member, a sandbox route, a contract file,
and its calls in `CALLS` below.
"""

import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from airmeet_async import AirmeetClient, calls
from airmeet_async.api.addresses import parse_base
from airmeet_async.api.call import Auth, Call, Paging
from airmeet_async.api.encode import common_headers, encode, key_headers, token_headers
from airmeet_async.api.endpoints import ENDPOINTS
from airmeet_async.api.judge import Kind, judge
from airmeet_async.api.models import AttendanceType, Attendee
from airmeet_async.api.paging import Page
from airmeet_async.api.secret import Secret
from airmeet_async.api.wire import Reply, Request
from airmeet_async.client.namespaces import listing, operation
from airmeet_async.sandbox.router import ROUTES
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

# Per operation: the call with nothing but what is mandatory, then such that together use everything.
CALLS: dict[str, tuple[Call[Any], ...]] = {
    "auth": (calls.authenticate(),),
    "airmeets.list": (calls.airmeets.list_(), calls.airmeets.list_(after=9), calls.airmeets.list_(size=7, before=9)),
    "airmeets.info": (calls.airmeets.info(EVENT),),
    "attendees.add": (calls.attendees.add(EVENT, Attendee(EMAIL, "B", "C")), calls.attendees.add(EVENT, FULL)),
    "attendees.block": (calls.attendees.block(EVENT, EMAIL),),
    "attendees.unblock": (calls.attendees.unblock(EVENT, EMAIL),),
    "custom_fields.list": (calls.custom_fields.list_(EVENT),),
}
EACH_CALL = [(name, number) for name in NAMES for number in range(len(CALLS.get(name, ())))]
SAMPLES = [(name, number) for name in NAMES for number in range(len(CONTRACTS[name]["replies"]))]
TYPES = {"string": str, "boolean": bool, "integer": int, "array": list}

NO_MEMBER = {"auth"}  # the client signs in by itself
NOT_MODELLED = {"label", "speaker_img"}  # kept in `extra`


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
    assert (row.paging.value, row.max_size) == (paging["kind"], paging["size_max"])
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


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_a_row_has_its_builder(name):
    """Under its own name in `calls`, with a docstring."""
    builder = builder_of(name)

    assert {call.endpoint for call in CALLS[name]} == {ENDPOINTS[name]}
    assert builder.__doc__


def builder_of(name: str) -> Any:
    """Find the function for a row; a name that Python has taken ends in an underscore."""
    if name == "auth":
        return calls.authenticate
    group, _, member = name.partition(".")
    module = getattr(calls, group)
    return getattr(module, f"{member}_", None) or getattr(module, member)


class NoTransport:
    """Sends nothing."""

    async def exchange(self, request: Request) -> Reply:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("name", sorted(ENDPOINTS.keys() - NO_MEMBER))
def test_a_row_has_its_member_on_the_client(name):
    """`client.attendees.add` and its like, made from the builder; lists page themselves."""
    client = AirmeetClient(SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, transport=NoTransport())
    group, _, member = name.partition(".")
    made = type(getattr(client, group)).__dict__[member]

    assert isinstance(made, operation if ENDPOINTS[name].paging is Paging.NONE else listing)
    assert made.build is builder_of(name)
    assert callable(getattr(getattr(client, group), member))


def test_the_client_has_no_members_without_a_row():
    """What is offered is in the table."""
    client = AirmeetClient(SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, transport=NoTransport())
    members = {
        f"{group}.{member}"
        for group, space in vars(client).items()
        for member, made in vars(type(space)).items()
        if isinstance(made, (operation, listing))
    }

    assert members == ENDPOINTS.keys() - NO_MEMBER


def request_of(name: str, number: int) -> Request:
    """Return the request of one of the calls, with the contract's own credentials."""
    call, sample = CALLS[name][number], CONTRACTS[name]["headers"]
    if call.endpoint.auth is Auth.TOKEN:
        credentials = token_headers(Secret(sample["X-Airmeet-Access-Token"]))
    else:
        keys = [Secret(sample[header]) for header in ("X-Airmeet-Access-Key", "X-Airmeet-Secret-Key")]
        credentials = key_headers(call.endpoint.auth, *keys)
    return encode(call, parse_base("https://sandbox.example/prod"), common_headers("0") + credentials)


@pytest.mark.parametrize(("name", "number"), EACH_CALL)
def test_a_request_goes_where_it_should(name, number):
    """The verb, the path below the base, and every header."""
    request, contract = request_of(name, number), CONTRACTS[name]
    sent = {key.decode(): value.decode() for key, value in request.headers}

    assert request.method == contract["method"]
    assert request.target.partition("?")[0] == "/prod" + contract["path"].format(airmeetId=EVENT)
    assert contract["headers"].items() <= sent.items()
    assert {header for header in sent if header.startswith("X-")} == {h for h in contract["headers"] if h[0] == "X"}


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

    assert {key: str(value) for key, value in said.items()} == {key: str(defaults[key]) for key in said}
    assert {key: (bare.body or {})[key] for key in sample} == sample


@pytest.mark.parametrize("name", NAMES)
def test_everything_on_offer_can_be_asked_for(name):
    """No documented argument is missing."""
    contract = CONTRACTS[name]
    used = {key for call in CALLS[name] for key in {**(call.body or {}), **call.query}}

    assert used == {row["name"] for row in (contract["body"] or []) + contract["query"]}


@pytest.mark.parametrize(("name", "number"), SAMPLES)
def test_each_sample_is_understood(name, number):
    """A success has a value that models every documented member; a refusal has its reason."""
    sample = CONTRACTS[name]["replies"][number]
    verdict = judge(CALLS[name][0], Reply(sample["status"], {}, json.dumps(sample["body"]).encode()))

    assert verdict.status == sample["status"]
    if sample["status"] == 200:
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
    cursors = sample["cursors"]

    assert len(page.items) == len(sample[contract["paging"]["rows"]])
    assert (page.after, page.before) == (str(cursors["after"]), str(cursors["before"]))
    assert page.page_count == cursors["pageCount"]
    assert all(ENDPOINTS[name].identity(item) for item in page.items)
    assert CALLS[name][0].query["size"] == str(contract["paging"]["size_default"])


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
    verdict = judge(CALLS[name][0], Reply(row["status"], {}, b""))

    assert verdict.kind is kind, row
    assert verdict.blames_token is ("token is" in row["meaning"])
