"""Data frames as tables: pandas, polars, pyarrow and whatever else narwhals knows, read slice by slice."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

from airmeet_async.bulk.table_cells import COLUMN_LIMIT, fault, shown
from airmeet_async.bulk.table_parquet import in_microseconds
from airmeet_async.bulk.table_values import text_of
from airmeet_async.bulk.tables import Table
from airmeet_async.errors import ConfigError

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
        InputError: It has no rows, or a column that is not of texts, numbers, truth values or times.
    """
    try:
        import narwhals as nw
    except ImportError:
        message = "reading data frames needs narwhals; pip install 'airmeet-async[dataframe]'"
        raise ConfigError(message) from None
    try:
        frame = _frame(nw, rows)
        columns = _columns(frame)
    except nw.exceptions.NarwhalsError as error:
        raise fault(" ".join(str(error).split())[:200], path=_NAME) from None
    if not len(frame):
        raise fault("has no rows", path=_NAME)
    return Table(_NAME, columns, len(frame), (), _Frame(frame), None)


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


@frozen
class _Frame:
    """How a data frame is read."""

    frame: Any = field(repr=False)
    notices: tuple[str, ...] = ()
    reading: Mapping[str, str] = field(factory=dict)

    def reader(self) -> "_FrameRows":
        return _FrameRows(self.frame)


class _FrameRows:
    """The rows of a data frame, read once."""

    notices = ()

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.header: tuple[str, ...] = tuple(map(str, frame.columns))

    def __iter__(self) -> Iterator[tuple[None, Mapping[str, str]]]:
        """Yield the texts of each row by column; it has no line."""
        for values in self._frame.iter_rows(buffer_size=_AT_ONCE):
            cells = zip(self.header, map(text_of, values), strict=True)
            yield None, {name: text for name, text in cells if text}


def _columns(frame: Any) -> tuple[str, ...]:
    names = tuple(map(str, frame.columns))
    if len(names) > COLUMN_LIMIT:
        what = f"has {len(names):,} columns; at most {COLUMN_LIMIT:,} are read, so drop the others"
        raise fault(what, path=_NAME)
    for name, kind in frame.collect_schema().items():
        if names.count(str(name)) > 1 or not str(name).strip():
            what = f"a column has no name, or two are named {shown(str(name))}; rename it"
            raise fault(what, path=_NAME, column=str(name))
        if kind.is_nested() or str(kind) == "Binary":
            what = f"holds {kind}, which is no text, number, truth value or time; drop the column"
            raise fault(f"{what}, or turn it into texts", path=_NAME, column=str(name))
    return names
