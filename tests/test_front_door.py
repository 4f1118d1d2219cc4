"""The front door: everything is there, and nothing is loaded before it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import airmeet_async

SOURCE = ast.parse(Path(airmeet_async.__file__).read_text(encoding="utf-8"))


def test_type_checkers_and_the_interpreter_are_told_the_same():
    """Each name is imported for type checkers from where it is loaded."""
    for_checkers = {
        alias.name: (node.module or "").removeprefix("airmeet_async.")
        for node in ast.walk(SOURCE)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airmeet_async.")
        for alias in node.names
        if alias.name != "version"
    }

    assert for_checkers == airmeet_async._HOME_OF
    assert airmeet_async.__all__ == sorted(for_checkers)


@pytest.mark.parametrize("name", airmeet_async.__all__)
def test_every_name_opens(name):
    assert getattr(airmeet_async, name) is not None


def test_an_unknown_name_is_unknown():
    with pytest.raises(AttributeError, match="no attribute 'Airmeat'"):
        _ = airmeet_async.Airmeat


@pytest.mark.slow
def test_a_name_whose_import_fails_shows_why():
    """A package that is too old has not all that is wanted of it, and Python hides an AttributeError here."""
    script = (
        "import sys, types\nsys.modules['httpx'] = types.ModuleType('httpx')\nfrom airmeet_async import AirmeetClient"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    said = done.stderr.splitlines()[-1]
    assert said.startswith("ImportError: AirmeetClient cannot be imported: module 'httpx' has no attribute ")


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import airmeet_async", "httpx anyio attrs cattrs asyncio"),
        ("from airmeet_async import RejectedError", "httpx anyio attrs cattrs asyncio"),
        ("from airmeet_async import Attendee", "httpx anyio asyncio"),
    ],
)
def test_what_is_not_needed_is_not_loaded(code, heavy):
    script = f"{code}\nimport sys\nprint(sorted(set({heavy.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("[]\n", "")
