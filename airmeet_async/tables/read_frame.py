"""Data frames as tables: pandas, polars, pyarrow and whatever else narwhals knows, read slice by slice."""

from collections.abc import Iterator, Mapping
from typing import Any

from airmeet_async.errors import ConfigError
from airmeet_async.tables.cells import COLUMN_LIMIT, Findings, ReadOptions, fault, text_of
from airmeet_async.tables.read_parquet import in_microseconds
from airmeet_async.tables.table import Table

_MAKERS = frozenset((
    "pandas", "polars", "pyarrow", "modin", "cudf", "narwhals", "dask", "duckdb", "ibis", "pyspark", "sqlframe",
))  # fmt: skip
_AT_ONCE = 500
_NAME = "the data frame"


def is_frame(rows: Any) -> bool:
    """Whether something comes out of a data frame library; tells without importing one."""
    return type(rows).__module__.partition(".")[0] in _MAKERS


def open_frame(rows: Any) -> Table:
    """Return a data frame as a table: its values are texts, as in a file; null, NaN and NaT are no value.

    Raises:
        ConfigError: It is none that can be read, or narwhals is not installed.
        InputError: It has no rows.
    """
    try:
        import narwhals as nw
    except ImportError:
        message = "reading data frames needs narwhals; pip install 'airmeet-async[dataframe]'"
        raise ConfigError(message) from None
    try:
        frame = _frame(nw, rows)
        reader = FrameReader(frame)
    except nw.exceptions.NarwhalsError as error:
        raise fault(" ".join(str(error).split())[:200], path=_NAME) from None
    if not len(frame):
        raise fault("has no rows", path=_NAME)
    return Table(ReadOptions(path=_NAME, name=_NAME), reader, rows=len(frame))


def _frame(nw: Any, rows: Any) -> Any:
    frame = nw.from_native(rows, pass_through=True)
    kind = f"{type(rows).__module__.partition('.')[0]} {type(rows).__name__}"
    if isinstance(frame, nw.LazyFrame):
        message = f"rows is lazy ({kind}): it would be computed more than once; pass what its collect() returns"
        raise ConfigError(message)
    if not isinstance(frame, nw.DataFrame):
        message = f"rows must be an iterable of attendees or mappings, a data frame, or a path, not a {kind}"
        raise ConfigError(message)
    return nw.from_native(in_microseconds(frame.to_native())) if frame.implementation.is_pyarrow() else frame


class FrameReader:
    """How to read a data frame; see `TableReader`. Its rows have no line."""

    notices = ()
    reading: Mapping[str, str] = {}

    def __init__(self, frame: Any) -> None:
        names = [str(name) for name in frame.columns]
        if len(names) > COLUMN_LIMIT:
            what = f"has {len(names):,} columns; at most {COLUMN_LIMIT:,} are read, so drop the others"
            raise fault(what, path=_NAME)
        self._frame = frame
        self._names = names
        self._faults = {}
        for name, kind in frame.collect_schema().items():
            if names.count(str(name)) > 1:
                self._faults[str(name)] = "is the name of two columns; rename one of them"
            elif kind.is_nested() or str(kind) == "Binary":
                self._faults[str(name)] = (
                    f"holds {kind}, which is no text, number, truth value or time; drop the column"
                )
        self.columns = tuple(dict.fromkeys(name for name in names if name.strip()))

    def rows(self, findings: Findings) -> Iterator[tuple[None, Mapping[str, str]]]:
        """Yield the texts of each row by column."""
        for name, what in self._faults.items():
            findings.fault(what, None, name)
        usable = [(index, name) for index, name in enumerate(self._names) if name.strip() and name not in self._faults]
        for values in self._frame.iter_rows(buffer_size=_AT_ONCE):
            yield None, {name: text for index, name in usable if (text := text_of(values[index]))}
