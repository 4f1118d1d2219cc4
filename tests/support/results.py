"""Fill a result file in a test."""

from collections.abc import Iterable

from airmeet_async import RowResult
from airmeet_async.cli.output.results_csv import ResultsWriter


def write(writer: ResultsWriter, results: Iterable[RowResult]) -> None:
    """Add results, and write them to the disk."""
    for result in results:
        writer.add(result)
    writer.flush()
