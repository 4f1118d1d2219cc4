"""Data frames as tables: pandas, polars, pyarrow and whatever else narwhals knows, read slice by slice."""

from collections.abc import Iterator, Mapping
from typing import Any

from airmeet_async.errors import ConfigError
from airmeet_async.tables.cells import Findings, Flaw, ReadOptions, TableReader, brief, needs, shown, text_of
from airmeet_async.tables.read_parquet import column_faults, in_microseconds
from airmeet_async.tables.table import Table

_MAKERS = frozenset((
    "pandas", "polars", "pyarrow", "modin", "cudf", "narwhals", "dask", "duckdb", "ibis", "pyspark", "sqlframe",
))  # fmt: skip
_AT_ONCE = 500


def is_frame(rows: Any) -> bool:
    """Whether something comes out of a data frame library; tells without importing one."""
    return type(rows).__module__.partition(".")[0] in _MAKERS


def open_frame(rows: Any) -> Table:
    """Return a data frame as a table: its values are texts, as in a file; null, NaN and NaT are no value.

    Raises:
        ConfigError: It is none that can be read, or narwhals is not installed.
        InputError: It has no rows.
    """
    options = ReadOptions(path="the data frame", name="the data frame")
    with needs("dataframe", options.name):
        import narwhals as nw
    kind = f"{type(rows).__module__.partition('.')[0]} {type(rows).__name__}"
    try:
        if kind.startswith("dask ") and hasattr(rows, "npartitions") and hasattr(rows, "columns"):
            return Table(options, PartitionReader(options, rows))
        frame = nw.from_native(rows, pass_through=True)
        if isinstance(frame, nw.LazyFrame):
            message = f"rows is lazy ({kind}) and would be computed more than once; pass the result of its collect()"
            raise ConfigError(message)
        if not isinstance(frame, nw.DataFrame):
            message = f"rows must be an iterable of attendees or mappings, a data frame, or a path, not a {kind}"
            raise ConfigError(message)
        if frame.implementation.is_pyarrow():
            frame = nw.from_native(in_microseconds(frame.to_native()))
        reader = FrameReader(options, frame)
    except nw.exceptions.NarwhalsError as error:
        raise options.fault(brief(error)) from None
    if not len(frame):
        raise options.fault("has no rows")
    return Table(options, reader, rows=len(frame))


class FrameReader(TableReader):
    """How to read a data frame; see `TableReader`. Its rows have no line."""

    notices: list[str]
    reading: dict[str, str]
    columns: tuple[str, ...]

    def __init__(self, options: ReadOptions, frame: Any) -> None:
        import narwhals as nw

        self._options, self._frame = options, frame
        self.notices, self.reading = [], {}
        self._names = [str(name) for name in frame.columns]
        options.check_width(len(self._names))
        kinds = [str(kind) if kind.is_nested() or str(kind) == "Binary" else "" for kind in frame.schema.dtypes()]
        self._faults = column_faults(zip(self._names, kinds, strict=True))
        index = nw.maybe_get_index(frame)
        self._index = [] if index is None else [str(name) for name in index.names if name is not None]
        # In these a cell may hold anything, also a list.
        dtypes = zip(self._names, frame.schema.dtypes(), strict=True)
        self._mixed = [name for name, kind in dtypes if str(kind) in ("Object", "Unknown")]
        self.columns = tuple(dict.fromkeys(name for name in self._names if name.strip()))

    def rows(self, findings: Findings) -> Iterator[tuple[None, Mapping[str, str]]]:
        """Yield the texts of each row by column."""
        for number, name in enumerate(self._index):
            findings.nameless[number] = f"the index {shown(name)} is left out"
            findings.say(findings.nameless[number])
        for name, what in self._faults.items():
            findings.fault(what, None, name)
        usable = [(index, name) for index, name in enumerate(self._names) if name.strip() and name not in self._faults]
        mixed = [one for one in usable if one[1] in self._mixed]
        rows = self._frame.iter_rows(buffer_size=_AT_ONCE)
        while True:
            try:
                values = next(rows, None)
            except (ValueError, OverflowError) as error:  # such as a year that Python's own dates do not have
                what = f"holds a value that cannot be read ({brief(error)}); convert its column to text, or remove it"
                raise self._options.fault(what) from None
            if values is None:
                return
            for index, name in list(mixed):
                if isinstance(text := text_of(values[index]), Flaw):
                    mixed.remove((index, name))  # one is enough
                    findings.fault(text.what, None, name)
            yield None, {name: text for index, name in usable if (text := text_of(values[index]))}


class PartitionReader(FrameReader):
    """How to read a Dask frame: one partition after the other, so that no more than one is in memory.

    Each is computed once, by Dask's own current client where there is one.
    """

    def __init__(self, options: ReadOptions, frame: Any) -> None:
        import narwhals as nw

        super().__init__(options, nw.from_native(frame._meta))
        self._partitions = frame.partitions

    def rows(self, findings: Findings) -> Iterator[tuple[None, Mapping[str, str]]]:
        import narwhals as nw

        for partition in self._partitions:
            self._frame = nw.from_native(partition.compute())
            yield from super().rows(findings)
            self._index = []  # it was told
