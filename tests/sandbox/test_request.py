"""Who may ask for what, and bodies that cannot be read."""

from airmeet_async.protocol.http_messages import Request
from airmeet_async.sandbox import community
from tests.sandbox.caller import Caller, request

EVENT_CALLS = [
    ("GET", "info"),
    ("GET", "custom-fields"),
    ("POST", "attendee"),
    ("PUT", "attendee/block"),
    ("PUT", "attendee/unblock"),
]


def test_events_that_are_out_of_reach():
    """Another community's event is a 401, one that does not exist a 404, on every call."""
    for method, path in EVENT_CALLS:
        for event, status in [(community.FOREIGN, 401), (community.NOWHERE, 404)]:
            assert status == Caller().status(method, f"/airmeet/{event}/{path}", {}), (method, path, event, status)


def test_status_of_events_out_of_reach_is_a_switch():
    """Whether a 401 hides that an event exists is unknown."""
    caller = Caller(unknown_event_status=401, foreign_event_status=404)

    assert caller.status("GET", f"/airmeet/{community.NOWHERE}/info") == 401
    assert caller.status("GET", f"/airmeet/{community.FOREIGN}/info") == 404


def test_token_is_looked_at_before_the_event():
    """An expired token is a 412 even for an event that does not exist."""
    caller = Caller()
    caller.world.expire_tokens()

    assert caller.status("GET", f"/airmeet/{community.NOWHERE}/info") == 412


BAD_BODIES = [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"email=a@example.com", b"[" * 100_000]


def test_body_must_be_a_json_object():
    """Anything else is a 400, however broken."""
    for body in BAD_BODIES:
        assert Caller().status("POST", f"/airmeet/{community.SUMMIT}/attendee", body) == 400, body


WRITES = [("POST", "attendee"), ("PUT", "attendee/block")]


def test_write_demands_a_content_type():
    """A write that does not say it is JSON is refused; if that is switched off, its payload is what counts."""
    for method, path in WRITES:
        for kind in ["", "text/plain", "application/x-www-form-urlencoded"]:
            for demanded, statuses in ((True, {400}), (False, {200})):
                caller = Caller(demand_content_type=demanded)
                caller.add("b@example.com")
                body = {"email": "a@example.com", "firstName": "A", "lastName": "B", "attendeeEmail": "b@example.com"}
                asked = request(
                    method, f"/airmeet/{community.SUMMIT}/{path}", body, X_Airmeet_Access_Token=caller.token
                )
                plain = Request(
                    asked.method, asked.target, ((b"content-type", kind.encode()), *asked.headers[1:]), asked.body
                )
                assert {caller.world.handle(plain, 0).status} == statuses, (method, path, kind)


def test_content_type_may_be_spelled_freely():
    """The help text itself writes JSON in capitals."""
    for kind in ["application/json", "application/JSON", "application/json; charset=utf-8"]:
        caller = Caller()
        body = {"email": "a@example.com", "firstName": "A", "lastName": "B"}
        asked = request("POST", f"/airmeet/{community.SUMMIT}/attendee", body, X_Airmeet_Access_Token=caller.token)
        spelled = Request(
            asked.method, asked.target, ((b"content-type", kind.encode()), *asked.headers[1:]), asked.body
        )

        assert caller.world.handle(spelled, 0).status == 200, kind
