"""The packages of the extras."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from airmeet_async.optional_imports import EXTRAS, missing_packages, needs_extra


def test_an_extra_brings_what_it_is_said_to_bring():
    """In pyproject.toml, where the names are those of the distributions."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    distributions = packages_distributions()
    for extra, packages in EXTRAS.items():
        offered = {re.split("[>=;]", wanted)[0] for wanted in project["optional-dependencies"][extra]}
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
        "reading Parquet needs the extra `parquet`: pip install 'airmeet-async[parquet]'"
    )


@pytest.mark.slow
def test_without_its_extra_the_command_says_what_to_install():
    """`airmeet` is installed with the library alone, too."""
    code = "import sys; sys.modules['cyclopts'] = None; from airmeet_async.__main__ import main; sys.exit(main())"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    told = "error: the command airmeet needs the extra `cli`: pip install 'airmeet-async[cli]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)
