"""The sandbox against the contract files, which were written by hand from the sources."""

import json
from pathlib import Path
from typing import Any

from airmeet_async.sandbox import community
from airmeet_async.sandbox.forms import RequestForm
from airmeet_async.sandbox.handlers import events, people, reports
from airmeet_async.sandbox.routes import ROUTES
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
    "prepares",
    "repeatable",
    "grade",
    "source",
}
NAMES = sorted({route.operation for route in ROUTES} & BY_NAME.keys())
FORM_EVENT = {"custom_fields.list", "attendees.add", "attendees.block", "attendees.unblock"}
PREPARED = [name for name in NAMES if BY_NAME[name]["prepares"]]
QUERIES = {"webhooks.sample_payload": "?triggerMetaInfoId=trigger.airmeet.created"}


def by_auth(auth: str) -> list[str]:
    return [name for name in NAMES if BY_NAME[name]["auth"] == auth]


def path_of(name: str) -> str:
    """Return an operation's path into the sandbox, with what must stand in its query."""
    params = {
        "airmeetId": community.WITH_FIELDS if name in FORM_EVENT else community.FINISHED,
        "sessionId": community.SESSIONS[0],
        "boothId": "b-1",
        "eventSeriesId": community.SERIES,
        "email": "guest000%40example.com",
    }
    if name == "airmeets.set_status":
        params["airmeetId"] = community.SUMMIT
    return str(BY_NAME[name]["path"]).format(**params) + QUERIES.get(name, "")


def caller_of(**switches: Any) -> Caller:
    """Return a caller in whose community there is all that the samples name."""
    caller = Caller(**{"unknown_attendee_status": 200, "not_ready_times": 0} | switches)
    caller.world.add_member("host@example.org", "A Host")
    caller.world.add_member("cohost@example.org", "A Cohost")
    event = caller.world.events[community.FINISHED]
    caller.reply("POST", f"/airmeet/{event.uid}/speaker", {"name": "S Peaker", "email": "speaker@example.org"})
    event.booths[0]["uid"], event.tracks[0]["uid"] = "b-1", "t-1"
    call("webhooks.register", caller, BY_NAME["webhooks.register"]["requests"][0])
    return caller


def call(name: str, caller: Caller, body: Any = None) -> Any:
    """Send an operation's request as its contract has it."""
    contract = BY_NAME[name]
    if contract["auth"] == "keys":
        return caller.world.handle(auth(body=body), caller.now)
    send = caller.hook if contract["auth"] == "raw_keys" else caller.reply
    return send(contract["method"], path_of(name), body)


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


def test_contracts_have_one_schema():
    """Every file has the same members, and grades where they belong."""
    for contract in CONTRACTS:
        name = contract["operation"]
        graded = [contract, *contract["replies"], *contract["statuses"], *(contract["body"] or []), *contract["query"]]

        assert contract.keys() == MEMBERS, name
        assert {row["grade"] for row in graded} <= set("ABCD?"), name
        assert contract["repeatable"] in {True, False}, name
        assert {row["status"] for row in contract["replies"]} <= {row["status"] for row in contract["statuses"]}, name
        paging = contract["paging"]
        assert paging is None or paging.keys() == {"kind", "size_default", "size_max", "rows"}, name


def test_files_are_named_after_operations():
    """A file can be found by its operation."""
    assert sorted(BY_NAME) == sorted(path.stem for path in FOLDER.glob("*.json"))


def test_every_route_has_a_contract():
    """No operation is served that was not transcribed."""
    assert {route.operation for route in ROUTES} <= BY_NAME.keys()


def test_routes_are_as_transcribed():
    """Verb, path and credentials agree with the sources."""
    for route in ROUTES:
        contract = BY_NAME[route.operation]

        assert (contract["method"], contract["path"], contract["auth"]) == (
            route.method,
            route.template,
            route.auth,
        ), route.operation


def test_forms_are_as_transcribed():
    """The members of each body and the names of each query are the transcribed ones; so is which are mandatory."""
    for route in ROUTES:
        contract = BY_NAME[route.operation]
        body = route.form or RequestForm()

        for form, rows in ((body, contract["body"] or []), (route.query, contract["query"])):
            mandatory = {row["name"] for row in rows if row["mandatory"]}
            assert form.required.keys() == mandatory, route.operation
            assert form.optional.keys() == {row["name"] for row in rows} - mandatory, route.operation


def test_transcribed_requests_are_accepted():
    """Each sample request gets a 200 of a transcribed shape."""
    for name in NAMES:
        for body in BY_NAME[name]["requests"]:
            reply = call(name, caller_of(), body)

            assert reply.status == 200, (name, body)
            assert matches(name, reply), (name, body, reply.body)


def test_mandatory_members_are_demanded():
    """Leaving one out is refused, in a transcribed shape."""
    for name in NAMES:
        for row in BY_NAME[name]["body"] or []:
            if row["mandatory"]:
                request = BY_NAME[name]["requests"][0]
                reply = call(name, caller_of(), {key: request[key] for key in request.keys() - {row["name"]}})

                assert reply.status == 400, (name, row["name"])
                assert matches(name, reply), (name, row["name"])


TYPES = {"string": 7, "boolean": "true", "integer": "7", "array": {}, "object": []}


def test_types_are_demanded():
    """A member of another type is refused wherever it is read."""
    for name in NAMES:
        for row in BY_NAME[name]["body"] or []:
            body = BY_NAME[name]["requests"][0] | {row["name"]: TYPES[row["type"]]}
            ignored = row["name"] == "attendance_type"  # only hybrid events read it

            assert (200 if ignored else 400) == call(name, caller_of(), body).status, (name, row["name"])


def test_token_statuses_are_documented():
    """A wrong token and an expired one are answered with statuses that the contract lists."""
    for name in by_auth("token"):
        caller = Caller()
        caller.world.expire_tokens()
        expired = call(name, caller).status
        caller.token = "nobody's"
        wrong = call(name, caller).status

        assert (wrong, expired) == (400, 412), name
        assert {wrong, expired} <= {row["status"] for row in BY_NAME[name]["statuses"]}, name


def test_key_statuses_are_documented():
    """Webhooks go by the key pair; wrong and revoked ones are answered with statuses that the contract lists."""
    for name in by_auth("raw_keys"):
        contract, caller = BY_NAME[name], Caller()
        wrong = caller.hook(contract["method"], path_of(name), access="nobody's").status
        revoked = (community.REVOKED_ACCESS_KEY, community.REVOKED_SECRET_KEY)
        withdrawn = caller.hook(contract["method"], path_of(name), None, *revoked).status

        assert (wrong, withdrawn) == (400, 403), name
        assert {wrong, withdrawn} <= {row["status"] for row in contract["statuses"]}, name
        assert caller.reply(contract["method"], path_of(name)).status == 400, f"{name}: a token does not open it"


def test_mandatory_queries_are_demanded():
    """Leaving the query out is refused."""
    names = [name for name in NAMES if any(row["mandatory"] for row in BY_NAME[name]["query"])]
    statuses = {
        name: caller_of().hook(BY_NAME[name]["method"], path_of(name).partition("?")[0]).status for name in names
    }

    assert statuses == {"webhooks.sample_payload": 400}


def test_five_reads_are_prepared():
    """Exactly those that the sources name (C)."""
    assert sorted(PREPARED) == [
        *(f"attendance.{what}" for what in ("booth", "event", "replay", "session")),
        "utms.list",
    ]


def test_not_ready_is_transcribed():
    """Each way of saying "not ready" is a sample; reads that are not prepared never say it."""
    for name in NAMES:
        for sign in ("both", "body", "status"):
            caller = caller_of(not_ready_times=1, not_ready_sign=sign)
            body = BY_NAME[name]["requests"][0]
            first = call(name, caller, body)
            says = "statusMessage" in content(first) and content(first).get("statusCode") != "2000"

            assert (name in PREPARED) == says, (name, sign)
            assert matches(name, first), (name, sign, first.body)
            assert name not in PREPARED or matches(name, call(name, caller, body)), (name, sign)


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("auth", {"auth_envelope": True}),
    ("airmeets.landing_page", {"acknowledgement": "message"}),
    ("sessions.delete", {"acknowledgement": "message"}),
    ("airmeets.duplicate", {"duplicate_key": "uid"}),
    ("airmeets.duplicate", {"duplicate_key": "airmeetId"}),
    ("series.list", {"series_shape": "named"}),
    ("series.list", {"series_shape": "list"}),
    ("series.events", {"series_shape": "named"}),
    ("series.events", {"series_shape": "list"}),
    ("participants.list", {"participants_key": "paticipants"}),
    ("sessions.create", {"session_key": "uuid"}),
    ("sessions.create", {"session_tokens": "missing"}),
    ("sessions.create", {"session_tokens": "null", "session_key": "uuid"}),
    ("webhooks.list", {"webhooks_in_payload": True}),
    ("attendance.event", {"malformed_time_stamps": True}),
]


def test_variants_are_transcribed():
    """What a switch changes in a reply is another sample of the contract, and not the first one."""
    for name, switches in VARIANTS:
        reply = call(name, caller_of(**switches), BY_NAME[name]["requests"][-1])

        assert reply.body != call(name, caller_of(), BY_NAME[name]["requests"][-1]).body, (name, switches)
        assert matches(name, reply), (name, switches, reply.body)


WRONG_STATES = [
    ("attendance.event", f"/airmeet/{community.SUMMIT}/attendees"),
    ("attendance.session", f"/session/{community.LIVE_SESSION}/attendees"),
    ("attendance.replay", f"/airmeet/{community.LIVE}/event-replay-attendees"),
]


def test_wrong_state_is_transcribed():
    """A session or an event that is not over is refused in the words that were seen."""
    for name, path in WRONG_STATES:
        reply = Caller().reply("GET", path)
        words = [row["body"].get("statusMessage") for row in BY_NAME[name]["replies"] if row["status"] == 200]

        assert content(reply)["statusMessage"] in words, name
        assert matches(name, reply), name


SIZES = [
    ("airmeets.list", events.LIST_SIZE, events.LIST_SIZE_MAX),
    ("participants.list", people.RESULT_SIZE, people.RESULT_SIZE),
    ("registrations.list", people.REGISTRATIONS_SIZE, None),
    *((name, None, reports.SIZE_MAX) for name in (*PREPARED, "polls.list")),
]


def test_page_sizes_are_as_transcribed():
    """The limits of paging agree with the sources, for every operation that has pages."""
    paging = {name: contract["paging"] for name, contract in BY_NAME.items() if contract["paging"]}
    transcribed = {(name, row["size_default"], row["size_max"]) for name, row in paging.items()}

    assert transcribed == set(SIZES)


MISFITS = [
    ({"a": 1}, {"a": "1"}),
    ({"a": 1}, {"b": 1}),
    ({"a": 1, "b": 2}, {"a": 1}),
    ([{"a": 1}, {}], [{"a": 1}]),
    (True, 1),
    ({}, []),
]


def test_comparison_can_fail():
    """The checker of shapes sees a wrong type, a missing member and one too many."""
    for value, sample in MISFITS:
        assert not fits(value, sample), (value, sample)
