"""The token of all other calls."""

from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import AUTH
from airmeet_async.protocol.models import AuthToken


def authenticate() -> Call[AuthToken]:
    """Ask for a token with the client's key pair.

    The client does this by itself. A token is good for 30 days and may be kept (help article, A).

    Raises:
        CredentialsError: The keys are wrong (400) or revoked (403).
    """
    return Call(AUTH, body={})
