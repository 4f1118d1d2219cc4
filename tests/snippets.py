"""Run the examples of one document from top to bottom, as in a notebook, against a sandbox on a port of this machine.

`python -m tests.snippets docs/tutorial.md` does it in a new folder with a few input files.

1. Names live on from one Python example to the next, and `await` may stand outside of functions. There are `client`,
   `event_id`, `airmeet_id` and `sandbox`; keys and address are in the environment.
2. An example with ``title="app.py"`` is that file, and is imported. One with tests is given to pytest at the end.
3. Of a terminal session, the ``airmeet`` commands after ``$`` are run; ``# exit code 3`` says how one ends.
4. ``<!-- not run: why -->`` on the line above leaves an example out.
"""

import ast
import asyncio
import importlib
import inspect
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from contextlib import closing
from pathlib import Path
from types import CodeType
from typing import Any

from airmeet_async import AirmeetClient
from airmeet_async.testing import Sandbox
from tests.documents import ROOT

_FENCE = re.compile(
    r"(?P<mark><!-- not run: (?P<why>[^\n]+) -->\n+)?^(?P<in>[ ]*)```(?P<lang>python|console)(?P<info>[^\n]*)\n"
    r"(?P<code>.*?)^(?P=in)```",
    re.MULTILINE | re.DOTALL,
)
_PEOPLE = [
    ("ada@example.com", "Ada", "Lovelace"),
    ("grace@example.com", "Grace", "Hopper"),
    ("katherine@example.com", "Katherine", "Johnson"),
]


class Example:
    """One example of a document.

    Attributes:
        line: Where it begins.
        why: Why it is not run, or None.
        file: The file that it is, or None.
    """

    def __init__(self, text: str, fence: re.Match[str]) -> None:
        self.line = text.count("\n", 0, fence.start("code")) + 1
        self.language, self.why = fence["lang"], fence["why"]
        self.code = textwrap.dedent(fence["code"])
        title = re.search(r'title="([^"]+)"', fence["info"])
        self.file = title[1] if title else None
        if (
            self.language == "python"
            and not self.file
            and re.search(r"^(async )?def test_|TestCase\)", self.code, re.MULTILINE)
        ):
            self.file = f"test_line_{self.line}.py"


def examples(path: Path) -> list[Example]:
    """Find all examples of a document that are run, or say why not."""
    text = path.read_text(encoding="utf-8")
    return [Example(text, fence) for fence in _FENCE.finditer(text)]


def run(path: Path) -> list[str]:
    """Run all examples of a document, in this process and in the current folder, and name those that were not."""
    lines = ["email,first_name,last_name", *(",".join(one) for one in _PEOPLE)]
    Path("people.csv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with closing(sqlite3.connect("people.db")) as database, database:
        database.execute("CREATE TABLE people (email, first, last)")
        database.executemany("INSERT INTO people VALUES (?, ?, ?)", _PEOPLE)
    for export in (ROOT / "examples" / "exports").iterdir():
        shutil.copy(export, Path.cwd())
    sys.path.insert(0, str(Path.cwd()))
    left_out, with_tests = [], False
    with Sandbox() as sandbox, sandbox.serve(), asyncio.Runner() as runner:
        for name in [name for name in os.environ if name.startswith("AIRMEET_")]:
            del os.environ[name]
        os.environ.update(
            sandbox.environ, AIRMEET_TOKEN_CACHE=str(Path.cwd() / "tokens"), XDG_STATE_HOME=str(Path.cwd())
        )
        client = AirmeetClient()
        names: dict[str, Any] = {"__name__": "__main__", "client": client, "sandbox": sandbox}
        names |= {"event_id": sandbox.event_id, "airmeet_id": sandbox.event_id}
        for example in examples(path):
            if example.why:
                left_out.append(f"{path.name}:{example.line}: not run: {example.why}")
            elif example.language == "console":
                run_commands(example)
            elif example.file:
                Path(example.file).parent.mkdir(parents=True, exist_ok=True)
                Path(example.file).write_text(example.code, encoding="utf-8")
                if "test_" in example.file or "conftest" in example.file:
                    with_tests = True
                else:
                    importlib.import_module(example.file.removesuffix(".py").replace("/", "."))
            else:
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                # Line numbers of a traceback are those of the document.
                tree = ast.parse("\n" * (example.line - 1) + example.code, str(path))
                code: CodeType = compile(tree, str(path), "exec", flags=flags, dont_inherit=True)
                if code.co_flags & inspect.CO_COROUTINE:
                    runner.run(eval(code, names))  # noqa: S307 - our own documents
                else:
                    exec(code, names)  # noqa: S102 - the same
        runner.run(client.aclose())
    if with_tests:
        run_tests()
    return left_out


def run_commands(example: Example) -> None:
    """Run the `airmeet` commands of a terminal session."""
    joined = example.code.replace("\\\n", " ")
    for line in joined.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if line.startswith("$ airmeet "):
            command = [sys.executable, "-m", "airmeet_async", *words[1:]]
            done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
            expected = re.search(r"# exit code (\d+)", line)
            assert done.returncode == int(expected[1] if expected else 0), f"{line}\n{done.stdout}{done.stderr}"


def run_tests() -> None:
    """Run the tests of a document in a pytest of their own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AIRMEET_")}
    options = "-q -p no:cacheprovider -p no:asyncio -o anyio_mode=auto ."
    command = [sys.executable, "-m", "pytest", *options.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout.strip().splitlines()[-1])


def main(argument: str) -> int:
    """Run one document in a folder of its own."""
    path = Path(argument).resolve()
    with tempfile.TemporaryDirectory(prefix="snippets-") as folder:
        os.chdir(folder)
        try:
            print(*run(path), sep="\n")
        finally:
            os.chdir(ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
