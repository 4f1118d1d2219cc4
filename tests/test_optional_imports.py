"""The packages of the extras."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from airmeet_async.optional_imports import EXTRAS, _command, install_command, missing_packages, needs_extra


@pytest.mark.slow
def test_an_extra_brings_what_it_is_said_to_bring():
    """In pyproject.toml, where the names are those of the distributions."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    distributions = packages_distributions()
    for extra, packages in EXTRAS.items():
        wanted = project["optional-dependencies"][extra]
        offered = {re.split(r"[\[>=;]", one)[0] for one in wanted} - {project["name"]}
        # Several distributions may share a package, as those of OpenTelemetry do.
        found = {name.lower() for package in packages for name in distributions[package]}
        assert offered - {"uvloop"} <= found, extra
        assert len(packages) == len(offered - {"uvloop"}), extra


def test_the_packages_of_an_extra_that_are_missing(monkeypatch):
    """The tests run with all extras installed."""
    assert [extra for extra in EXTRAS if missing_packages(extra)] == []

    monkeypatch.setitem(EXTRAS, "fast", ("json", "no_such_package"))
    assert missing_packages("fast") == ["no_such_package"]
    assert needs_extra("reading Parquet", "parquet") == (
        f"reading Parquet needs the extra `parquet`: {install_command('parquet')}"
    )


def test_the_command_fits_the_way_it_was_installed():
    """An index is named only where it came from one (PEP 610 records the others)."""
    git = {"vcs": "git", "commit_id": "0a1b", "requested_revision": "v0.2"}
    cases = [
        ({}, "pip install 'airmeet-async[cli]'"),
        (
            {"url": "file:///home/me/air%20meet", "dir_info": {"editable": True}},
            "pip install -e '/home/me/air meet[cli]'",
        ),
        ({"url": "file:///home/me/airmeet", "dir_info": {}}, "pip install '/home/me/airmeet[cli]'"),
        (
            {"url": "file:///tmp/airmeet_async-0.2-py3-none-any.whl", "archive_info": {}},
            "pip install 'airmeet-async[cli] @ file:///tmp/airmeet_async-0.2-py3-none-any.whl'",
        ),
        (
            {"url": "https://me:secret@git.example/airmeet-async", "vcs_info": git},
            "pip install 'airmeet-async[cli] @ git+https://git.example/airmeet-async@v0.2'",
        ),
    ]
    for origin, command in cases:
        assert _command("cli", origin) == command


@pytest.mark.slow
def test_without_its_extra_the_command_says_what_to_install():
    """`airmeet` is installed with the library alone, too."""
    code = "import sys; sys.modules['cyclopts'] = None; from airmeet_async.__main__ import main; sys.exit(main())"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    told = f"error: the command airmeet needs the extra `cli`: {install_command('cli')}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)
