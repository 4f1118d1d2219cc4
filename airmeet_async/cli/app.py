"""The commands, each named by the path of the function that does it, and the option that all of them share.

1. A command is loaded when it runs. So this module, `airmeet_async.cli.options` and the top of each file in
   ``commands`` import nothing that takes time: what is heavy is imported in the function that uses it.
2. The help of a command is its docstring. ``help=`` here would take its place on the command's own page.
3. What is not loaded has an empty line in the list of commands: `load_all` comes before that is shown.
"""

import os
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Group, Parameter

import airmeet_async
from airmeet_async.cli.exit_codes import HELP, UsageError
from airmeet_async.cli.options import CommandContext

app: App = App(
    name="airmeet",
    help="""Register lists of people for Airmeet events, and get a result for each person.

    Try it without an account: airmeet demo
    Use your own account:      airmeet login, then airmeet events
    If something is wrong:     airmeet doctor
    """,
    help_format="plaintext",
    help_epilogue=HELP,
    version=lambda: f"airmeet-async {airmeet_async.__version__}",
    result_action="return_value",
)
app.meta.end_of_options_delimiter = ""  # what comes after -- is the command's own affair

# In the order in which help lists them.
_COMMANDS = {
    "register": "register:register",
    "check": "register:check",
    "events": "lists:events",
    "fields": "lists:fields",
    "demo": "demo:demo",
    "template": "template:template",
    "sandbox": "demo:sandbox",
    "event": "event:event",
    "resume": "runs:resume",
    "retry": "runs:retry",
    "cut": "shards:cut",
    "join": "shards:join",
    "runs": "runs:runs",
    "export": "lists:export",
    "reconcile": "reconcile:reconcile",
    "block": "block:block",
    "unblock": "block:unblock",
    "import": "imports:import_",
    "login": "login:login",
    "logout": "login:logout",
    "doctor": "doctor:doctor",
    "completion": "completion:completion",
}
# Where the library would name the arguments ARGS.
_USAGE = {
    "check": "[FILE]",
    "resume": "[JOB]",
    "retry": "[JOB]",
    "block": "AIRMEET_ID FILE_OR_EMAIL...",
    "unblock": "AIRMEET_ID FILE_OR_EMAIL...",
}
for _place, (_name, _path) in enumerate(_COMMANDS.items()):
    _usage = {"usage": f"Usage: airmeet {_name} [OPTIONS] {_USAGE[_name]}"} if _name in _USAGE else {}
    app.command(f"airmeet_async.cli.commands.{_path}", name=_name, sort_key=_place, **_usage)

# Names of version 0.1, which are answered with what is typed now.
_GONE = {
    "participants": "airmeet export {} participants",
    "attendance": "airmeet export {} attendance (or session-attendance, booth-attendance, replays)",
    "polls": "airmeet export {} polls",
    "questions": "airmeet export {} questions",
    "utms": "airmeet export {} utms",
    "recordings": "airmeet export {} recordings",
    "whoami": "airmeet doctor",
}


def load_all(arguments: Sequence[str] = ()) -> None:
    """Load every command, unless one of them is named: the list of commands then says what each does."""
    if "--version" not in arguments and not any(word in app for word in arguments if not word.startswith("-")):
        app.resolved_commands()


@app.meta.default
def launch(
    *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    profile: Annotated[
        str | None, Parameter(name="--profile", group=Group("Global options"), show_default=False)
    ] = None,
) -> int:
    """Run a command.

    Args:
        words: The command and what belongs to it.
        profile: Use the keys and address saved under this name by airmeet login. Default: AIRMEET_PROFILE.
    """
    if "--profile" in words:
        raise UsageError("--profile needs the name of a profile saved by airmeet login")
    if words[:2] == ("runs", "resume"):
        raise UsageError(f"airmeet runs resume is now: {' '.join(('airmeet runs continue', *words[2:3]))}")
    if words[:1] == ("help",):
        words = (*words[1:], "--help")
    if words and words[0] in _GONE:
        event = next((word for word in words[1:] if not word.startswith("-")), "AIRMEET_ID")
        raise UsageError(f"airmeet {words[0]} is now: {_GONE[words[0]].format(event)}")
    command, bound, wanted = app.parse_args(list(words), exit_on_error=False, print_error=False)
    contexts = {name: CommandContext(profile, dict(os.environ)) for name in wanted}
    if profile is not None:
        from airmeet_async.cli.environment import prefer

        prefer(profile, os.environ)
    code = command(*bound.args, **bound.kwargs, **contexts)
    return code if isinstance(code, int) else 0
