"""Which proxy leads to an address: the environment's, else the system's. Its password is never shown."""

import ipaddress
import os
import re
from urllib.request import getproxies, getproxies_environment, proxy_bypass

from attrs import field, frozen

from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import Base

_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PROXY = re.compile(
    r"(?i)(?P<scheme>https?)://(?P<user>[^\s@/?#]*@)?"
    r"(?P<place>([a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?)/?"
)
_EXAMPLE = "write it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, and @ / : in a password as %40 %2F %3A"


@frozen
class Proxy:
    """An HTTP proxy.

    Attributes:
        url: Its address, with user and password.
        place: Host and port, which may be shown.
        origin: The variable that names it.
    """

    url: str = field(repr=False)
    place: str
    origin: str


def find_proxy(base: Base) -> Proxy | None:
    """Return the proxy for *base*, if there is one.

    Only for https addresses: in a plain http request a proxy would see the keys.

    Raises:
        ConfigError: It is named in a way that cannot be used; the message does not repeat it.
    """
    if base.scheme != "https" or _is_exempt(base):
        return None
    proxies = getproxies()
    text = (proxies.get("https") or proxies.get("all") or "").strip()
    if not text:
        return None
    origin = next((name for name in _VARIABLES if os.environ.get(name, "").strip()), "the system's settings")
    scheme = _SCHEME.match(text)
    if scheme is None:  # as curl reads it
        text = f"http://{text}"
    elif scheme[1].lower() not in {"http", "https"}:
        kind = "a SOCKS proxy" if scheme[1].lower().startswith("socks") else "a proxy of an unknown kind"
        fix = "name an HTTP proxy, or list the host in NO_PROXY"
        raise ConfigError(f"{origin} names {kind}, which cannot be used; {fix}")
    found = _PROXY.fullmatch(text)
    if found is None or not 0 < int(found["port"] or 80) < 65536:
        raise ConfigError(f"{origin} names no proxy that can be used; {_EXAMPLE}")
    place = found["place"]
    return Proxy(f"{found['scheme'].lower()}://{found['user'] or ''}{place}", place, origin)


def _is_exempt(base: Base) -> bool:
    """Return whether ``NO_PROXY`` lists a host: by name, its end, address or network, maybe with a port."""
    environment = getproxies_environment()
    if not environment:
        return bool(proxy_bypass(base.host))
    for entry in environment.get("no", "").lower().split(","):
        name, port = entry.strip(), ""
        if found := re.fullmatch(r"(\[.*\]|[^:]*):([0-9]+)", name):
            name, port = found.groups()
        name = name.strip("[]").removeprefix("*.").lstrip(".")
        if not name or (port and int(port) != base.port):
            continue
        if name in {"*", base.host} or base.host.endswith(f".{name}"):
            return True
        try:
            if ipaddress.ip_address(base.host) in ipaddress.ip_network(name, strict=False):
                return True
        except ValueError:  # one of them is a name
            pass
    return False
