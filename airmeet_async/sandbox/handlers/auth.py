"""POST /auth: a token for a key pair."""

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import Token
from airmeet_async.sandbox.request import IncomingRequest, check_keys
from airmeet_async.sandbox.responses import ok


def auth(request: IncomingRequest) -> Reply:
    """Issue a token: 400 for missing or wrong keys, 403 for revoked ones (A)."""
    if request.http.body:  # both no body and {} are in use (B, C)
        request.body()
    state, switches = request.state, request.switches
    pair = check_keys(state, request.http, "X-Airmeet")
    if switches.reauth_kills_old:
        for earlier in state.tokens.values():
            if earlier.access_key == pair.access:
                earlier.expires = request.now
    token = f"sandbox.{len(state.tokens) + 1}.{state.code('token', str(len(state.tokens)))}"
    state.tokens[token] = Token(pair.access, pair.community, request.now + switches.token_lifetime_s)
    state.counts["auths"] += 1
    if switches.auth_envelope:
        return ok(success=True, data={"label": pair.label, "token": token})
    return ok(token=token, communityId=pair.community)
