"""From a `Call` to the `Request` that goes over the wire."""

from airmeet_async.api.addresses import Base
from airmeet_async.api.call import Auth, Call
from airmeet_async.api.secret import Secret
from airmeet_async.api.wire import Headers, Request

_ACCEPT: Headers = (
    (b"Accept", b"application/json"),
    # An answer that need not be unpacked cannot be a bomb: 200 kB of gzip can hold 400 MB.
    (b"Accept-Encoding", b"identity"),
    # "All APIs expect" it, reads included (help article, A).
    (b"Content-Type", b"application/json"),
)


def common_headers(version: str) -> Headers:
    """Return what every request of a client carries, credentials aside."""
    return (*_ACCEPT, (b"User-Agent", f"airmeet-async/{version}".encode()))


def token_headers(token: Secret) -> Headers:
    """Return the header of every operation but auth and webhooks (help article, A)."""
    return ((b"X-Airmeet-Access-Token", token.reveal().encode("ascii")),)


def key_headers(auth: Auth, access_key: Secret, secret_key: Secret) -> Headers:
    """Return the key pair under the names that `auth` wants (help articles, A)."""
    names = (
        (b"X-Airmeet-Access-Key", b"X-Airmeet-Secret-Key") if auth is Auth.KEYS else (b"x-access-key", b"x-secret-key")
    )
    return ((names[0], access_key.reveal().encode("ascii")), (names[1], secret_key.reveal().encode("ascii")))


def encode(call: Call[object], base: Base, headers: Headers) -> Request:
    """Return the request that carries *call*."""
    endpoint = call.endpoint
    return Request(endpoint.method, base.prefix + call.target, headers, call.payload, endpoint.reply_limit)
