"""Key pairs against tokens."""

from airmeet_async.api.wire import Reply

from ..asked import Asked, check_keys
from ..replies import ok
from ..state import KeyPair, Token


def auth(asked: Asked) -> Reply:
    """Issue a token: 400 for missing or wrong keys, 403 for revoked ones (A)."""
    if asked.request.body:  # both no body and {} are in use (B, C)
        asked.body()
    pair = check_keys(asked.state, asked.request, "X-Airmeet")
    token = _issue(asked, pair)
    asked.count("auths")
    if asked.switches.auth_envelope:
        return ok(success=True, data={"label": pair.label, "token": token})
    return ok(token=token, communityId=pair.community)


def _issue(asked: Asked, pair: KeyPair) -> str:
    tokens = asked.state.tokens
    if asked.switches.reauth_kills_old:
        for token in tokens.values():
            if token.access_key == pair.access:
                token.expires = asked.now
    value = f"sandbox.{len(tokens) + 1}.{asked.state.code('token', str(len(tokens)))}"
    tokens[value] = Token(pair.access, pair.community, asked.now + asked.switches.token_lifetime_s)
    return value
