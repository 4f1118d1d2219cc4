"""The layers, the purity and the sizes that the design promises."""

import subprocess
import sys
from pathlib import Path

import pytest

import airmeet_async
from tests.architecture import (
    LAYERS,
    MEDIAN,
    ONE_HOME,
    P90,
    Function,
    Module,
    functions,
    homes,
    imports,
    is_pure,
    layer_breaks,
    modules,
    purity_breaks,
    quantile,
    size_breaks,
)

ROOT = Path(airmeet_async.__path__[0])
MODULES = modules(ROOT)

# What may be larger than the budget, and why. An entry that is no longer needed fails.
EXCEPTIONS: dict[str, str] = {}


def sizes():
    return [function.lines for module in MODULES for function in functions(module)]


def test_every_layer_is_there():
    """No check below passes because a folder went missing."""
    there = {module.name.split(".")[0] for module in MODULES}

    assert {"errors", "api", "calls", "client", "bulk", "sandbox", "cli", "testing"} <= there


def test_every_module_has_a_layer():
    """A new folder must say what it may import."""
    assert {module.name.split(".")[0] for module in MODULES} <= LAYERS.keys()


def test_imports_go_left_only():
    assert [line for module in MODULES for line in layer_breaks(module)] == []


def test_pure_places_are_pure():
    assert [line for module in MODULES if is_pure(module.name) for line in purity_breaks(module)] == []


def test_the_http_library_is_imported_in_one_module():
    assert len(homes(MODULES, "httpx")) == 1


@pytest.mark.parametrize("package", sorted(ONE_HOME - {"httpx"}))
def test_optional_packages_have_one_home(package):
    assert len(homes(MODULES, package)) <= 1


def test_files_and_functions_keep_their_budget():
    broken = {line.split(":")[0]: line for line in size_breaks(MODULES)}

    assert [line for name, line in broken.items() if name not in EXCEPTIONS] == []
    assert sorted(EXCEPTIONS.keys() - broken.keys()) == [], "exceptions that are no longer needed"


def test_most_functions_are_small():
    assert quantile(sizes(), 0.5) <= MEDIAN
    assert quantile(sizes(), 0.9) <= P90


def test_the_library_needs_the_five_core_packages_only():
    """With all extras hidden, the front door opens."""
    extras = (
        "charset_normalizer cyclopts dask distributed email_validator httptools jinja2 narwhals opentelemetry orjson "
        "platformdirs pyarrow pygal python_calamine redis rich starlette uvicorn uvloop"
    )
    script = (
        f"import sys\nfor name in {extras.split()!r}: sys.modules[name] = None\n"
        "import airmeet_async\n[getattr(airmeet_async, name) for name in airmeet_async.__all__]\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


# Each checker can fail. Left: a module's name; then its source; then a word of what must be said.

LAYER_BREAKS = [
    ("errors", "from airmeet_async.api import wire", "api"),
    ("api.call", "from airmeet_async import calls", "calls"),
    ("api.call", "import airmeet_async.client.session", "client"),
    ("api.call", "def f():\n    from ..bulk import report", "bulk"),
    ("client.core", "from airmeet_async.sandbox.world import World", "sandbox"),
    ("client.core", "from airmeet_async import AirmeetClient", "AirmeetClient"),
    ("client.core", "import airmeet_async", "the front door"),
    ("sandbox.world", "from ..client import transport", "client"),
    ("sandbox.world", "from airmeet_async.api.codec import decode", "api.codec"),
    ("testing.clock", "from airmeet_async.cli import main", "cli"),
    ("cli.main", "from airmeet_async.testing import VirtualTimeLoop", "testing"),
]

PURITY_BREAKS = [
    ("api.call", "async def f(): ...", "awaits"),
    ("calls.auth", "import time", "time"),
    ("api.call", "import os.path", "os"),
    ("api.call", "from asyncio import sleep", "asyncio"),
    ("api.call", "from random import random", "random"),
    ("api.call", "from datetime import datetime\nx = datetime.now()", "asks the world"),
    ("bulk.report", "import anyio", "anyio"),
    ("sandbox.world", "import random\nx = random.random()", "unseeded"),
    ("sandbox.world", "from random import Random\nx = Random()", "unseeded"),
    ("sandbox.world", "from random import choice", "random.choice"),
]

SIZE_BREAKS = [
    ("api.big", "\n" * 301, "file of 301"),
    ("api.big", "def f():\n" + "    g()\n" * 46, "f: body of 46"),
    ("api.big", "def f(a, b, c, d, e, f, g): return 1", "7 positional"),
    ("api.big", "class A:\n    def f(self, a, b, c, /, d, e, f, g): return 1", "7 positional"),
]


@pytest.mark.parametrize(("name", "source", "word"), LAYER_BREAKS)
def test_a_wrong_import_is_found(name, source, word):
    assert word in str(layer_breaks(Module(name, source)))


@pytest.mark.parametrize(("name", "source", "word"), PURITY_BREAKS)
def test_an_effect_is_found(name, source, word):
    assert is_pure(name)
    assert word in str(purity_breaks(Module(name, source)))


@pytest.mark.parametrize(("name", "source", "word"), SIZE_BREAKS)
def test_a_size_over_budget_is_found(name, source, word):
    assert word in str(size_breaks([Module(name, source)]))


def test_second_home_is_found():
    there = [Module("client.a", "import httpx"), Module("cli.b", "def f():\n    from httpx import Client")]

    assert homes(there, "httpx") == ["client.a", "cli.b"]
    assert homes(there, "http") == []


def test_what_is_allowed_is_not_accused():
    """The rules bite only where they should."""
    good = Module(
        "sandbox.world",
        "from random import Random\nfrom ..errors import AirmeetError\nfrom airmeet_async.api.wire import Reply\n"
        "from . import state\n\ndef f(a, b, c, d, e, g, *, h, i): return Random(a)\n",
    )

    assert layer_breaks(good) == purity_breaks(good) == size_breaks([good]) == []
    assert layer_breaks(Module("cli.main", "from airmeet_async import AirmeetClient, __version__")) == []
    assert not is_pure("client.session")
    assert not is_pure("sandbox.server")


def test_relative_imports_are_resolved():
    """From a module one dot is its folder; from a folder's `__init__` it is the folder itself."""
    source = "from . import x\nfrom ..errors import Y"

    assert list(imports(Module("api.call", source))) == ["airmeet_async.api.x", "airmeet_async.errors.Y"]
    assert list(imports(Module("api", source, is_package=True))) == ["airmeet_async.api.x", "airmeet_async.errors.Y"]


def test_lines_are_counted_without_prose():
    """Docstrings, comments, blank lines and bodies of `...` do not count."""
    source = 'def f(a):\n    """Doc.\n\n    More.\n    """\n    # why\n    x = 1\n\n    return x\ndef g(): ...\n'

    assert functions(Module("api.a", source)) == [Function("api.a.f", 2, 1)]
    assert [f.name for f in functions(Module("a", "class B:\n    def c(self): return 1"))] == ["a.B.c"]


def test_quantiles_are_of_the_sorted_sizes():
    assert quantile([9, 1, 5], 0.5) == 5
    assert quantile(list(range(1, 11)), 0.9) == 9
    assert quantile([], 0.5) == 0
