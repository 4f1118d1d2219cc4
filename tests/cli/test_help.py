"""Help: every command says what it does and how it is used, on 80 columns, with examples that it takes itself."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from cyclopts import App
from rich.console import Console

from airmeet_async.cli.app import app


def commands(group: App, chain: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield each command and each group of commands, as it is typed."""
    for name in group:
        if not name.startswith("-"):
            yield (*chain, name)
            yield from commands(group[name], (*chain, name))


COMMANDS = [" ".join(chain) for chain in commands(app)]
GROUPS = [name for name in COMMANDS if any(other.startswith(f"{name} ") for other in COMMANDS)]

HEAVY = {
    "httpx", "httptools", "uvloop", "orjson", "anyio", "asyncio", "cattrs", "sqlite3", "ssl", "rich.progress",
    "starlette", "uvicorn", "pyarrow", "jinja2", "narwhals", "python_calamine", "redis", "distributed",
    "email_validator", "charset_normalizer", "platformdirs", "airmeet_async.client.client", "airmeet_async.calls",
    "airmeet_async.bulk.execution.engine", "airmeet_async.bulk.journal", "airmeet_async.sandbox",
}  # fmt: skip


def help_of(command: str) -> str:
    out = StringIO()
    app.help_print(shlex.split(command), console=Console(file=out, width=80))
    return out.getvalue()


def test_all_commands_are_here():
    assert {"register", "login", "doctor", "completion", "event show", "import booths", "runs purge"} <= set(COMMANDS)
    assert sorted(GROUPS) == ["event", "import", "runs"]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_shows_how_it_is_used(command):
    shown = help_of(command)

    assert f"Usage: airmeet {command}".rstrip() in shown
    assert max(map(len, map(str.rstrip, shown.splitlines()))) <= 80
    assert "Exit codes:" in shown
    assert "--profile" in shown
    assert "ARGS" not in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_summary_in_one_sentence(command):
    summary = help_of(command).split("\n\n")[1].replace("\n", " ").strip()

    assert re.fullmatch(r"[A-Z].{10,140}\.", summary), summary


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_can_be_typed(command):
    examples = re.findall(r"^  (airmeet .+(?:\n    .+)*)", help_of(command).replace(" \\\n", "\n"), re.MULTILINE)

    assert any(example.startswith(f"airmeet {command}") for example in examples)
    assert all(len(word) == 36 for word in " ".join(examples).split() if word.startswith("8f0c1a2e")), "an id is cut"
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])[1:]
        _, bound, _ = app.meta.parse_args(words, exit_on_error=False, print_error=False)
        app.parse_args(bound.args, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_argument_and_each_option_is_described(command):
    _, path, _ = app.parse_commands(shlex.split(command))
    arguments = path[-1].assemble_argument_collection(parse_docstring=True) if path[-1].default_command else []

    assert [argument.name for argument in arguments if argument.show and not argument.parameter.help] == []


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_lists_its_commands(group):
    inner = [name.split()[1] for name in COMMANDS if name.startswith(f"{group} ")]

    assert inner
    assert all(name in help_of(group) for name in inner)


def test_what_may_be_left_out_is_not_called_required():
    assert "required" not in help_of("runs rate").lower()


@pytest.mark.slow
def test_nothing_heavy_is_loaded_to_show_help():
    script = (
        "import sys\nfrom airmeet_async.cli.main import main\n"
        "for line in ('--version', '--help', 'register --help', 'completion bash'): assert main(line.split()) == 0\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "airmeet_async.cli.app" in done.stderr.split()
    assert HEAVY & set(done.stderr.split()) == set()
