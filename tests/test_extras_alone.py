"""Each extra alone gives its feature, and what needs another one names it.

Nothing is installed: each script runs with links to the packages that the declared dependencies of core and one extra
bring, by the interpreter that the environment was made from, and so without the others.
"""

import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import airmeet_async
from airmeet_async.optional_imports import EXTRAS

CLIENT = "from airmeet_async import AirmeetClient\nclient = AirmeetClient('k', 's', {})\n"
COMMAND = "from airmeet_async.__main__ import main\nsys.argv[1:] = {!r}\nsys.exit(main())"
FEATURES = {
    "": CLIENT.format("base_url='http://127.0.0.1:1'") + "print(client.transport_name)",
    "cli": COMMAND.format(["check", "{tmp}/people.csv"]),
    "fast": CLIENT.format("base_url='http://127.0.0.1:1', transport='fast'") + "print(client.transport_name)",
    "sandbox": "from airmeet_async.sandbox.server import serve\nprint(serve.__name__)",
    "excel": (
        "import openpyxl\nbook = openpyxl.Workbook()\nbook.active.append(['email'])\nbook.active.append(['a@b.co'])\n"
        "book.save('{tmp}/x.xlsx')\nfrom airmeet_async.tables import open_table\n"
        "print(open_table('{tmp}/x.xlsx').columns)"
    ),
    "parquet": (
        "import pyarrow, pyarrow.parquet\npyarrow.parquet.write_table(pyarrow.table({{'email': ['a@b.co']}}), "
        "'{tmp}/x.parquet')\nfrom airmeet_async.tables import open_table\nprint(open_table('{tmp}/x.parquet').columns)"
    ),
    "dataframe": "import narwhals\nfrom airmeet_async.tables import read_frame\nprint(read_frame.__name__)",
    "report": COMMAND.format(["register", "--help"]).replace("sys.exit", "import jinja2\nsys.exit"),
    "otel": CLIENT.format("base_url='http://127.0.0.1:1', telemetry='otel'") + "print(client.transport_name)",
    "redis": (
        "from airmeet_async.cluster import Fleet\nfleet = Fleet('redis://127.0.0.1:1/0', rate=5)\n"
        + CLIENT.format("base_url='http://127.0.0.1:1', fleet=fleet")
        + "print(client.pace.rate)"
    ),
    "dask": "import distributed\nfrom airmeet_async.cluster import OnDask\nprint(OnDask('tcp://127.0.0.1:1'))",
}
SAYS = {
    "": "httpx", "cli": "no problems found", "fast": "fast", "sandbox": "serve", "excel": "email", "parquet": "email",
    "dataframe": "read_frame", "report": "--report", "otel": "httpx", "redis": "5", "dask": "OnDask",
}  # fmt: skip

# With this extra, this command, and the extra that it names.
NAMED = [
    ("", ["events"], "cli"),
    ("sandbox", ["sandbox"], "cli"),
    ("cli", ["demo"], "sandbox"),
    ("cli", ["sandbox"], "sandbox"),
]


@cache
def closure(extra: str) -> frozenset[str]:
    """Return the distributions that an installation with *extra* has."""
    found: set[str] = set()
    wanted = [("airmeet-async", frozenset({extra}))]
    seen = set()
    while wanted:
        name, extras = wanted.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:  # of another platform
            continue
        found.add(normal(name))
        for requirement in map(Requirement, requires):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": one}) for one in {*extras, ""}):
                wanted.append((requirement.name, frozenset(requirement.extras)))
    return frozenset(found)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def run_with(extra: str, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in an environment of links to what core and *extra* bring."""
    site = folder / "site"
    site.mkdir()
    (site / "airmeet_async").symlink_to(airmeet_async.__path__[0])
    for name in closure(extra):
        for file in distribution(name).files or ():
            top, there = file.parts[0], Path(str(distribution(name).locate_file(file.parts[0])))
            if top not in {"..", "__pycache__", "airmeet_async"} and not (site / top).exists():
                (site / top).symlink_to(there)
    return subprocess.run(
        [getattr(sys, "_base_executable", sys.executable), "-S", "-c", f"import sys\n{script}"],
        env={"PATH": "", "HOME": str(folder), "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_extra_has_a_feature_here():
    assert EXTRAS.keys() <= FEATURES.keys() == SAYS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("extra", FEATURES)
def test_an_extra_alone_gives_its_feature(tmp_path, extra):
    (tmp_path / "people.csv").write_text("email,first name,last name\na@b.co,Ada,King\n")
    done = run_with(extra, FEATURES[extra].format(tmp=tmp_path), tmp_path)

    assert "Traceback" not in done.stderr, done.stderr
    assert SAYS[extra] in done.stdout + done.stderr, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("extra", "command", "named"), NAMED)
def test_a_command_that_needs_another_extra_names_it(tmp_path, extra, command, named):
    done = run_with(extra, COMMAND.format(command), tmp_path)

    assert "Traceback" not in done.stderr, done.stderr
    assert f"`{named}`" in " ".join(done.stderr.split())
    assert done.returncode == 2
