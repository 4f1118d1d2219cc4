"""Addresses: which hosts may be called, and which ids may stand in a path.

Both are allow-lists. A host receives the keys, and an id such as ``..`` would
reach another operation than the one that was asked for.
"""

import ipaddress
import re
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from attrs import frozen

from airmeet_async.errors import ConfigError, InvalidInputError

Id = str | UUID


class Region(StrEnum):
    """The region of a community's data, which is in the community's web address (help article, A).

    Attributes:
        GLOBAL: Mumbai, the default.
    """

    GLOBAL = "global"
    EU = "eu"
    US = "us"


_BASES = {
    Region.GLOBAL: "https://api-gateway.airmeet.com/prod",
    Region.EU: "https://api-gateway-prod.eu.airmeet.com/prod",
    Region.US: "https://api-gateway-prod.us.airmeet.com/prod",
}

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_LOOPBACK_NAME = re.compile(r"^(https?://)(?:localhost|\[::1\])(?=[:/]|$)")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_PORTS = {"https": 443, "http": 80}


@frozen
class Base:
    """A checked base address, taken apart.

    Attributes:
        scheme: ``https``, or ``http`` for loopback addresses.
        host: Host name or address, lower case, without brackets.
        port: TCP port.
        prefix: Path in front of every operation's, such as ``/prod``; never ends in a slash.
    """

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return _is_loopback(self.host)

    @property
    def origin(self) -> str:
        """Scheme and authority."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.prefix


def name_loopback(base: str) -> str:
    """Return a base address with one name for this machine: ``localhost`` and ``[::1]`` become ``127.0.0.1``."""
    return _LOOPBACK_NAME.sub(r"\g<1>127.0.0.1", base)


def base_of(region: Region | str) -> str:
    """Return the base address of a region.

    Raises:
        ConfigError: There is no such region.
    """
    try:
        return _BASES[Region(region)]
    except ValueError:
        choices = ", ".join(Region)
        raise ConfigError(f"unknown region {region!r}; use one of {choices}") from None


def parse_base(url: str) -> Base:
    """Check a base address and take it apart.

    Raises:
        ConfigError: Not https (http is for loopback only), or with credentials, query or fragment.
    """
    if not url.isascii() or any(char.isspace() or ord(char) < 0x20 or char == "\\" for char in url):
        raise ConfigError(_bad_base("it has characters that a URL cannot have"))
    if "@" in url:  # before anything of it may be quoted: a password with a slash in it reads like a path
        keys = "put the keys in AIRMEET_ACCESS_KEY and AIRMEET_SECRET_KEY"
        raise ConfigError(_bad_base(f"it contains a user name or a password; {keys}"))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError(_bad_base("its host or port is not valid")) from None
    host = (parts.hostname or "").lower()
    prefix = parts.path.rstrip("/")
    is_loopback = _is_loopback(host)
    problem = ""
    if not _PREFIX.fullmatch(prefix) or "." in prefix.split("/") or ".." in prefix.split("/"):
        problem = f"its path {parts.path!r} is not a plain path"
    elif parts.query or parts.fragment or url.endswith(("?", "#")):
        problem = "it has a query or a fragment"
    elif parts.scheme not in _PORTS:
        problem = "it does not start with https://"
    elif port == 0:
        problem = "its port is 0"
    elif not (_is_address(host) if "[" in parts.netloc else _HOST.fullmatch(host)):
        problem = "it has no valid host name"
    elif parts.scheme == "http" and not is_loopback:
        problem = "http sends the keys unencrypted and is for loopback addresses only; use https://"
    if problem:
        raise ConfigError(_bad_base(problem))
    return Base(parts.scheme, host, port or _PORTS[parts.scheme], prefix)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _bad_base(problem: str) -> str:
    return f"this base URL cannot be used: {problem} (expected something like {_BASES[Region.GLOBAL]})"


def _is_address(host: str) -> bool:
    """Tell whether *host* is a bare IP address; one with a zone (``%eth0``) is not."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def check_id(value: Id, name: str) -> str:
    """Return *value* as text when it may stand in a path.

    Raises:
        InvalidInputError: It is not an id; the message says where to find one.
    """
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    if isinstance(value, UUID):
        return str(value)
    hint = ""
    if isinstance(value, str) and "airmeet.com/e/" in value:
        hint = "; use only the part after /e/, not the whole URL"
    message = f"{name} {value!r:.80} is not an id: only letters, digits, - and _, as in the event's URL{hint}"
    raise InvalidInputError(message, field=name, code="invalid_id")


def check_ids(**ids: Id) -> dict[str, str]:
    """Return *ids*, which are a path's arguments by name, when all of them are ids."""
    return {name: check_id(value, name) for name, value in ids.items()}
