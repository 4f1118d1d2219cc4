"""``airmeet doctor``: everything that must be right before a run, one line each. Safe to paste: no secret is in it."""

import os
import platform
import ssl
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
from attrs import define, field, frozen

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.cli.commands.events import columns
from airmeet_async.cli.console import Voice, print_data, print_json
from airmeet_async.cli.environment import PROFILE, Origins, Settings, find_rate, find_store, prefer, terminable
from airmeet_async.cli.exit_codes import Exit, code_of_error, sentence_of
from airmeet_async.cli.profiles import homely, profiles_path, read_profiles
from airmeet_async.cli.regions import Knock, find_region, knock, region_of
from airmeet_async.cli.run_store import shelf
from airmeet_async.client.token_store import FileTokenStore, MemoryTokenStore
from airmeet_async.client.transports.httpx_transport import default_trust, proxy_from_environment
from airmeet_async.errors import AirmeetError, ConfigError, CredentialsError, TransportError
from airmeet_async.formatting import duration, wrapped
from airmeet_async.protocol.base_urls import Region, parse_base
from airmeet_async.protocol.redact import escape


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


def _without_home(text: str) -> str:
    """Return a sentence with ``~`` for the user's home, also where it is that of an error."""
    try:
        return text.replace(f"{Path.home()}{os.sep}", f"~{os.sep}")
    except RuntimeError:
        return text


@frozen
class Finding:
    """What one check found.

    Attributes:
        name: Of the check, one or two words.
        level: How bad it is.
        text: What is the case.
        fix: What to do about it.
        code: What the command ends with, where it is a failure.
        facts: The same for programs.
    """

    name: str
    level: Level
    text: str = field(converter=_without_home)
    fix: str = field(default="", converter=_without_home)
    code: Exit = Exit.USAGE
    facts: Mapping[str, Any] = field(factory=dict)


def good(name: str, text: str, **facts: Any) -> Finding:
    """Return a finding that all is well."""
    return Finding(name, Level.OK, text, facts=facts)


def _fresh_client(settings: Settings, base: str) -> AirmeetClient:
    from attrs import evolve

    return evolve(settings, base=parse_base(base), store=MemoryTokenStore()).client()  # a kept token proves nothing


@define
class Bench:
    """Where the checks work.

    Attributes:
        environ: The environment.
        typed: The profile that was typed, or None.
        clients: Makes a client without a token for an address.
        settings: What a command would use; None until the local checks have found that it can be used.
    """

    environ: Mapping[str, str] = field(repr=False)
    typed: str | None = None
    clients: Callable[[Settings, str], AirmeetClient] = _fresh_client
    settings: Settings | None = None


_UNNAMED = "the default"


def whoami(typed: str | None, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Print the settings.

    Raises:
        ConfigError: There are no keys, or a setting cannot be used.
    """
    found = who(typed, environ)
    if as_json:
        print_json(found)
    else:
        print_data("\n".join(columns(_lines(found))))
    return Exit.OK


def who(typed: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the documented JSON shape.

    Raises:
        ConfigError: There are no keys, or a setting cannot be used.
    """
    said = environ.get(PROFILE, "").strip()
    environ = dict(environ)
    if typed is not None:
        prefer(typed, environ)
    origins, settings = Origins.of(environ), Settings.of(environ)
    address, saved = origins.address(), saved_at(settings)
    named = "--profile" if typed is not None else PROFILE if said else _UNNAMED
    return {
        "profile": origins.profile.name if origins.profile else None,
        "profile_from": named if origins.profile else None,
        "profiles": sorted(_kept()),
        "access_key": settings.keys.masked,
        "keys_from": settings.keys.origin,
        "address": str(settings.base),
        "region": region_of(str(settings.base)),
        "address_from": address.origin,
        "rate": settings.rate or "auto",
        "rate_from": "AIRMEET_RATE" if settings.rate else "the default",
        "token_saved_at": None if saved is None else datetime.fromtimestamp(saved, UTC).isoformat(timespec="seconds"),
        "token_age_s": None if saved is None else max(0, round(time.time() - saved)),
        "notices": list(settings.notices),
    }


def saved_at(settings: Settings) -> float | None:
    """Return when the token was kept that would be used, or None where there is none."""
    return settings.store.saved_at(settings.account) if isinstance(settings.store, FileTokenStore) else None


def _kept() -> list[str]:
    try:
        return list(read_profiles(profiles_path()))
    except ConfigError:
        return []


def _lines(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    region = f" (region {found['region']})" if found["region"] else ""
    profile = f"{found['profile']} ({found['profile_from']})" if found["profile"] else "none"
    if found["profile_from"] == _UNNAMED:
        profile = found["profile"]
    others = [name for name in found["profiles"] if name != found["profile"]]
    age = found["token_age_s"]
    lines = [
        ("profile", profile),
        ("access key", f"{found['access_key']} ({found['keys_from']})"),
        ("address", f"{found['address']}{region} ({found['address_from']})"),
        ("rate", f"{found['rate']} ({found['rate_from']})"),
        ("token", "none kept" if age is None else f"kept, {age_of(age)} old"),
        ("other profiles", ", ".join(others)),
    ]
    notes = [("note", text) for text in found["notices"] if text != f"keys of {found['keys_from']}"]
    return [line for line in lines if line[1]] + notes


def age_of(seconds: float) -> str:
    """Return how old something is: days where there are some."""
    days = int(seconds // 86400)
    return duration(seconds) if not days else f"{days} day{'s' if days > 1 else ''}"


_CORE = ("httpx", "anyio", "attrs", "cattrs", "aiolimiter")
_EXTRAS = {
    "cli": ("rich", "email_validator", "charset_normalizer"),
    "fast": ("httptools", "orjson"),
    "sandbox": ("uvicorn",),
    "excel": ("python_calamine",),
    "parquet": ("pyarrow",),
    "dataframe": ("narwhals",),
    "report": ("jinja2",),
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


_SKEW_SECONDS = 120


async def network_checks(bench: Bench) -> list[Finding]:
    """Ask the address about the keys; other regions only when it has refused them."""
    settings = bench.settings
    if settings is None:
        return []
    said = await knock(bench.clients(settings, str(settings.base)))
    return [await _sign_in(bench, settings, said), *_clock(said)]


async def _sign_in(bench: Bench, settings: Settings, said: Knock) -> Finding:
    if said.error is None:
        ms = round(said.latency_s * 1000)
        return good("sign-in", f"the keys are accepted, in {ms} ms", latency_ms=ms)
    code = Exit(code_of_error(said.error))
    here = region_of(str(settings.base))
    if not said.refused or here is None:
        return Finding("sign-in", Level.FAIL, sentence_of(said.error), _advice(said.error), code)
    others = [region for region in Region if region is not here]
    there, answers = await find_region(partial(bench.clients, settings), others)
    if there is None:
        text = f"refused in region {here}, and not accepted in {' or '.join(answers)} either"
        return Finding("sign-in", Level.FAIL, text, _NEW_KEYS, code)
    text = f"refused in region {here}, accepted in region {there}: these keys belong there"
    return Finding("sign-in", Level.FAIL, text, _move(settings, there), code, facts={"region": there.value})


_NEW_KEYS = (
    "copy both keys again from the community dashboard, Integrations, API Access Key, or generate new ones there; "
    "then airmeet login"
)

_NETWORK = {
    "tls": "where a proxy looks into TLS, name a file with its certificate in SSL_CERT_FILE; else see the clock",
    "connect": "check the network, the address, and whether a proxy is needed (HTTPS_PROXY)",
}


def _advice(error: AirmeetError) -> str:
    if isinstance(error, CredentialsError):
        return _NEW_KEYS
    if isinstance(error, TransportError):
        return _NETWORK.get(error.reason, "")
    return "try again in a minute" if code_of_error(error) == Exit.TEMPORARY else ""


def _move(settings: Settings, there: Region) -> str:
    if settings.keys.origin == "the environment" or "AIRMEET_REGION" in settings.address_from:
        return f"export AIRMEET_REGION={there}"
    name = settings.keys.origin.removeprefix("profile ")
    return f"airmeet login --profile {name} --region {there}"


def _clock(said: Knock) -> list[Finding]:
    """Compare the clocks: a wrong one makes certificates and kept tokens look too old or too new."""
    if said.skew_s is None:
        return []
    skew = round(said.skew_s)
    if abs(skew) <= _SKEW_SECONDS:
        return [good("clock", "within two minutes of the server's", skew_s=skew)]
    text = f"{abs(skew):,} seconds {'ahead of' if skew > 0 else 'behind'} the server's"
    return [
        Finding(
            "clock", Level.WARN, text, "let this machine set its clock by the network (NTP)", facts={"skew_s": skew}
        )
    ]


_NAME_WIDTH = 12


def doctor(bench: Bench, voice: Voice, *, as_json: bool) -> int:
    """Look at everything, print the findings, and return the exit code."""
    findings = [*local_checks(bench)]
    if bench.settings is not None and not code_of(findings):
        voice.say(f"asking {bench.settings.base} about the keys")
        with terminable():
            findings += anyio.run(network_checks, bench)
    code = code_of(findings)
    if as_json:
        print_json(shape(findings, code))
    else:
        print_data("\n".join(line for finding in findings for line in lines_of(finding)))
        print_data(verdict(findings, code))
    return code


def code_of(findings: list[Finding]) -> int:
    """Return the exit code: that of the first thing that must be mended."""
    return next((int(finding.code) for finding in findings if finding.level is Level.FAIL), int(Exit.OK))


def lines_of(finding: Finding) -> list[str]:
    """Return a finding as lines that fit a terminal of 80 columns."""
    indent = " " * (6 + _NAME_WIDTH)
    lines = wrapped(finding.text, f"{finding.level:<6}{finding.name:<{_NAME_WIDTH}}", indent)
    return lines + (wrapped(finding.fix, f"{indent}-> ", f"{indent}   ") if finding.fix else [])


def verdict(findings: list[Finding], code: int) -> str:
    """Say what it comes to."""
    warned = sum(finding.level is Level.WARN for finding in findings)
    if code:
        return "not usable yet: mend what is marked FAIL, from the top"
    return "usable" + (f", with {warned} warning{'s' if warned > 1 else ''}" if warned else "")


def shape(findings: list[Finding], code: int) -> Mapping[str, Any]:
    """Return the documented JSON shape."""
    return {
        "usable": not code,
        "checks": [
            {"name": one.name, "level": one.level.value.lower(), "text": one.text, "fix": one.fix or None, **one.facts}
            for one in findings
        ],
        "exit_code": code,
    }
