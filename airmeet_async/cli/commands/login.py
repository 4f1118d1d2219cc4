"""``airmeet login`` and ``airmeet logout``: a key pair under a name, on this machine."""

import getpass
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

from cyclopts import Parameter

from airmeet_async.cli import environment, profiles
from airmeet_async.cli.console import Console, hide
from airmeet_async.cli.environment import ADDRESS, KEYS, PROFILE
from airmeet_async.cli.event_loop import run_async
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.options import Context, Flag
from airmeet_async.cli.profiles import DEFAULT, Profile, without_home
from airmeet_async.errors import ConfigError, CredentialsError
from airmeet_async.protocol.base_urls import Region, base_of, parse_base
from airmeet_async.protocol.redact import Secret

if TYPE_CHECKING:
    from airmeet_async import AirmeetClient

_KEY_NAMES = ("access key", "secret key")


def login(
    *,
    context: Context,
    region: Literal["global", "eu", "us"] | None = None,
    uri: str | None = None,
    stdin: Flag = False,
    check: Annotated[bool, Parameter(negative="--no-check", show_default=False)] = True,
) -> int:
    """Save a key pair on this machine, so that commands need no environment variables.

    Prompts for the two keys without showing them, and checks them with Airmeet.
    They are saved in a file that only you can read; its path is printed at the end.
    Without --profile they become the default keys.

    Order of precedence: options; the environment (AIRMEET_ACCESS_KEY and
    AIRMEET_SECRET_KEY, AIRMEET_URI or AIRMEET_REGION); the profile; the default.

    For example:
      airmeet login
      airmeet login --profile berlin --region eu
      pass show airmeet | airmeet login --stdin

    Args:
        context: The profile and the environment.
        region: The community's region. Default: from the environment, or the first region that accepts the keys.
        uri: The full base URL instead of a region, such as a sandbox's.
        stdin: Read the keys from standard input: two lines, the access key first.
        check: Check the keys with Airmeet before saving them.
    """
    from airmeet_async.client.config import find_base

    console, environ = Console(), context.environ
    name = profiles.check_name(_profile_name(context.profile, environ))
    if region and uri:
        raise UsageError("--region and --uri both set the address; use only one")
    named: str | None = region
    if uri:
        uri = str(parse_base(uri.strip()))
    elif region is None and any(variable in environ for variable in ADDRESS):
        base = str(find_base(None, None, environ))
        named = environment.region_of(base)
        uri = base if named is None else None
    path = profiles.profiles_path()
    earlier = profiles.read_profiles(path).get(name)  # a file that cannot be used is found before anything is asked for
    access, secret = piped_keys(sys.stdin) if stdin else typed_keys(console, getpass.getpass)
    hide(access.reveal(), secret.reveal())
    if check:
        found = check_keys(lambda base: environment.bare_client(access, secret, base), named, uri, console)
        named = named or found
    if not uri:
        named = named or Region.GLOBAL
    profiles.keep_profile(path, Profile(name, access, secret, named, uri))
    console.say(
        f"{'replaced' if earlier else 'saved'}: profile {name}, {uri or f'region {named}'}, in {without_home(path)}"
    )
    if name != DEFAULT and environ.get(PROFILE, "").strip() != name:
        console.say(f"to use it: airmeet --profile {name} ..., or export {PROFILE}={name}")
    if all(environ.get(key, "").strip() for key in KEYS):
        console.say("the keys in the environment override this profile unless --profile names it; unset them")
    return Exit.OK


def logout(*, context: Context) -> int:
    """Delete a key pair saved by airmeet login, and its token.

    For example:
      airmeet logout
      airmeet logout --profile berlin

    Args:
        context: The profile and the environment.
    """
    from airmeet_async.client.token_store import FileTokenStore, TokenStoreError, account_name, choose_token_store

    console, name, path = Console(), _profile_name(context.profile, context.environ), profiles.profiles_path()
    kept = profiles.read_profiles(path)
    if name not in kept:
        others = f"; there are {', '.join(sorted(kept))}" if kept else ""
        raise UsageError(f"there is no profile {name!r:.80}{others}; nothing was changed")
    profile, left, forgotten = kept[name], "", False
    try:
        store = choose_token_store("file", context.environ)
        if isinstance(store, FileTokenStore):
            forgotten = store.remove(account_name(str(profile.base), profile.access_key, profile.secret_key))
    except TokenStoreError as error:
        left = f"; its token could not be deleted: {without_home(str(error))}"
    except ConfigError:  # no token is saved anywhere
        pass
    profiles.remove_profile(path, name)
    deleted = f"profile {name} from {without_home(path)}{', and its token' if forgotten else ''}"
    console.say(f"deleted: {deleted}{left}")
    console.say("the keys themselves remain valid; revoke them in the community dashboard")
    return Exit.OK


def _profile_name(typed: str | None, environ: Mapping[str, str]) -> str:
    return typed if typed is not None else environ.get(PROFILE, "").strip() or DEFAULT


def typed_keys(console: Console, ask: Callable[[str], str]) -> tuple[Secret, Secret]:
    """Ask for the keys on a terminal, which does not show what is typed.

    Raises:
        UsageError: There is no terminal.
        ConfigError: What was typed is no key.
    """
    if not console.can_ask:
        raise UsageError(
            "there is no terminal to prompt for the keys; pipe them as two lines into airmeet login --stdin"
        )
    console.say(
        "the key pair is in the community dashboard under Integrations, API Access Key; what you type is not shown"
    )
    try:
        access, secret = (_key(ask(f"{what}: "), what) for what in _KEY_NAMES)
    except EOFError:
        raise UsageError("no key was entered; nothing was changed") from None
    return access, secret


def piped_keys(lines: TextIO | None) -> tuple[Secret, Secret]:
    """Read the keys from standard input, the access key first.

    Raises:
        UsageError: There are not two lines.
        ConfigError: One of them is no key.
    """
    if lines is None or lines.isatty():
        raise UsageError("--stdin reads two lines from a pipe or a file; without it airmeet login prompts for the keys")
    found = [line for line in lines.read(4096).splitlines() if line.strip()]
    if len(found) != 2:
        raise UsageError(f"--stdin needs two lines, the access key and the secret key, not {len(found)}")
    access, secret = map(_key, found, _KEY_NAMES)
    return access, secret


def _key(text: str, what: str) -> Secret:
    from airmeet_async.client.config import find_key

    if not text.strip():
        raise ConfigError(f"the {what} is empty; nothing was changed")
    return find_key(text, f"the {what}", {})


def check_keys(
    client_at: Callable[[str], "AirmeetClient"], region: str | None, uri: str | None, console: Console
) -> str | None:
    """Ask Airmeet about the keys, and return their region: the named one, or the first that takes them.

    Raises:
        AirmeetError: They are not taken.
    """
    named = uri or (base_of(region) if region else None)
    console.say(f"checking the keys with {named}" if named else f"checking the keys in the regions {', '.join(Region)}")
    with environment.terminable():
        if named:
            answer = run_async(environment.try_keys, client_at(named))
            if answer.error is not None:
                raise answer.error
            return region
        found, answers = run_async(environment.find_region, client_at, tuple(Region))
    if found is None:
        errors = [one.error for one in answers.values() if one.error is not None]
        # A region that could not be asked might have taken them, so that the keys are not called wrong.
        raise min(errors, key=lambda error: isinstance(error, CredentialsError))
    return found
