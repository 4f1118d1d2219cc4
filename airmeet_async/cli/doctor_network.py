"""The checks of ``airmeet doctor`` that ask Airmeet: the keys, their region, the clock."""

from functools import partial

from airmeet_async.api.addresses import Region
from airmeet_async.cli.diagnosis import Bench, Finding, Level, good
from airmeet_async.cli.exits import Exit, code_of_error, sentence_of
from airmeet_async.cli.regions import Knock, find_region, knock, region_of
from airmeet_async.cli.settings import Settings
from airmeet_async.errors import AirmeetError, CredentialsError, TransportError

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
