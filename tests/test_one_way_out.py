"""Text reaches a terminal, and a cell a CSV file, through one place each: what is hostile in it is disarmed there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import airmeet_async

PACKAGE = Path(airmeet_async.__file__).parent

CSV = {"tables/cells.py"}


def calls_in(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what a module writes with, as `kind` and the text of the call."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        text = ast.unparse(node.func)
        if text == "print" or text.startswith("traceback.print_"):
            yield "terminal", text
        elif text in {"sys.stdout.write", "sys.stderr.write", "os.write"}:
            yield "stream", text
        elif text in {"csv.writer", "csv.DictWriter"}:
            yield "csv", text


def found(kind: str) -> set[str]:
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for one, _ in calls_in(path)
        if one == kind
    }


@pytest.mark.slow
def test_nobody_prints_past_the_console() -> None:
    assert found("terminal") == set()
    assert found("stream") <= {"__main__.py"}  # the one sentence of a core install, which has no console


@pytest.mark.slow
def test_all_csv_is_written_in_one_place() -> None:
    assert found("csv") == CSV
