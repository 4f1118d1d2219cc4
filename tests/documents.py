"""Check the documents: links lead somewhere, examples parse, and name what exists.

``make docs`` runs this over README.md and its neighbours and over docs/.
"""

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

_FENCE = re.compile(r"^(?P<in>[ ]*)```(?P<lang>\w+)[^\n]*\n(?P<code>.*?)^(?P=in)```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def documents(root: Path) -> list[Path]:
    """Find all documents of the project."""
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])


def problems(path: Path, root: Path) -> list[str]:
    """Name what is wrong in one document, with its line."""
    text = path.read_text(encoding="utf-8")
    found = [*_broken_links(path, _without_code(text), root), *_broken_examples(text)]
    return [f"{path.relative_to(root)}:{line}: {what}" for line, what in found]


def _without_code(text: str) -> str:
    """Blank out fenced code, keeping the line numbers."""
    return _FENCE.sub(lambda fence: "\n" * fence.group().count("\n"), text)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _broken_links(path: Path, text: str, root: Path) -> Iterator[tuple[int, str]]:
    for link in _LINK.finditer(text):
        file, _, anchor = link["target"].partition("#")
        if re.match(r"[a-z]+:", file):
            continue
        target = path if not file else path.parent / file
        if not target.exists() or not target.resolve().is_relative_to(root.resolve()):
            yield _line(text, link.start()), f"no such file: {file}"
        elif anchor and anchor not in _anchors(target):
            yield _line(text, link.start()), f"no such heading: {link['target']}"


def _anchors(path: Path) -> set[str]:
    headings = _HEADING.findall(_without_code(path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken_examples(text: str) -> Iterator[tuple[int, str]]:
    for fence in _FENCE.finditer(text):
        check = _CHECKS.get(fence["lang"])
        code = re.sub(f"^{fence['in']}", "", fence["code"], flags=re.MULTILINE)
        try:
            found = list(check(code)) if check else []
        except (SyntaxError, ValueError) as error:
            found = [f"{fence['lang']} example does not parse: {error}"]
        yield from ((_line(text, fence.start()), what) for what in found)


def _check_python(code: str) -> Iterator[str]:
    tree = compile(code, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "airmeet_async":
            yield from (f"no {alias.name} in {node.module}" for alias in node.names if not _exists(node.module, alias))


def _exists(module: str | None, alias: ast.alias) -> bool:
    try:
        return hasattr(importlib.import_module(module or ""), alias.name)
    except ModuleNotFoundError:
        return False


def _check_shell(code: str) -> Iterator[str]:
    parsed = subprocess.run(["bash", "-n"], input=code, text=True, capture_output=True, check=False)
    if parsed.returncode:
        yield f"shell example does not parse: {parsed.stderr.strip()}"
        return
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["airmeet"]:
            yield from _check_airmeet(words[1:])
        elif words[:1] == ["make"]:
            yield from (f"no verb: make {word}" for word in words[1:] if not _is_make_word(word))


def _check_console(code: str) -> Iterator[str]:
    """Check the lines after a prompt; the others are output. Without any prompt, all lines are commands."""
    lines = code.replace("\\\n", " ").splitlines()
    commands = [line[2:] for line in lines if line.startswith("$ ")] or lines
    return _check_shell("\n".join(commands))


def _check_airmeet(words: list[str]) -> Iterator[str]:
    path: list[str] = []
    for word in words:
        if not re.fullmatch(r"[a-z]+", word) or not _help(*path, word):
            break
        path.append(word)
    if words and not path and not words[0].startswith("-"):
        yield f"no command: airmeet {words[0]}"
        return
    known = set(re.findall(r"--[a-z][\w-]*", _help(*path)))
    flags = (word.split("=")[0] for word in words if word.startswith("--"))
    yield from (f"no flag {flag} in: airmeet {' '.join(path)}" for flag in flags if flag not in known)


@cache
def _help(*path: str) -> str:
    """Return the help text of a command, or nothing if there is no such command."""
    command = [str(Path(sys.executable).with_name("airmeet")), *path, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"COLUMNS": "200"})
    usage = re.search(r"^usage:? .*", done.stdout, re.IGNORECASE | re.MULTILINE)
    return done.stdout if done.returncode == 0 and usage and all(word in usage.group() for word in path) else ""


def _is_make_word(word: str) -> bool:
    verbs = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return "=" in word or word.startswith("-") or word in verbs


def _check_json(code: str) -> Iterator[str]:
    json.loads(code)
    return iter(())


def _check_toml(code: str) -> Iterator[str]:
    tomllib.loads(code)
    return iter(())


_CHECKS: dict[str, Callable[[str], Iterator[str]]] = {
    "python": _check_python,
    "sh": _check_shell,
    "bash": _check_shell,
    "shell": _check_shell,
    "console": _check_console,
    "json": _check_json,
    "toml": _check_toml,
}


def main() -> int:
    """Check all documents, print what is wrong, and say so with the exit code."""
    paths = documents(ROOT)
    found = [problem for path in paths for problem in problems(path, ROOT)]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(paths)} documents, {len(found)} problems")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
