"""Completion: a real shell takes the script, and completes with it."""

import io
import shutil
import subprocess
from contextlib import redirect_stdout
from functools import cache

import pytest

from airmeet_async.cli.commands.completion import completion

pytestmark = pytest.mark.slow

COMPLETE = r"""
source /dev/stdin
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_airmeet
printf '%s\n' "${COMPREPLY[@]}"
complete -p airmeet
"""

TYPED = [
    (("reg",), ["register"]),
    (("runs", "pa"), ["pause"]),
    (("import", ""), ["speakers", "sessions", "booths"]),
    (("register", "ID", "people.csv", "--no-i"), ["--no-invite"]),
    (("events", "--prof"), ["--profile"]),
    (("login", "--region", ""), ["global", "eu", "us"]),
    (("completion", "z"), ["zsh"]),
    (("register", "ID", ""), [""]),  # nothing, and so the shell takes files
]


@cache
def script_for(shell):
    out = io.StringIO()
    with redirect_stdout(out):
        completion(shell)
    return out.getvalue()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_reads_its_script_without_complaint(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")

    done = subprocess.run([shell, "-n"], input=script_for(shell), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("words", "completed"), TYPED)
def test_bash_completes(words, completed):
    command = ["bash", "-c", COMPLETE, "bash", "airmeet", *words]

    done = subprocess.run(command, input=script_for("bash"), capture_output=True, text=True, check=True)

    *found, rule = done.stdout.splitlines()
    assert found == completed
    assert "-o default" in rule


def test_zsh_takes_files_where_it_has_no_words_of_its_own():
    lines = script_for("zsh").splitlines()
    register = [line.strip() for line in lines if "A CSV, TSV, JSON lines" in line]

    assert register
    assert all(":_files'" in line for line in register)
    assert any(line.strip().startswith("'*--results[") and ":results:_files'" in line for line in lines)
    assert lines[-2:] == ["  compdef _airmeet airmeet", "fi"]  # where it is sourced
    assert not any(":->" in line and "_files" in line for line in lines)


def test_the_command_prints_the_script_and_nothing_else(airmeet):
    done = airmeet("completion", "bash")
    wrong = airmeet("completion", "tcsh")

    assert (done.code, done.err, done.out.rstrip("\n")) == (0, "", script_for("bash").rstrip("\n"))
    assert (wrong.code, '"bash", "zsh", "fish"' in wrong.err) == (2, True)
