"""Key pairs, tokens, who may ask for what, and bodies that cannot be read."""

from airmeet_async.protocol.http_messages import Request
from airmeet_async.sandbox import Switches, World, community
from tests.sandbox.caller import Caller, auth, content, request

DAY_S = 86_400
INFO = f"/airmeet/{community.SUMMIT}/info"
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


def test_keys_give_a_token():
    """Both ways of calling /auth that are in use get a flat body."""
    bodies: tuple[dict[str, str] | None, ...] = (None, {})
    for body in bodies:
        reply = World().handle(auth(body=body), 0)

        assert (200, {"token", "communityId"}) == (reply.status, content(reply).keys()), body


def test_documented_envelope_can_be_switched_on():
    """The help text shows the token inside an envelope."""
    reply = World(Switches(auth_envelope=True)).handle(auth(), 0)

    assert content(reply)["success"] is True
    assert {"label", "token"} == content(reply)["data"].keys()


REFUSED = {
    "an unknown access key": (auth(access="nobody#in"), 400),
    "a wrong secret": (auth(secret="wrong"), 400),
    "an access key without its region": (auth(access=community.ACCESS_KEY.removesuffix("#in")), 400),
    "no secret": (request("POST", "/auth", X_Airmeet_Access_Key=community.ACCESS_KEY), 400),
    "no keys": (request("POST", "/auth"), 400),
    "revoked keys": (auth(community.REVOKED_ACCESS_KEY, community.REVOKED_SECRET_KEY), 403),
    "a revoked key with a wrong secret": (auth(community.REVOKED_ACCESS_KEY, "wrong"), 400),
    "a broken body": (auth(body=b"{"), 400),
}


def test_refused_keys():
    """Wrong or missing keys are a 400, revoked ones a 403, and no token is issued."""
    for case, (asked, status) in REFUSED.items():
        world = World()

        assert status == world.handle(asked, 0).status, case
        assert world.statistics().auths == 0, case


def test_keys_can_be_revoked_while_tokens_live():
    """After a revocation old tokens work and new ones are refused."""
    caller = Caller()
    caller.world.revoke_keys()

    assert caller.world.handle(auth(), 0).status == 403
    assert caller.status("GET", INFO) == 200


def test_token_ends_after_thirty_days():
    """A token is good up to its last second and answered 412 from then on."""
    caller = Caller()

    caller.now = 30 * DAY_S - 1
    assert caller.status("GET", INFO) == 200
    caller.now += 1
    assert caller.status("GET", INFO) == 412


def test_token_lifetime_is_a_switch():
    """Tests need not wait thirty days."""
    caller = Caller(token_lifetime_s=5.0)
    caller.now = 5.0

    assert caller.status("GET", INFO) == 412


def test_expire_tokens_ends_those_issued_so_far():
    """Old tokens meet 412, a new one works."""
    caller = Caller()
    caller.world.expire_tokens()

    assert caller.status("GET", INFO) == 412
    caller.token = caller.login()
    assert caller.status("GET", INFO) == 200


def test_whether_a_new_token_ends_the_old_one():
    """Unknown at Airmeet, so both ways can be had."""
    for kills, status in [(False, 200), (True, 412)]:
        caller = Caller(reauth_kills_old=kills)
        caller.login()

        assert status == caller.status("GET", INFO), (kills, status)


def test_new_token_leaves_other_pairs_alone():
    """One account's new token never ends the token of another."""
    caller = Caller(reauth_kills_old=True)
    caller.login(community.FOREIGN_ACCESS_KEY, community.FOREIGN_SECRET_KEY)

    assert caller.status("GET", INFO) == 200


def test_unknown_token_is_a_400():
    """A token nobody issued is a bad request, not a 401."""
    for token in ["", "sandbox.1.0", "é"]:
        caller = Caller()
        caller.token = token

        assert caller.status("GET", INFO) == 400, token


def test_missing_token_is_a_400():
    """A call without the token header is a bad request."""
    assert World().handle(request("GET", INFO), 0).status == 400


def test_tokens_are_unique_and_follow_from_the_seed():
    """Two tokens of one world differ; equal seeds give equal tokens, others not."""
    first, second = (Caller(World(seed=1)) for _ in range(2))

    assert first.token == second.token != first.login()
    assert first.token != Caller(World(seed=2)).token


def test_secrets_stay_out_of_the_repr():
    """Printing a world or a pair shows no secret."""
    caller = Caller()
    text = f"{caller.world!r} {community.key_pairs()!r}"

    assert caller.token not in text
    assert community.SECRET_KEY not in text
