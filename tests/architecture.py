"""Checkers of the architecture: each takes source text and names what breaks a rule.

`test_architecture.py` runs them over the package, and over small sources that
break each rule, so that no checker can pass by being blind.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "airmeet_async"

# Who may import whom. A name stands for the module or folder and all below it.
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "api": {"errors"},
    "calls": {"errors", "api"},
    "client": {"errors", "api", "calls"},
    "bulk": {"errors", "api", "calls", "client"},
    "front": {"errors", "api", "calls", "client", "bulk"},
    "": {"errors", "api", "calls", "client", "bulk", "front"},  # the front door, __init__.py
    "cluster": {"", "errors", "api", "calls", "client", "bulk", "front"},
    "sandbox": {"errors", "api.wire"},
    "testing": {"", "errors", "api", "calls", "client", "bulk", "front", "cluster", "sandbox"},
    "cli": {"", "errors", "api", "calls", "client", "bulk", "front", "cluster", "sandbox"},
    "__main__": {"cli"},
}

# Where nothing waits, reads a clock, draws lots or talks to the world.
PURE = ("errors", "api", "calls", "bulk.report", "sandbox")
IMPURE_AFTER_ALL = ("sandbox.server", "sandbox.__main__")  # the thin shell around World
EFFECTS = {"time", "random", "secrets", "asyncio", "anyio", "httpx", "socket", "ssl", "os", "threading", "subprocess"}
CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid4"}

# One home each, so that replacing the package is a change of one module.
ONE_HOME = {"httpx", "httptools", "uvloop", "orjson"}

_NAMED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS, MEDIAN, P90 = 300, 45, 6, 8, 25


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name below the package ("" is the front door) and its text."""

    name: str
    source: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)


@dataclass(frozen=True)
class Function:
    """One function: where it is, how many lines of code its body has, how many positional parameters."""

    name: str
    lines: int
    parameters: int


def modules(root: Path) -> list[Module]:
    """Read all modules of the package under *root*."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found.append(Module(name, path.read_text(encoding="utf-8"), is_package))
    return found


def within(name: str, area: str) -> bool:
    """Say whether the module *name* is *area* or below it."""
    return name == area or name.startswith(f"{area}.")


def imports(module: Module) -> Iterator[str]:
    """Yield the absolute dotted names that *module* imports, wherever in the file."""
    own = [PACKAGE, *module.name.split(".")] if module.name else [PACKAGE]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = node.level - module.is_package
            base = own[: len(own) - up] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def layer_breaks(module: Module) -> list[str]:
    """Name the imports of *module* that go against the layers."""
    layer = module.name.split(".")[0]
    breaks = []
    for target in imports(module):
        if not within(target, PACKAGE):
            continue
        inner = target.removeprefix(PACKAGE).lstrip(".")
        allowed = {layer} | LAYERS.get(layer, set())
        if not any(_reaches(inner, area) for area in allowed):
            breaks.append(f"{module.name or '__init__'} imports {inner or 'the front door'}")
    return breaks


def _reaches(target: str, area: str) -> bool:
    if area:
        return within(target, area)
    return target.split(".", maxsplit=1)[0] not in LAYERS or not target  # a name of the front door


def is_pure(name: str) -> bool:
    """Say whether the module *name* must be pure."""
    return any(within(name, area) for area in PURE) and not any(within(name, area) for area in IMPURE_AFTER_ALL)


def purity_breaks(module: Module) -> list[str]:
    """Name what makes *module* impure: awaiting, effects, clocks, unseeded randomness."""
    seeded = within(module.name, "sandbox")
    breaks = [f"imports {name}" for name in imports(module) if _is_effect(name, seeded=seeded)]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
            breaks.append(f"awaits in line {node.lineno}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in CLOCKS:
            breaks.append(f"asks the world in line {node.lineno}")
        elif seeded and isinstance(node, ast.Call) and _is_unseeded(node):
            breaks.append(f"draws unseeded lots in line {node.lineno}")
    return [f"{module.name} {what}" for what in breaks]


def _is_effect(name: str, *, seeded: bool) -> bool:
    return name.split(".", maxsplit=1)[0] in EFFECTS and not (seeded and name in {"random", "random.Random"})


def _is_unseeded(call: ast.Call) -> bool:
    called = ast.unparse(call.func)
    if called in {"random.Random", "Random"}:
        return not call.args
    return called.startswith("random.")


def homes(found: list[Module], package: str) -> list[str]:
    """Name the modules that import *package*."""
    return [module.name for module in found if any(within(name, package) for name in imports(module))]


def functions(module: Module) -> list[Function]:
    """Measure all functions of *module* that have a body of code."""
    lines = module.source.splitlines()
    found = []
    for name, node in _definitions(module.tree, module.name):
        positional = [*node.args.posonlyargs, *node.args.args]
        parameters = len([argument for argument in positional if argument.arg not in {"self", "cls"}])
        if size := _code_lines(node, lines):
            found.append(Function(name, size, parameters))
    return found


def _definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield all functions below *node* with their qualified names."""
    for child in ast.iter_child_nodes(node):
        name = f"{prefix}.{child.name}" if isinstance(child, _NAMED) else prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, child
        yield from _definitions(child, name)


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Count the body's lines without docstring, comments, blank lines and a lone ``...``."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body or ast.unparse(body[0]) == "...":
        return 0
    code = (line.strip() for line in lines[body[0].lineno - 1 : node.end_lineno])
    return sum(1 for line in code if line and not line.startswith("#"))


def size_breaks(found: list[Module]) -> list[str]:
    """Name the files and functions over budget, as ``module: n lines`` and ``module.function: …``."""
    breaks = [
        f"{module.name}: file of {count} lines"
        for module in found
        if (count := len(module.source.splitlines())) > MAX_FILE
    ]
    measured = [function for module in found for function in functions(module)]
    breaks += [f"{f.name}: body of {f.lines} lines" for f in measured if f.lines > MAX_FUNCTION]
    breaks += [f"{f.name}: {f.parameters} positional parameters" for f in measured if f.parameters > MAX_PARAMETERS]
    return breaks


def quantile(sizes: list[int], share: float) -> int:
    """Return the size that *share* of the functions do not exceed."""
    return sorted(sizes)[max(0, -int(-len(sizes) * share // 1) - 1)] if sizes else 0
