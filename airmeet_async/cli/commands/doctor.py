"""``airmeet doctor``: everything that must be right before a run, one line each. Safe to paste: no secret is in it."""

import os
import platform
import stat
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from airmeet_async.cli import environment
from airmeet_async.cli.console import Console, print_data, print_json
from airmeet_async.cli.environment import PROFILE, Settings
from airmeet_async.cli.event_loop import run_async
from airmeet_async.cli.exit_codes import Exit, code_of_error, sentence_of
from airmeet_async.cli.options import Context, Flag
from airmeet_async.cli.profiles import profiles_path, read_profiles, without_home
from airmeet_async.errors import AirmeetError, ConfigError, TransportError
from airmeet_async.formatting import counted, duration, wrapped
from airmeet_async.optional_imports import EXTRAS, install_command, missing_packages
from airmeet_async.protocol.base_urls import Region
from airmeet_async.protocol.redact import escape

if TYPE_CHECKING:
    from airmeet_async import AirmeetClient

_CORE = ("httpx", "anyio", "attrs", "cattrs", "aiolimiter")
_SKEW_SECONDS = 120
_NAME_WIDTH = 12
_NEW_KEYS = (
    "copy both keys again from the community dashboard, Integrations, API Access Key, or generate new ones; then "
    "run airmeet login"
)
_NETWORK = {
    "tls": "if a proxy inspects TLS, put the path of its certificate in SSL_CERT_FILE; otherwise check the clock",
    "proxy": "check the proxy, or list the host in NO_PROXY if it is reached without one",
    "connect": "check the network, the address, and whether a proxy is needed (HTTPS_PROXY)",
}


@frozen
class CheckResult:
    """The result of one check, for people and, in its facts, for programs.

    Attributes:
        name: Of the check, one or two words.
        level: ``WARN`` leaves Airmeet usable.
        text: What is the case.
        fix: What to do about it.
        code: The exit code, where it is a failure.
        facts: Members of its JSON object.
    """

    name: str
    level: Literal["OK", "WARN", "FAIL"]
    text: str = field(converter=without_home)
    fix: str = field(default="", converter=without_home)
    code: Exit = Exit.USAGE
    facts: Mapping[str, Any] = field(factory=dict)


def _ok(name: str, text: str, **facts: Any) -> CheckResult:
    return CheckResult(name, "OK", text, facts=facts)


def doctor(*, context: Context, json: Flag = False) -> int:
    """Check everything a run needs: keys, region, network, clock, directories.

    Prints one line per check, with the source of the setting (an option, the
    environment, a profile, the default) and a fix if there is one. Keys refused in
    their region are tried in the others. The output contains no secrets and is safe
    to share. Exit code 0: usable. 2: a setting is wrong. 4: the keys are wrong. 75:
    Airmeet cannot be reached.

    For example:
      airmeet doctor
      airmeet doctor --profile berlin --json

    Args:
        context: The profile and the environment.
        json: Print one JSON object: usable, checks, exit_code.
    """
    environ, console = dict(context.environ), Console()
    if context.profile is not None:
        environment.prefer(context.profile, environ)
    results = list(local_checks(environ, typed=context.profile is not None))
    if not exit_code(results):
        settings = Settings.of(environ)
        console.say(f"checking the keys with {settings.base}")
        with environment.terminable():
            results += run_async(network_checks, settings)
    code = exit_code(results)
    if json:
        print_json({
            "usable": not code,
            "checks": [
                {"name": one.name, "level": one.level.lower(), "text": one.text, "fix": one.fix or None, **one.facts}
                for one in results
            ],
            "exit_code": code,
        })  # fmt: skip
        return code
    warnings = sum(one.level == "WARN" for one in results)
    verdict = f"usable, with {counted(warnings, 'warning')}" if warnings else "usable"
    print_data("\n".join(line for one in results for line in lines_of(one)))
    print_data("not usable yet: fix what is marked FAIL, from the top" if code else verdict)
    return code


def exit_code(results: list[CheckResult]) -> int:
    """Return the exit code: that of the first failure."""
    return next((int(one.code) for one in results if one.level == "FAIL"), int(Exit.OK))


def lines_of(result: CheckResult) -> list[str]:
    """Return a result as lines that fit a terminal of 80 columns."""
    indent = " " * (6 + _NAME_WIDTH)
    lines = wrapped(result.text, f"{result.level:<6}{result.name:<{_NAME_WIDTH}}", indent)
    return lines + (wrapped(result.fix, f"{indent}-> ", f"{indent}   ") if result.fix else [])


def local_checks(environ: Mapping[str, str], *, typed: bool = False) -> Iterator[CheckResult]:
    """Check this machine and the settings. Those that need usable settings are left out where there are none.

    Args:
        environ: The environment.
        typed: The profile in it was named by an option.
    """
    from importlib import metadata

    from airmeet_async.client.token_store import EncryptingTokenStore, FileTokenStore, TokenStoreError, account_name

    def profile() -> CheckResult:
        found, named = environment.find_profile(environ), environ.get(PROFILE, "").strip()
        if found is None and named:
            text = f"profile {named} is not used: the keys in the environment override {PROFILE}"
            return CheckResult("profile", "WARN", text, f"unset the keys, or use --profile {named}")
        try:
            names = sorted(read_profiles(profiles_path()))
        except ConfigError:  # none is in use, so that they need not be right
            names = []
        others = ", ".join(name for name in names if found is None or name != found.name)
        more = f"; others: {others}" if others else ""
        if found is None:
            return _ok("profile", f"none in use{more}", profile=None, profiles=names)
        origin = "--profile" if typed else PROFILE if named else "the default"
        text = f"{found.name} ({origin}), in {profiles_path()}{more}"
        return _ok("profile", text, profile=found.name, profiles=names)

    def keys() -> CheckResult:
        pair = environment.find_keys(environ, environment.find_profile(environ))
        text = f"access key {pair.masked}, of {pair.origin}"
        return _ok("keys", text, access_key=pair.masked, origin=pair.origin)

    def address() -> CheckResult:
        in_use = environment.find_profile(environ)
        base, origin = environment.find_address(environ, in_use)
        region = environment.region_of(str(base))
        text = f"{base}{f', region {region}' if region else ''} ({origin})"
        facts = {"address": str(base), "region": region, "origin": origin}
        if in_use is not None and base != in_use.base:
            fix = f"unset {origin} for the profile's own address"
            return CheckResult("address", "WARN", f"{text}, not {in_use.base} of {in_use}", fix, facts=facts)
        if origin == "AIRMEET_URI" and environ.get("AIRMEET_REGION", "").strip():
            text = f"{text}, so AIRMEET_REGION is ignored"
            return CheckResult("address", "WARN", text, "unset one of them", facts=facts)
        return _ok("address", text, **facts)

    def rate() -> CheckResult:
        found = environment.find_rate(environ)
        origin = "AIRMEET_RATE" if found else "the default"
        return _ok("rate", f"{found or 'auto'} ({origin})", rate=found or "auto", origin=origin)

    def tokens() -> CheckResult:
        store, notices = environment.find_store(environ)
        named = environ.get("AIRMEET_TOKEN_CACHE", "").strip()
        origin = "AIRMEET_TOKEN_CACHE" if named else "the default"
        if environ.get("AIRMEET_REDIS", "").strip():
            return _ok("tokens", "shared in Redis (AIRMEET_REDIS)", place=None, origin="AIRMEET_REDIS")
        if notices:
            fix = "set AIRMEET_TOKEN_CACHE to a directory of your own"
            return CheckResult("tokens", "WARN", " ".join(notices), fix)
        if not isinstance(store, FileTokenStore):
            return _ok("tokens", f"not saved for the next command ({origin})", place=None, origin=origin)
        return _folder("tokens", store.directory, f" ({origin})", "set AIRMEET_TOKEN_CACHE to another directory")

    def journals() -> CheckResult:
        from airmeet_async.cli.run_store import runs_folder

        try:
            return _folder("journals", runs_folder(), "", "choose a file for each run with --journal PATH")
        except ConfigError as error:
            return CheckResult("journals", "WARN", sentence_of(error))

    def token() -> CheckResult:
        store, keys = settings.store, settings.keys
        account = account_name(str(settings.base), keys.access, keys.secret)
        if isinstance(store, EncryptingTokenStore):
            store = store.for_account(account, keys.secret)
        try:
            saved = run_async(store.current, account)
        except TokenStoreError as error:
            text = f"cannot be shared ({error}); each process signs in by itself"
            return CheckResult("token", "WARN", text, "check the address and the password in AIRMEET_REDIS")
        if saved is None:
            return _ok("token", "none saved for these keys; the first command gets one", age_s=None)
        age = round(saved.age)
        old = counted(age // 86400, "day") if age >= 86400 else duration(age)
        return _ok("token", f"saved, {old} old; valid for 30 days", age_s=age)

    def proxy() -> CheckResult:
        from airmeet_async.client.proxy import find_proxy

        found = find_proxy(settings.base)
        if found is None:
            return _ok("proxy", "none for this address", proxy=None)
        text = f"{escape(found.place)} ({found.origin}); NO_PROXY lists hosts that need none"
        return _ok("proxy", text, proxy=found.place, origin=found.origin)

    def certificates() -> CheckResult:
        import ssl

        from airmeet_async.client.transports.httpx_transport import default_trust

        if settings.base.scheme == "http":
            return _ok("TLS", "not used: the address is on this machine")
        origin = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)), "")
        place = f"{environ[origin]} ({origin})" if origin else "the certifi package"
        n = default_trust().cert_store_stats()["x509_ca"]
        counted = f"{n} authorities" if n else "a directory of authorities"
        return _ok("TLS", f"{ssl.OPENSSL_VERSION}; {counted} from {place}", authorities=n)

    def transport() -> CheckResult:
        name = settings.client().transport_name
        loop = "uvloop" if find_spec("uvloop") else "asyncio"
        hint = f"; {install_command('fast')} for a faster one"
        text = f"{name}; runs on {loop}{hint if name == 'httpx' and not find_spec('httptools') else ''}"
        return _ok("transport", text, transport=name, loop=loop)

    def attempted(name: str, check: Callable[[], CheckResult]) -> CheckResult:
        """Let a check fail without taking the others along."""
        try:
            return check()
        except AirmeetError as error:
            return CheckResult(name, "FAIL", sentence_of(error), code=Exit(code_of_error(error)))

    packages = {name: metadata.version(name) for name in ("airmeet-async", *_CORE)}
    version = platform.python_version()
    listed = ", ".join(f"{name} {number}" for name, number in packages.items())
    text = f"Python {version} on {platform.system()} {platform.machine()}; {listed}"
    yield _ok("versions", text, python=version, packages=packages)
    absent = [name for name in EXTRAS if missing_packages(name)]
    present = [name for name in EXTRAS if name not in absent]
    more = f"; not installed: {', '.join(absent)} ({install_command(absent[0])})" if absent else ""
    yield _ok("extras", f"{', '.join(present) or 'none'}{more}", present=present, absent=absent)
    usable = True
    for check in (profile, keys, address, rate, tokens, journals):
        result = attempted(check.__name__, check)
        usable &= result.level != "FAIL"
        yield result
    if usable:
        settings = Settings.of(environ)
        for name, check in (("token", token), ("proxy", proxy), ("TLS", certificates), ("transport", transport)):
            yield attempted(name, check)


def _folder(name: str, path: Path, more: str, instead: str) -> CheckResult:
    """Describe a folder of ours, whose modes have been checked where it was opened."""
    if not os.access(path, os.W_OK | os.X_OK):
        return CheckResult(name, "WARN", f"{path} cannot be written{more}", instead)
    mode = f"{stat.S_IMODE(path.stat().st_mode):04o}"
    return _ok(name, f"{path}, mode {mode}{more}", place=without_home(path), mode=mode)


async def network_checks(
    settings: Settings, client_at: "Callable[[str], AirmeetClient] | None" = None
) -> list[CheckResult]:
    """Ask the address about the keys; other regions only when it has refused them.

    Args:
        settings: With the keys and the address.
        client_at: Makes a client for an address; by default one without a kept token, which would prove nothing.
    """
    keys, here = settings.keys, environment.region_of(str(settings.base))
    client_at = client_at or (lambda base: environment.bare_client(keys.access, keys.secret, base))
    answer = await environment.try_keys(client_at(str(settings.base)))
    facts: dict[str, Any] = {}
    if answer.error is None:
        ms = round(answer.latency_s * 1000)
        results = [_ok("sign-in", f"the keys are accepted, in {ms} ms", latency_ms=ms)]
    else:
        code = Exit(code_of_error(answer.error))
        text, fix = sentence_of(answer.error), "try again in a minute" if code == Exit.TEMPORARY else ""
        if isinstance(answer.error, TransportError):
            fix = _NETWORK.get(answer.error.reason, "")
        elif answer.refused:
            fix = _NEW_KEYS
        if answer.refused and here is not None:
            others = [region for region in Region if region is not here]
            there, answers = await environment.find_region(client_at, others)
            text = f"refused in region {here}, and not accepted in {' or '.join(answers)} either"
            if there is not None:
                text = f"refused in region {here}, accepted in region {there}: these keys belong there"
                fix, facts = f"export AIRMEET_REGION={there}", {"region": there.value}
                if keys.origin != "the environment" and "AIRMEET_REGION" not in settings.base_from:
                    fix = f"airmeet login --profile {keys.origin.removeprefix('profile ')} --region {there}"
        results = [CheckResult("sign-in", "FAIL", text, fix, code, facts)]
    if answer.skew_s is not None:  # a wrong clock makes certificates and kept tokens look too old or too new
        skew = round(answer.skew_s)
        text = f"{abs(skew):,} seconds {'ahead of' if skew > 0 else 'behind'} the server's"
        fix = "set this machine's clock from the network (NTP)"
        right = _ok("clock", "within two minutes of the server's", skew_s=skew)
        wrong = CheckResult("clock", "WARN", text, fix, facts={"skew_s": skew})
        results.append(right if abs(skew) <= _SKEW_SECONDS else wrong)
    return results
