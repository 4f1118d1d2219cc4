"""``airmeet login`` and ``airmeet logout``: a key pair under a name, on this machine."""

import getpass
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TextIO

import anyio
from attrs import frozen

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.cli.console import Voice, hide
from airmeet_async.cli.environment import ADDRESS, KEYS, PROFILE, find_store, terminable
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.profiles import (
    DEFAULT,
    Profile,
    check_name,
    homely,
    keep_profile,
    profiles_path,
    read_profiles,
    remove_profile,
)
from airmeet_async.cli.regions import Knock, find_region, knock, region_of
from airmeet_async.client.config import find_base, find_key
from airmeet_async.client.token_store import FileTokenStore, account_name
from airmeet_async.errors import AirmeetError, ConfigError
from airmeet_async.protocol.base_urls import Region, base_of, parse_base
from airmeet_async.protocol.redact import Secret

_WORDS = ("access key", "secret key")


@frozen(kw_only=True)
class Login:
    """What was typed.

    Attributes:
        profile: The name to keep the keys under, or None.
        region: The community's, or None.
        uri: The whole base address, or None.
        stdin: The keys are the two lines of standard input.
        check: Ask Airmeet whether it takes them.
    """

    profile: str | None = None
    region: str | None = None
    uri: str | None = None
    stdin: bool = False
    check: bool = True


def login(wish: Login, environ: Mapping[str, str], voice: Voice) -> int:
    """Keep a key pair.

    Raises:
        AirmeetError: The keys were refused, or cannot be kept.
    """
    name = check_name(profile_name(wish.profile, environ))
    region, uri = _place(wish, environ)
    path = profiles_path()
    earlier = read_profiles(path).get(name)  # before anything is asked for
    access, secret = piped_keys(sys.stdin) if wish.stdin else typed_keys(voice, getpass.getpass)
    hide(access.reveal(), secret.reveal())
    if wish.check:
        region = _checked(partial(_client, access, secret), region, uri, voice)
    region = region or (None if uri else Region.GLOBAL)
    keep_profile(path, Profile(name, access, secret, region, uri))
    what = "replaced" if earlier else "kept"
    voice.say(f"{what}: profile {name}, {uri or f'region {region}'}, in {homely(path)}", *_more(name, environ))
    return Exit.OK


def profile_name(typed: str | None, environ: Mapping[str, str]) -> str:
    """Return which profile is meant."""
    return typed if typed is not None else environ.get(PROFILE, "").strip() or DEFAULT


def _place(wish: Login, environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the region or the address that was named, by an option or else by the environment."""
    if wish.region and wish.uri:
        raise UsageError("--region and --uri name an address twice; keep one of them")
    if wish.uri:
        return None, str(parse_base(wish.uri.strip()))
    if wish.region:
        return wish.region, None
    if not any(name in environ for name in ADDRESS):
        return None, None
    base = str(find_base(None, None, environ))
    region = region_of(base)
    return (None, base) if region is None else (region, None)


def typed_keys(voice: Voice, ask: Callable[[str], str]) -> tuple[Secret, Secret]:
    """Ask for the keys on a terminal, which does not show what is typed.

    Raises:
        UsageError: There is no terminal.
        ConfigError: What was typed is no key.
    """
    if not voice.hears:
        raise UsageError("there is no terminal to ask for the keys; give them as two lines with airmeet login --stdin")
    voice.say("the key pair is in the community dashboard under Integrations, API Access Key; it is not shown here")
    try:
        access, secret = (_key(ask(f"{what}: "), f"the {what}") for what in _WORDS)
    except EOFError:
        raise UsageError("no key was typed; nothing was changed") from None
    return access, secret


def piped_keys(lines: TextIO | None) -> tuple[Secret, Secret]:
    """Read the keys from standard input, the access key first.

    Raises:
        UsageError: There are not two lines.
        ConfigError: One of them is no key.
    """
    if lines is None or lines.isatty():
        raise UsageError("--stdin reads two lines from a pipe or a file; without it the keys are asked for, unseen")
    found = [line for line in lines.read(4096).splitlines() if line.strip()]
    if len(found) != 2:
        raise UsageError(f"--stdin needs two lines, the access key and the secret key; there are {len(found)}")
    access, secret = (_key(text, f"the {what}") for text, what in zip(found, _WORDS, strict=True))
    return access, secret


def _key(text: str, what: str) -> Secret:
    if not text.strip():
        raise ConfigError(f"{what} is empty; nothing was changed")
    return find_key(text, what, {})


def _client(access: Secret, secret: Secret, base: str) -> AirmeetClient:
    return AirmeetClient(access.reveal(), secret.reveal(), base_url=base)


def _checked(clients: Callable[[str], AirmeetClient], region: str | None, uri: str | None, voice: Voice) -> str | None:
    """Return the region of keys that are taken: the one that was named, or the first that takes them.

    Raises:
        AirmeetError: They are not taken.
    """
    named = uri or (base_of(region) if region else None)
    voice.say(f"asking {named} about the keys" if named else f"asking the regions {', '.join(Region)} about the keys")
    with terminable():
        if named:
            first = anyio.run(knock, clients(named))
            if first.error is not None:
                raise first.error
            return region
        found, said = anyio.run(find_region, clients, tuple(Region))
    if found is None:
        raise _nowhere(said)
    return found


def _nowhere(said: Mapping[Region, Knock]) -> AirmeetError:
    """Return why no region takes the keys: one that could not be asked might have."""
    errors = [one.error for one in said.values() if one.error is not None]
    return next((one.error for one in said.values() if one.error and not one.refused), errors[0])


def _more(name: str, environ: Mapping[str, str]) -> list[str]:
    lines = []
    if name != DEFAULT and environ.get(PROFILE, "").strip() != name:
        lines.append(f"to use it: airmeet --profile {name} ..., or export {PROFILE}={name}")
    if all(environ.get(key, "").strip() for key in KEYS):
        lines.append("the environment has keys, too, and they win over profiles that are not typed: unset them")
    return lines


def logout(typed: str | None, environ: Mapping[str, str], voice: Voice) -> int:
    """Remove a profile and its kept token.

    Raises:
        ConfigError: There is none of that name, or it cannot be removed.
    """
    name, path = profile_name(typed, environ), profiles_path()
    kept = read_profiles(path)
    if name not in kept:
        others = f"; there are {', '.join(sorted(kept))}" if kept else ""
        raise UsageError(f"there is no profile {name!r:.80}{others}; nothing was changed")
    token = _forget_token(kept[name], environ)
    remove_profile(path, name)
    voice.say(f"removed: profile {name} from {homely(path)}{', and its token' if token else ''}")
    voice.say("the keys themselves are still good: to revoke them, use the community dashboard")
    return Exit.OK


def _forget_token(profile: Profile, environ: Mapping[str, str]) -> bool:
    try:
        store, _ = find_store(environ)
        account = account_name(str(profile.base), profile.access_key, profile.secret_key)
    except ConfigError:  # whatever is wrong there, the keys must go
        return False
    return isinstance(store, FileTokenStore) and store.remove(account)
