"""Write a result file in a test."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from airmeet_async import RowResult
from airmeet_async.cli.output.results_csv import ResultFiles


def write(path: Path, header: Sequence[str], results: Iterable[RowResult], origin: str = "a list") -> Path:
    """Write results to a file, as the command does when a run has ended, and return its place."""
    with ResultFiles(path, None) as files:
        files.write(results, header, "3f2a9c1b", origin, "event-1")
    return files.written[path]


def write_failed(path: Path, header: Sequence[str], results: Iterable[RowResult]) -> None:
    """Write those of the results that are not done."""
    with ResultFiles(None, path) as files:
        files.write(results, header, "3f2a9c1b", "a list", "event-1")
