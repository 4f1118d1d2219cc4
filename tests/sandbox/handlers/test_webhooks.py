"""Registering webhooks, listing them, and what they would send."""

from airmeet_async.sandbox import community
from airmeet_async.sandbox.webhook_payloads import NAMES, SAMPLES
from tests.sandbox.caller import Caller, content

ROOT = "/platform-integration/v1"
ADDED = "trigger.airmeet.registrant.added"
JOINED = "trigger.session.attendee.joined"


def body(trigger="trigger.airmeet.created", **changes):
    return {
        "name": NAMES.get(trigger, "OTHER"),
        "triggerMetaInfoId": trigger,
        "url": "https://hooks.example.org/a",
    } | changes


def register(caller, query="", **changes):
    return caller.hook("POST", f"{ROOT}/webhook-register{query}", body(**changes))


def listed(caller, query="", **keys):
    return content(caller.hook("GET", f"{ROOT}/webhook-list{query}", **keys))["webhookDTOList"]


def test_status_code_is_a_string():
    """And 2000 is success (A)."""
    reply = content(register(Caller()))

    assert (reply["statusCode"], reply["statusMessage"]) == ("2000", "SUCCESS")


def test_registered_webhooks_are_listed():
    """All of the community, or those of one event; those of others are not seen."""
    caller = Caller()
    register(caller)
    register(caller, f"?airmeetId={community.SUMMIT}", trigger=ADDED)
    foreign = {"access": community.FOREIGN_ACCESS_KEY, "secret": community.FOREIGN_SECRET_KEY}

    assert [row["triggerMetaInfoId"] for row in listed(caller)] == ["trigger.airmeet.created", ADDED]
    assert [row["airmeetId"] for row in listed(caller, f"?airmeetId={community.SUMMIT}")] == [community.SUMMIT]
    assert listed(caller, **foreign) == []


PLACES = [
    ("", "trigger.airmeet.created", 200),
    ("", ADDED, 400),
    (f"?airmeetId={community.SUMMIT}", ADDED, 200),
    (f"?airmeetId={community.FOREIGN}", ADDED, 401),
    (f"?airmeetId={community.NOWHERE}", ADDED, 404),
    (f"?airmeetId={community.FINISHED}", JOINED, 400),
    (f"?airmeetId={community.FINISHED}&sessionId={community.SESSIONS[0]}", JOINED, 200),
    (f"?airmeetId={community.FINISHED}&sessionId={community.LIVE_SESSION}", JOINED, 404),
    ("", "trigger.unheard.of", 400),
]


def test_some_triggers_concern_one_event():
    """They must name it, and a session of it if they concern one (A)."""
    for query, trigger, status in PLACES:
        assert status == register(Caller(), query, trigger=trigger).status, (query, trigger, status)


def test_name_is_tied_to_the_trigger():
    """The help text says so, but not whether another one is refused."""
    for enforced, status in [(False, 200), (True, 400)]:
        caller = Caller(webhook_names_enforced=enforced)

        assert status == register(caller, name="MINE").status, (enforced, status)
        assert register(caller).status == 200, (enforced, status)
        assert register(caller, trigger="trigger.attendee.joined_table", name="MINE").status == 200, (enforced, status)


WHICH = [
    {"url": "https://hooks.example.org/b"},
    {"triggerMetaInfoId": "trigger.airmeet.created", "url": "https://hooks.example.org/b"},
]


def test_deregister_forgets_what_fits():
    """All given facts must fit; a second time there is nothing to forget."""
    for which in WHICH:
        caller = Caller()
        register(caller)
        register(caller, url="https://hooks.example.org/b")
        statuses = [caller.hook("DELETE", f"{ROOT}/webhook-deregister", which).status for _ in range(2)]

        assert statuses == [200, 404], which
        assert [row["url"] for row in listed(caller)] == ["https://hooks.example.org/a"], which


def test_deregister_by_id_in_the_query():
    """Where the facts stand nobody has described, so the query will do."""
    caller = Caller()
    uid = content(register(caller))["payload"]["id"]
    path = f"{ROOT}/webhook-deregister"

    assert (
        caller.hook(
            "DELETE", f"{path}?id={uid}", access=community.FOREIGN_ACCESS_KEY, secret=community.FOREIGN_SECRET_KEY
        ).status
        == 404
    )
    assert caller.hook("DELETE", f"{path}?id={uid}").status == 200
    assert listed(caller) == []


def test_deregister_must_say_which():
    """An empty request does not forget everything."""
    caller = Caller()
    register(caller)
    path = f"{ROOT}/webhook-deregister"
    replies = [caller.hook("DELETE", path, given).status for given in (None, {}, {"url": ""})]

    assert [*replies, caller.hook("DELETE", f"{path}?id=", {}).status] == [400] * 4
    assert len(listed(caller)) == 1


def test_status_of_an_unknown_webhook_is_a_switch():
    """Nobody has described it."""
    caller = Caller(unknown_webhook_status=200)

    assert caller.hook("DELETE", f"{ROOT}/webhook-deregister", {"id": "x"}).status == 200


def test_each_trigger_has_a_sample():
    """The one that its payload would look like, and somebody or something is named in it."""
    for trigger in SAMPLES:
        reply = content(Caller().hook("GET", f"{ROOT}/sample-payload?triggerMetaInfoId={trigger}"))

        assert SAMPLES[trigger] == reply["payload"], trigger
        assert {"airmeetId", "airmeet_id", "airmeetName"} & reply["payload"].keys(), trigger


def test_documented_triggers_are_known():
    """Twelve by Airmeet itself (A, B), ten by one more text (D)."""
    assert (len(SAMPLES), len(NAMES)) == (22, 10)
    assert NAMES.keys() < SAMPLES.keys()
