"""The checks of ``airmeet doctor`` that need no network: versions, settings, folders, the way out."""

import os
import platform
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from airmeet_async.api.redact import escape
from airmeet_async.cli.diagnosis import Bench, Finding, Level, good
from airmeet_async.cli.exits import Exit, code_of_error, sentence_of
from airmeet_async.cli.origins import PROFILE, Origins, prefer
from airmeet_async.cli.profiles import homely, profiles_path
from airmeet_async.cli.regions import region_of
from airmeet_async.cli.settings import Settings, find_rate, find_store
from airmeet_async.cli.shelf import shelf
from airmeet_async.cli.whoami import age_of, saved_at
from airmeet_async.client.httpx_lanes import default_trust, proxy_from_environment
from airmeet_async.client.stores import FileTokenStore
from airmeet_async.errors import AirmeetError, ConfigError

_CORE = ("httpx", "anyio", "attrs", "cattrs", "aiolimiter")
_EXTRAS = {
    "cli": ("rich", "email_validator", "charset_normalizer"),
    "fast": ("httptools", "orjson"),
    "sandbox": ("uvicorn",),
    "excel": ("python_calamine",),
    "parquet": ("pyarrow",),
    "dataframe": ("narwhals",),
    "report": ("jinja2", "pygal"),
    "redis": ("redis",),
    "dask": ("distributed",),
    "otel": ("opentelemetry",),
}
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def local_checks(bench: Bench) -> Iterator[Finding]:
    """Look at this machine, and find the settings that a command would use."""
    yield _versions()
    yield _extras()
    environ = dict(bench.environ)
    if bench.typed is not None:
        prefer(bench.typed, environ)
    inner = Bench(environ, bench.typed, bench.clients)
    for check in (_profile, _keys, _address, _rate, _tokens, _journals):
        yield from _guarded(check, inner)
    try:
        bench.settings = Settings.of(environ)
    except ConfigError:  # said above
        return
    for look in (_token, _proxy, _trust, _transport):
        yield from _guarded(look, bench)


def _guarded(check: Callable[[Bench], Iterator[Finding]], bench: Bench) -> Iterator[Finding]:
    """Let a check fail without taking the others along."""
    try:
        yield from check(bench)
    except AirmeetError as error:
        name = check.__name__.removeprefix("_")
        yield Finding(name, Level.FAIL, sentence_of(error), code=Exit(code_of_error(error)))
    except ValueError as error:  # of what the environment says, such as the address of a proxy
        yield Finding(check.__name__.removeprefix("_"), Level.FAIL, str(error), code=Exit.USAGE)


def _versions() -> Finding:
    found = {name: metadata.version(name) for name in ("airmeet-async", *_CORE)}
    text = ", ".join(f"{name} {version}" for name, version in found.items())
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return good("versions", f"{python}; {text}", python=platform.python_version(), packages=found)


def _extras() -> Finding:
    present = [name for name, modules in _EXTRAS.items() if all(map(find_spec, modules))]
    absent = [name for name in _EXTRAS if name not in present]
    more = f"; not installed: {', '.join(absent)} (pip install 'airmeet-async[{absent[0]}]')" if absent else ""
    return good("extras", f"{', '.join(present) or 'none'}{more}", present=present, absent=absent)


def _profile(bench: Bench) -> Iterator[Finding]:
    origins = Origins.of(bench.environ)
    if origins.unused:
        yield Finding(
            "profile", Level.WARN, " ".join(origins.notices()), f"unset the keys, or say --profile {origins.unused}"
        )
    elif origins.profile is None:
        yield good("profile", "none in use", profile=None)
    else:
        said = bench.environ.get(PROFILE, "").strip()
        named = "--profile" if bench.typed is not None else PROFILE if said else "used when nothing else is said"
        place = homely(profiles_path())
        yield good("profile", f"{origins.profile.name} ({named}), in {place}", profile=origins.profile.name)


def _keys(bench: Bench) -> Iterator[Finding]:
    keys = Origins.of(bench.environ).keys()
    yield good("keys", f"access key {keys.masked}, of {keys.origin}", origin=keys.origin)


def _address(bench: Bench) -> Iterator[Finding]:
    origins = Origins.of(bench.environ)
    address = origins.address()
    region = region_of(str(address.base))
    text = f"{address.base}{f', region {region}' if region else ''} ({address.origin})"
    facts = {"address": str(address.base), "region": region, "origin": address.origin}
    if origins.profile is not None and address.base != origins.profile.base:
        fix = f"unset {address.origin} for the profile's own address"
        yield Finding(
            "address", Level.WARN, f"{text}, not {origins.profile.base} of {origins.profile}", fix, facts=facts
        )
    elif address.origin == "AIRMEET_URI" and bench.environ.get("AIRMEET_REGION", "").strip():
        yield Finding(
            "address", Level.WARN, f"{text}, so AIRMEET_REGION does nothing", "unset one of them", facts=facts
        )
    else:
        yield good("address", text, **facts)


def _rate(bench: Bench) -> Iterator[Finding]:
    rate = find_rate(bench.environ)
    origin = "AIRMEET_RATE" if rate else "the default"
    yield good("rate", f"{rate or 'auto'} ({origin})", rate=rate or "auto", origin=origin)


def _tokens(bench: Bench) -> Iterator[Finding]:
    store, notices = find_store(bench.environ)
    said = bench.environ.get("AIRMEET_TOKEN_CACHE", "").strip()
    origin = "AIRMEET_TOKEN_CACHE" if said else "the default"
    if notices:
        yield Finding("tokens", Level.WARN, " ".join(notices), "name a directory of your own in AIRMEET_TOKEN_CACHE")
    elif not isinstance(store, FileTokenStore):
        yield good("tokens", f"not kept for the next command ({origin})", place=None, origin=origin)
    else:
        yield _folder("tokens", store.directory, f" ({origin})", "name another in AIRMEET_TOKEN_CACHE")


def _journals(_: Bench) -> Iterator[Finding]:
    try:
        yield _folder("journals", shelf(), "", "name a place for each run with --journal PATH")
    except ConfigError as error:
        yield Finding("journals", Level.WARN, sentence_of(error))


def _folder(name: str, path: Path, more: str, instead: str) -> Finding:
    """Describe a folder of ours, whose modes have been looked at where it was opened."""
    if not os.access(path, os.W_OK | os.X_OK):
        return Finding(name, Level.WARN, f"{homely(path)} cannot be written{more}", instead)
    mode = f"{stat.S_IMODE(path.stat().st_mode):04o}"
    return good(name, f"{homely(path)}, mode {mode}{more}", place=homely(path), mode=mode)


def _token(bench: Bench) -> Iterator[Finding]:
    saved = saved_at(bench.settings) if bench.settings else None
    if saved is None:
        yield good("token", "none kept for these keys: the first command fetches one", age_s=None)
    else:
        age = max(0, round(time.time() - saved))
        yield good("token", f"kept, {age_of(age)} old; good for 30 days", age_s=age)


def _proxy(bench: Bench) -> Iterator[Finding]:
    proxy = proxy_from_environment(bench.settings.base) if bench.settings else None
    if proxy is None:
        yield good("proxy", "none for this address", proxy=None)
        return
    parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    where = escape(parts.netloc.rpartition("@")[2])  # a password may be before the @
    origin = next((name for name in _PROXIES if bench.environ.get(name)), "the system's settings")
    yield good("proxy", f"{where} ({origin}); NO_PROXY can name hosts that need none", proxy=where, origin=origin)


def _trust(bench: Bench) -> Iterator[Finding]:
    if bench.settings and bench.settings.base.scheme == "http":
        yield good("TLS", "not used: the address is on this machine")
        return
    origin = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if bench.environ.get(name)), "")
    place = f"{homely(Path(bench.environ[origin]))} ({origin})" if origin else "the certifi package"
    try:
        n = default_trust().cert_store_stats()["x509_ca"]
    except (OSError, ssl.SSLError) as error:
        what = f"the certificates of {place} cannot be read ({error.strerror or type(error).__name__})"
        yield Finding("TLS", Level.FAIL, what, f"mend {origin or 'the installation of certifi'}, or unset it")
        return
    counted = f"{n} authorities" if n else "a directory of authorities"
    yield good("TLS", f"{ssl.OPENSSL_VERSION}; {counted} from {place}", authorities=n)


def _transport(bench: Bench) -> Iterator[Finding]:
    if bench.settings is None:
        return
    name = bench.settings.client().transport_name
    loop = "uvloop" if find_spec("uvloop") else "asyncio"
    hint = "" if name != "httpx" or find_spec("httptools") else "; pip install 'airmeet-async[fast]' for a faster one"
    yield good("transport", f"{name}; runs on {loop}{hint}", transport=name, loop=loop)
