"""The layers, the purity, no circle inside a folder, one class per name."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import airmeet_async

PACKAGE = "airmeet_async"
ROOT = Path(airmeet_async.__path__[0])

# Who may import whom. A name stands for the module or folder and all below it; "" is the front door, `__init__.py`.
BASE = {"errors", "protocol", "calls", "client"}
EVERYTHING = {
    "",
    *BASE,
    "tables",
    "formatting",
    "private_files",
    "optional_imports",
    "data_frames",
    "version",
    "bulk",
    "cluster",
    "airmeet_client",
}
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "formatting": set(),
    "private_files": {"errors"},
    "optional_imports": set(),
    "data_frames": {"errors", "optional_imports"},
    "version": set(),
    "protocol": {"errors"},
    "calls": {"errors", "protocol"},
    "client": {"errors", "protocol", "calls", "private_files", "optional_imports", "data_frames", "version"},
    "tables": {"errors", "formatting", "optional_imports"},
    "bulk": {*BASE, "tables", "formatting", "private_files", "optional_imports", "data_frames", "version"},
    "cluster": {*BASE, "bulk", "airmeet_client", "private_files", "optional_imports", "version"},
    "airmeet_client": {*BASE, "bulk", "cluster.fleet"},
    "sync": {*BASE, "airmeet_client", "bulk", "tables"},
    "": EVERYTHING,
    "sandbox": {"errors", "protocol.http_messages"},
    "testing": {*EVERYTHING, "sandbox"},
    "cli": {*EVERYTHING, "sandbox", "cluster"},
    "__main__": {"cli", "optional_imports"},
}

# Where nothing waits, reads a clock, draws lots or talks to the world; the sandbox's server is a thin shell around it.
PURE = ("errors", "formatting", "protocol", "calls", "bulk.report", "sandbox")
IMPURE_AFTER_ALL = ("sandbox.server",)
EFFECTS = {"time", "secrets", "asyncio", "anyio", "httpx", "socket", "ssl", "os", "threading", "subprocess"}
CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid4"}

# One home each, so that replacing the package is a change of one module.
ONE_HOME = ("httpx", "httptools", "orjson", "openpyxl", "python_calamine", "jinja2", "cryptography")


def sources():
    """Yield each module's dotted name below the package ("" is the front door) with its syntax tree."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


MODULES = dict(sources())


def within(name, area):
    return name == area or name.startswith(f"{area}.")


def imports(name, tree):
    """Yield the dotted names that a module imports, wherever in the file. The package imports itself absolutely."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(name, tree):
    """Yield the modules of the package that a module imports."""
    for target in imports(name, tree):
        inner = target.removeprefix(PACKAGE).lstrip(".")
        if within(target, PACKAGE):
            yield next((part for part in (inner, inner.rpartition(".")[0]) if part in MODULES), inner)


def layer_breaks(name, tree):
    layer = name.split(".")[0]
    allowed = {layer} | LAYERS[layer]
    return [
        f"{name or '__init__'} imports {target or 'the front door'}"
        for target in own_imports(name, tree)
        if not any(within(target, area) if area else not target for area in allowed)
    ]


def purity_breaks(name, tree):
    """Name what makes a module impure: awaiting, effects, clocks, randomness without a seed."""
    seeded = within(name, "sandbox")
    breaks = [f"imports {one}" for one in imports(name, tree) if one.split(".")[0] in EFFECTS]
    breaks += [f"imports {one}" for one in imports(name, tree) if within(one, "random") and not seeded]
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
            breaks.append(f"awaits in line {node.lineno}")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.split(".")[-1] in CLOCKS:
                breaks.append(f"asks the world in line {node.lineno}")
            unseeded = called in {"random.Random", "Random"} and not node.args
            if unseeded or (called.startswith("random.") and called != "random.Random"):
                breaks.append(f"draws without a seed in line {node.lineno}")
    return [f"{name} {what}" for what in breaks]


def circles(modules):
    """Return the groups of modules that import each other in a circle, wherever the imports stand."""
    graph = {name: set(own_imports(name, tree)) & modules.keys() - {name} for name, tree in modules.items()}
    reach = {name: set(targets) for name, targets in graph.items()}
    for middle in graph:
        for name in graph:
            if middle in reach[name]:
                reach[name] |= reach[middle]
    return {tuple(sorted(other for other in reach[name] if name in reach[other])) for name in graph} - {()}


def class_names(modules):
    """Return each class name with the modules that define one, private ones aside."""
    found = defaultdict(list)
    for name, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(name)
    return found


def parsed(**modules):
    return {name.replace("__", "."): ast.parse(source) for name, source in modules.items()}


def test_every_module_has_a_layer_and_every_layer_is_there():
    """No check below passes because a folder went missing, and a new folder must say what it may import."""
    assert {name.split(".")[0] for name in MODULES} == LAYERS.keys()


def test_imports_go_down_the_layers_only():
    assert [line for name, tree in MODULES.items() for line in layer_breaks(name, tree)] == []


def test_no_folder_has_a_circle():
    """The front door aside: it names everything and loads nothing."""
    assert circles({name: tree for name, tree in MODULES.items() if name}) == set()


def test_a_class_name_is_used_once():
    """But for the client without `await`, which has the name of the other one."""
    twice = {name: homes for name, homes in class_names(MODULES).items() if len(homes) > 1}

    assert twice == {"AirmeetClient": ["airmeet_client", "sync"]}


def test_pure_places_are_pure():
    pure = {
        name: tree
        for name, tree in MODULES.items()
        if any(within(name, area) for area in PURE) and not any(within(name, area) for area in IMPURE_AFTER_ALL)
    }

    assert len(pure) > 30
    assert [line for name, tree in pure.items() for line in purity_breaks(name, tree)] == []


def test_packages_have_one_home():
    imported = {name: set(imports(name, tree)) for name, tree in MODULES.items()}
    for package in ONE_HOME:
        homes = [name for name, names in imported.items() if any(within(one, package) for one in names)]
        assert len(homes) == 1, f"{package} is imported in {homes}"


def test_each_check_can_fail():
    """What is wrong is found, and what is right is not accused."""
    wrong_layers = {
        "errors": "from airmeet_async.protocol import http_messages",
        "protocol.call": "def f():\n    from airmeet_async.bulk import report",
        "client.client": "from airmeet_async import AirmeetClient",
        "sandbox.world": "from airmeet_async.protocol.decoding import decode",
        "testing.clock": "import airmeet_async.cli",
    }
    impure = (
        "async def f(): ...",
        "import time",
        "from os import path",
        "import random",
        "x = datetime.now()",
        "x = random.random()",
        "x = Random()",
    )

    assert [name for name, source in wrong_layers.items() if not layer_breaks(name, ast.parse(source))] == []
    assert [source for source in impure if not purity_breaks("calls.people", ast.parse(source))] == []
    assert purity_breaks("sandbox.world", ast.parse("from random import Random\nx = Random(1)")) == []
    assert layer_breaks("cli.app", ast.parse("from airmeet_async import AirmeetClient, __version__")) == []
    assert class_names(parsed(a="class A: ...", b="class A: ...\nclass _B: ..."))["A"] == ["a", "b"]

    real = {name: MODULES[name] for name in ("client.client", "client.namespaces")}
    real["client.namespaces"] = ast.parse("def f():\n    from airmeet_async.client.client import Client")
    real["client.client"] = ast.parse("from airmeet_async.client import namespaces")
    assert circles(real) == {("client.client", "client.namespaces")}


def test_the_library_needs_the_five_core_packages_only():
    """With all extras hidden, every public name can be had."""
    extras = (
        "charset_normalizer cyclopts httptools jinja2 narwhals openpyxl orjson platformdirs pyarrow python_calamine "
        "rich uvicorn uvloop redis cryptography"
    )
    script = (
        f"import sys\nfor name in {extras.split()!r}: sys.modules[name] = None\n"
        "import airmeet_async\n[getattr(airmeet_async, name) for name in airmeet_async.__all__]\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
