"""The sandbox against the contract files, which were written by hand from the sources."""

import json
from pathlib import Path
from typing import Any

import pytest

from airmeet_async.sandbox import community
from airmeet_async.sandbox.router import ROUTES
from tests.sandbox.caller import Caller, auth, content

FOLDER = Path(__file__).parents[1] / "contract"
CONTRACTS = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
BY_NAME = {contract["operation"]: contract for contract in CONTRACTS}
MEMBERS = {
    "operation",
    "method",
    "path",
    "auth",
    "headers",
    "query",
    "body",
    "requests",
    "replies",
    "statuses",
    "paging",
    "repeatable",
    "grade",
    "source",
}
NAMES = sorted({route.operation for route in ROUTES} & BY_NAME.keys())
EVENT = community.WITH_FIELDS


def call(name: str, caller: Caller, body: Any = None) -> Any:
    """Send an operation's request as its contract has it."""
    contract = BY_NAME[name]
    if contract["auth"] == "keys":
        return caller.world.handle(auth(body=body), caller.now)
    path = contract["path"].format(airmeetId=EVENT)
    return caller.reply(contract["method"], path, body)


def fits(value: Any, sample: Any) -> bool:
    """Say whether a reply has a sample's shape; see the contract folder's README."""
    if value is None or sample is None:
        return True
    if type(value) is not type(sample):
        return False
    if isinstance(sample, dict):
        return value.keys() == sample.keys() and all(fits(value[name], sample[name]) for name in sample)
    if isinstance(sample, list):
        return not sample or all(fits(row, sample[0]) for row in value)
    return True


def matches(name: str, reply: Any) -> bool:
    samples = [row["body"] for row in BY_NAME[name]["replies"] if row["status"] == reply.status]
    return any(fits(content(reply), sample) for sample in samples)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["operation"])
def test_contracts_have_one_schema(contract):
    """Every file has the same members, and grades where they belong."""
    graded = [contract, *contract["replies"], *contract["statuses"], *(contract["body"] or []), *contract["query"]]

    assert contract.keys() == MEMBERS
    assert {row["grade"] for row in graded} <= set("ABCD?")
    assert contract["repeatable"] in {True, False}
    assert {row["status"] for row in contract["replies"]} <= {row["status"] for row in contract["statuses"]}
    assert contract["paging"] is None or contract["paging"].keys() == {"kind", "size_default", "size_max", "rows"}


def test_files_are_named_after_operations():
    """A file can be found by its operation."""
    assert sorted(BY_NAME) == sorted(path.stem for path in FOLDER.glob("*.json"))


def test_every_route_has_a_contract():
    """No operation is served that was not transcribed."""
    assert {route.operation for route in ROUTES} <= BY_NAME.keys()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_routes_are_as_transcribed(route):
    """Verb, path and credentials agree with the sources."""
    contract = BY_NAME[route.operation]

    assert (contract["method"], contract["path"], contract["auth"]) == (route.method, route.template, route.auth)


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name in NAMES for n in range(len(BY_NAME[name]["requests"]))]
)
def test_transcribed_requests_are_accepted(name, number):
    """Each sample request gets a 200 of a transcribed shape."""
    caller = Caller(unknown_attendee_status=200)
    reply = call(name, caller, BY_NAME[name]["requests"][number])

    assert reply.status == 200
    assert matches(name, reply), reply.body


MANDATORY = [(name, row["name"]) for name in NAMES for row in BY_NAME[name]["body"] or [] if row["mandatory"]]


@pytest.mark.parametrize(("name", "member"), MANDATORY)
def test_mandatory_members_are_demanded(name, member):
    """Leaving one out is refused, in a transcribed shape."""
    body = {key: value for key, value in BY_NAME[name]["requests"][0].items() if key != member}
    reply = call(name, Caller(), body)

    assert reply.status == 400
    assert matches(name, reply)


TYPES = {"string": 7, "boolean": "true", "array": {}}


@pytest.mark.parametrize(("name", "row"), [(name, row) for name in NAMES for row in BY_NAME[name]["body"] or []])
def test_types_are_demanded(name, row):
    """A member of another type is refused wherever it is read."""
    body = BY_NAME[name]["requests"][0] | {row["name"]: TYPES[row["type"]]}
    ignored = row["name"] == "attendance_type"  # only hybrid events read it

    assert (200 if ignored else 400) == call(name, Caller(unknown_attendee_status=200), body).status


@pytest.mark.parametrize("name", [name for name in NAMES if BY_NAME[name]["auth"] == "token"])
def test_token_statuses_are_documented(name):
    """A wrong token and an expired one are answered with statuses that the contract lists."""
    caller = Caller()
    caller.world.expire_tokens()
    expired = call(name, caller).status
    caller.token = "nobody's"
    wrong = call(name, caller).status

    assert (wrong, expired) == (400, 412)
    assert {wrong, expired} <= {row["status"] for row in BY_NAME[name]["statuses"]}


def test_envelope_of_auth_is_transcribed():
    """The documented shape of /auth is a sample, too."""
    caller = Caller(auth_envelope=True)

    assert matches("auth", call("auth", caller))


def test_page_sizes_are_as_transcribed():
    """The limits of paging agree with the sources."""
    from airmeet_async.sandbox.handlers.events import LIST_SIZE, LIST_SIZE_MAX

    paging = BY_NAME["airmeets.list"]["paging"]
    assert (paging["size_default"], paging["size_max"]) == (LIST_SIZE, LIST_SIZE_MAX)


MISFITS = [
    ({"a": 1}, {"a": "1"}),
    ({"a": 1}, {"b": 1}),
    ({"a": 1, "b": 2}, {"a": 1}),
    ([{"a": 1}, {}], [{"a": 1}]),
    (True, 1),
    ({}, []),
]


@pytest.mark.parametrize(("value", "sample"), MISFITS)
def test_comparison_can_fail(value, sample):
    """The checker of shapes sees a wrong type, a missing member and one too many."""
    assert not fits(value, sample)
