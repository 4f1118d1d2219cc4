"""Key pairs, tokens and what they open."""

from airmeet_async.sandbox import Switches, World, community
from tests.sandbox.caller import Caller, auth, content, request

DAY_S = 86_400
INFO = f"/airmeet/{community.SUMMIT}/info"


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
