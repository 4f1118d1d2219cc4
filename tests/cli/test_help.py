"""Help: every command shows how it is used, on 80 columns, with an example that it takes itself."""

import re
import shlex
from io import StringIO

import pytest
from rich.console import Console

from airmeet_async.cli.commands import app

GROUPS = {
    "event": ("show", "create", "status"),
    "import": ("speakers", "sessions", "booths"),
    "runs": ("show", "purge", "pause", "resume", "rate", "stop"),
}
SINGLE = (
    "participants", "attendance", "polls", "questions", "utms", "recordings", "export", "reconcile", "block", "unblock",
    "register", "resume", "retry", "runs",
)  # fmt: skip
COMMANDS = (*SINGLE, *(f"{group} {name}" for group, names in GROUPS.items() for name in names))


def help_of(command: str) -> str:
    out = StringIO()
    app.help_print(shlex.split(command), console=Console(file=out, width=80))
    return out.getvalue()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_how_it_is_used(command):
    shown = help_of(command)

    assert f"Usage: airmeet {command}" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "Exit codes:" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_can_be_typed(command):
    examples = re.findall(r"^  (airmeet .+(?:\n    --.+)*)", help_of(command).replace(" \\\n", "\n"), re.MULTILINE)

    assert any(example.startswith(f"airmeet {command}") for example in examples)
    for example in examples:
        app.parse_args(shlex.split(example)[1:], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_lists_its_commands(group):
    assert all(name in help_of(group) for name in GROUPS[group])


def test_what_may_be_left_out_is_not_called_required():
    assert "required" not in help_of("runs rate").lower()
