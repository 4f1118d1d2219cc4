"""A client's settings: arguments first, then the environment, then defaults.

=============  =======================  ==========================================
argument       environment              default
=============  =======================  ==========================================
access_key     ``AIRMEET_ACCESS_KEY``   none: an error that says where to get one
secret_key     ``AIRMEET_SECRET_KEY``   none: the same
base_url       ``AIRMEET_URI``          the region's address
region         ``AIRMEET_REGION``       ``global``
transport      ``AIRMEET_TRANSPORT``    ``httpx``
telemetry      ``AIRMEET_TELEMETRY``    ``off``
=============  =======================  ==========================================

``AIRMEET_TOKEN_CACHE`` says where ``token_store="file"`` has its files.

A whole address wins over a region from the same place. A variable that is set but empty or wrong is an error: a script
with a misspelt value must not fall back to the real Airmeet. Other settings are arguments only.
"""

from collections.abc import Mapping

from attrs import field, frozen

from airmeet_async.client.token import IssuedToken
from airmeet_async.client.transports.base import Timeouts
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import Base, Region, base_of, parse_base
from airmeet_async.protocol.call import Auth, Retry, common_headers, key_headers, token_headers
from airmeet_async.protocol.http_messages import Headers, is_visible_ascii
from airmeet_async.protocol.redact import Secret
from airmeet_async.version import __version__

_LONGEST_KEY = 512


@frozen
class ClientOptions:
    """Everything a client needs to know, checked.

    Attributes:
        base: Where the API is.
        access_key: ``X-Airmeet-Access-Key``. May contain ``#``.
        secret_key: ``X-Airmeet-Secret-Key``.
        rate: Requests per second, or None.
        max_in_flight: Requests under way at once.
        retry: Retry rules of a single call. Default: ``Retry()``.
        timeout: Seconds for a call with its retries and waits; None for no limit.
        timeouts: Timeouts of one request, in seconds. Default: ``Timeouts()``.
    """

    base: Base
    access_key: Secret
    secret_key: Secret
    rate: float | None = None
    max_in_flight: int = 64
    retry: Retry = field(factory=Retry)
    timeout: float | None = None
    timeouts: Timeouts = field(factory=Timeouts)


def find_base(base_url: str | None, region: Region | str | None, environ: Mapping[str, str]) -> Base:
    """Return the base address: *base_url*, else *region*, else the environment's, else the default region's."""
    if base_url is not None:
        return parse_base(base_url)
    if region is not None:
        return parse_base(base_of(region))
    # A misspelt region is an error even where an address makes it useless: somebody meant something by it.
    named = environ.get("AIRMEET_REGION", Region.GLOBAL)
    there = base_of(named.strip().lower())
    uri = environ.get("AIRMEET_URI")
    if uri is not None and not uri.strip():
        message = "AIRMEET_URI is set but empty, which is ambiguous: unset it to use the region's address"
        raise ConfigError(message)
    return parse_base(there if uri is None else uri.strip())


def find_key(value: str | None, variable: str, environ: Mapping[str, str]) -> Secret:
    """Return a key from the argument or the environment, outer blanks removed.

    Raises:
        ConfigError: There is none, or it cannot stand in a header. The value is not in the message.
    """
    text = (environ.get(variable, "") if value is None else value).strip()
    if not text:
        message = (
            f"no key: set {variable} (from the community dashboard, Integrations, API Access Key), or pass it to "
            "AirmeetClient"
        )
        raise ConfigError(message)
    if any(quote in text for quote in "\"'`"):
        raise ConfigError(f"{variable} holds a quotation mark; write the key without the quotes")
    if len(text) > _LONGEST_KEY or not is_visible_ascii(text):
        raise ConfigError(f"{variable} is not a key: expected one word of visible ASCII characters; copy it again")
    return Secret(text)


class HeaderBlock(tuple[tuple[bytes, bytes], ...]):
    """Headers with credentials, which no traceback shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


class Credentials:
    """Makes header blocks, each once."""

    def __init__(self, options: ClientOptions) -> None:
        self._keys = options.access_key, options.secret_key
        self._common = common_headers(__version__)
        # The mutable state: the block of the last token that was used.
        self._generation = 0
        self._block: Headers = ()

    def of_keys(self, auth: Auth) -> Headers:
        """Return the header block with the key pair under the names that *auth* wants."""
        return HeaderBlock(self._common + key_headers(auth, *self._keys))

    def of_token(self, issued: IssuedToken) -> Headers:
        """Return the header block with a token."""
        if self._generation != issued.generation:
            self._generation = issued.generation
            self._block = HeaderBlock(self._common + token_headers(issued.token))
        return self._block

    def secrets(self, issued: IssuedToken | None) -> tuple[str, ...]:
        """Return what no text may show."""
        return tuple(one.reveal() for one in (*self._keys, *([issued.token] if issued else [])))
