"""The commands that set things up, and the option that all commands share. `app` has the first ones."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal

from attrs import field, frozen
from cyclopts import Group, Parameter

from airmeet_async.cli.app import app
from airmeet_async.cli.app_options import Flag
from airmeet_async.cli.console import Voice
from airmeet_async.cli.exit_codes import UsageError

RegionName = Literal["global", "eu", "us"]
Shell = Literal["bash", "zsh", "fish"]


@frozen
class Asked:
    """What a command that looks at settings themselves is told.

    Attributes:
        profile: What was typed after ``--profile``, or None.
        environ: The environment as it was.
    """

    profile: str | None
    environ: Mapping[str, str] = field(repr=False)


Told = Annotated[Asked, Parameter(parse=False)]
Words = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]
Profile = Annotated[
    str | None, Parameter(name="--profile", group=Group("For every command that needs keys"), show_default=False)
]

app.meta.end_of_options_delimiter = ""  # what comes after -- is the command's own affair


@app.meta.default
def launch(*words: Words, profile: Profile = None) -> int:
    """Run a command.

    Args:
        words: The command and what belongs to it.
        profile: The keys and the address that airmeet login has kept under this name; otherwise AIRMEET_PROFILE.
    """
    if "--profile" in words:
        raise UsageError("--profile needs a name: one that airmeet login has kept")
    command, bound, wanted = app.parse_args(list(words), exit_on_error=False, print_error=False)
    told = {name: Asked(profile, dict(os.environ)) for name in wanted}
    if profile is not None:
        from airmeet_async.cli.environment import prefer

        prefer(profile, os.environ)
    code = command(*bound.args, **bound.kwargs, **told)
    return code if isinstance(code, int) else 0


@app.command(sort_key=30)
def login(
    *,
    asked: Told,
    region: RegionName | None = None,
    uri: str | None = None,
    stdin: Flag = False,
    check: Annotated[bool, Parameter(negative="--no-check", show_default=False)] = True,
) -> int:
    """Keep a key pair on this machine, so that commands need no environment.

    Asks for the two keys without showing them, and asks Airmeet whether they are
    right. They are kept in a file that only you can read; the last line says where.
    Without --profile they are the ones that are used when nothing else is said.

    What counts, in this order: options; the environment (AIRMEET_ACCESS_KEY and
    AIRMEET_SECRET_KEY, AIRMEET_URI or AIRMEET_REGION); the profile; the default.

    For example:
      airmeet login
      airmeet login --profile berlin --region eu
      pass show airmeet | airmeet login --stdin

    Args:
        asked: Of the door.
        region: The region of the community; otherwise the environment's, otherwise the first that takes the keys.
        uri: The whole base address instead, such as a sandbox's.
        stdin: Read the keys from standard input: two lines, the access key first.
        check: Ask Airmeet whether the keys are right before they are kept.
    """
    from airmeet_async.cli.commands.login import Login
    from airmeet_async.cli.commands.login import login as start

    wish = Login(profile=asked.profile, region=region, uri=uri, stdin=stdin, check=check)
    return start(wish, asked.environ, Voice())


@app.command(sort_key=31)
def logout(*, asked: Told) -> int:
    """Remove a key pair that airmeet login has kept, and its token.

    For example:
      airmeet logout
      airmeet logout --profile berlin

    Args:
        asked: Of the door.
    """
    from airmeet_async.cli.commands.login import logout as start

    return start(asked.profile, asked.environ, Voice())


@app.command(sort_key=32)
def whoami(*, asked: Told, json: Flag = False) -> int:
    """Show which keys and which address would be used, and who says so. Asks nobody.

    For example:
      airmeet whoami
      airmeet whoami --profile berlin --json

    Args:
        asked: Of the door.
        json: Print one JSON object.
    """
    from airmeet_async.cli.commands.doctor import whoami as start

    return start(asked.profile, asked.environ, as_json=json)


@app.command(sort_key=33)
def doctor(*, asked: Told, json: Flag = False) -> int:
    """Check everything that a run needs: keys, region, network, clock, folders.

    One line for each check, with the fix where there is one, and who says so: an
    option, the environment, a profile, the default. Keys that are refused in their
    region are tried in the others. No secret is shown: what it prints is safe to
    paste. Exit code 0: usable. 2: a setting is wrong. 4: the keys are. 75: Airmeet
    cannot be reached.

    For example:
      airmeet doctor
      airmeet doctor --profile berlin --json

    Args:
        asked: Of the door.
        json: Print one JSON object: usable, checks, exit_code.
    """
    from airmeet_async.cli.commands.doctor import Bench
    from airmeet_async.cli.commands.doctor import doctor as start

    return start(Bench(asked.environ, asked.profile), Voice(), as_json=json)


@app.command(sort_key=34)
def completion(shell: Shell, /) -> int:
    """Print a script that lets a shell complete commands, options and files.

    For example:
      airmeet completion bash > ~/.local/share/bash-completion/completions/airmeet
      airmeet completion zsh > ~/.zfunc/_airmeet
      airmeet completion fish > ~/.config/fish/completions/airmeet.fish

    The directory must be there: mkdir -p makes it. In zsh it must be one of fpath:
    fpath+=~/.zfunc in ~/.zshrc, before compinit. For this shell only:

      source <(airmeet completion bash)

    Args:
        shell: Which one.
    """
    from airmeet_async.cli.commands.completion import script
    from airmeet_async.cli.console import print_data

    print_data(script(app, shell))
    return 0
