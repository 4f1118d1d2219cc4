"""Key pairs against tokens."""

from airmeet_async.api.wire import Reply

from ..asked import Asked
from ..replies import Refusal, ok
from ..state import KeyPair, Token


def auth(asked: Asked) -> Reply:
    """Issue a token: 400 for missing or wrong keys, 403 for revoked ones (A)."""
    if asked.request.body:  # both no body and {} are in use (B, C)
        asked.body()
    pair = _pair(asked)
    if pair.revoked:
        raise Refusal(403, "The keys are revoked")
    token = _issue(asked, pair)
    asked.count("auths")
    if asked.switches.auth_envelope:
        return ok(success=True, data={"label": pair.label, "token": token})
    return ok(token=token, communityId=pair.community)


def _pair(asked: Asked) -> KeyPair:
    access, secret = (asked.request.header(f"X-Airmeet-{name}-Key") for name in ("Access", "Secret"))
    pair = asked.state.pairs.get(access or "")
    if pair is None or pair.secret != secret:
        raise Refusal(400, "Missing or wrong access key and secret key")
    return pair


def _issue(asked: Asked, pair: KeyPair) -> str:
    tokens = asked.state.tokens
    if asked.switches.reauth_kills_old:
        for token in tokens.values():
            if token.access_key == pair.access:
                token.expires = asked.now
    value = f"sandbox.{len(tokens) + 1}.{asked.state.code('token', str(len(tokens)))}"
    tokens[value] = Token(pair.access, pair.community, asked.now + asked.switches.token_lifetime_s)
    return value
