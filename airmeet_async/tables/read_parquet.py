"""Parquet files, a few hundred rows at a time: their row groups are never in memory whole.

A dictionary holds a text once that a million rows share, and a small file may unfold to gigabytes. So dictionaries
are kept as such until the texts of a batch are known to be few.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airmeet_async.errors import InputError
from airmeet_async.tables.cells import CELL_LIMIT, Findings, ReadOptions, TableReader, brief, needs, text_of

_AT_ONCE = 500
_READ_AT_ONCE = 16 * 1024  # the dictionaries of a row group are measured once for each batch that is read
_BUFFER = 64 * 1024
_RATIO_LIMIT = 1000
_SMALL = 16 * 1024**2
_BATCH_LIMIT = 16 * 1024**2  # bytes of texts
_DIFFERING = frozenset(("DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"))
_SAVE = "write it again, or save it as CSV UTF-8"


class ParquetReader(TableReader):
    """How to read a Parquet file; see `TableReader`. A row's line is its number from 1; null and NaN are no value.

    Raises:
        InputError: It is damaged or encrypted.
        ConfigError: The package that reads it is not installed.
    """

    notices: list[str]
    reading: dict[str, str]
    columns: tuple[str, ...]

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self.notices = ["line numbers are rows of the file, from 1"]
        self.reading = {}
        with self._opened() as file:
            schema, metadata = file.schema_arrow, file.metadata
        options.check_width(len(schema))
        self.columns = tuple(dict.fromkeys(name for name in schema.names if name.strip()))
        self._faults = column_faults((field.name, "" if _is_plain(field.type) else str(field.type)) for field in schema)
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
        for chunk in chunks:
            whole, packed = chunk.total_uncompressed_size, chunk.total_compressed_size
            if whole > max(_SMALL, packed * _RATIO_LIMIT):
                what = f"unpacks to {whole:,} bytes, {whole // max(1, packed):,} times its size; {_SAVE}"
                raise options.fault(what, None, chunk.path_in_schema)
        # A text may be written as its difference to the last one: pyarrow keeps no dictionary of such, so only few rows
        # are unfolded at once.
        differing = {chunk.path_in_schema for chunk in chunks if not _DIFFERING.isdisjoint(chunk.encodings)}
        self._at_once = 8 if differing else _READ_AT_ONCE
        self._usable = [name for name in self.columns if name not in self._faults]
        texts = {field.name for field in schema if _is_text(field.type)}
        self._dictionaries = [name for name in self._usable if name in texts - differing]

    def rows(self, findings: Findings) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield each row's number and its texts by column."""
        for name, what in self._faults.items():
            findings.fault(what, None, name)
        number = 0
        unreadable: set[str] = set()
        with self._opened(read_dictionary=self._dictionaries) as file:
            for batch in file.iter_batches(self._at_once, columns=self._usable, use_threads=False):
                for values in self._unfolded(batch, number, findings, unreadable):
                    number += 1
                    row = {name: text for name, value in values.items() if (text := text_of(value))}
                    yield number, row

    def _unfolded(
        self, batch: Any, before: int, findings: Findings, unreadable: set[str]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a batch, never more at once than have `_BATCH_LIMIT` bytes of texts."""
        import pyarrow as pa
        import pyarrow.compute as pc

        folded = [index for index, column in enumerate(batch.columns) if pa.types.is_dictionary(column.type)]
        longest = 0  # bytes of texts in one row
        for index in folded:
            texts = batch.column(index).dictionary
            size = pc.max(pc.binary_length(texts)).as_py() or 0 if _is_text(texts.type) else 0
            longest += size
            if size > _BATCH_LIMIT:
                what = f"holds a text of {size:,} bytes; at most {CELL_LIMIT:,} characters are read"
                raise self._options.fault(what, before + 1, batch.schema.names[index])
        at_once = min(_AT_ONCE, max(1, _BATCH_LIMIT // max(1, longest)))
        for start in range(0, len(batch), at_once):
            part = in_microseconds(batch.slice(start, at_once))
            for index in folded:
                part = part.set_column(index, part.schema.names[index], part.column(index).dictionary_decode())
            columns: dict[str, list[Any]] = {}
            for name, column in zip(part.schema.names, part.columns, strict=True):
                try:
                    columns[name] = column.to_pylist()
                except (
                    pa.ArrowException,
                    ValueError,
                    LookupError,
                    OverflowError,
                ) as error:  # a year or a zone that Python has not
                    columns[name] = [None] * len(part)
                    if name not in unreadable:
                        unreadable.add(name)
                        what = f"holds a value that cannot be read ({brief(error)}); convert it to text, or remove it"
                        findings.fault(what, None, name)
            for n in range(len(part)):
                yield {name: values[n] for name, values in columns.items()}

    @contextmanager
    def _opened(self, **more: Any) -> Iterator[Any]:
        with needs("parquet", self._options.name):
            import pyarrow as pa
            import pyarrow.parquet as pq
        try:
            with pq.ParquetFile(self._options.open(), buffer_size=_BUFFER, pre_buffer=False, **more) as file:
                yield file
        except InputError:
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # also texts that are not UTF-8
            what = "encrypted" if "crypt" in str(error) else f"damaged ({brief(error)})"
            raise self._options.fault(f"is {what}; {_SAVE}") from None


def column_faults(columns: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what is wrong with columns, each given by its name and, if it holds no plain values, its type."""
    faults: dict[str, str] = {}
    seen: set[str] = set()
    for name, kind in columns:
        if name in seen:
            faults[name] = "is the name of two columns; rename one"
        elif kind:
            faults[name] = (
                f"holds {kind}, which is not a text, number, boolean or time; convert it to text or remove it"
            )
        seen.add(name)
    return faults


def _is_text(kind: Any) -> bool:
    return str(kind) in ("string", "large_string")


def _is_plain(kind: Any) -> bool:
    import pyarrow.types as kinds

    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    return not kinds.is_nested(kind) and "binary" not in str(kind)


def in_microseconds(data: Any) -> Any:
    """Return a table or a batch of pyarrow without nanoseconds, which Python's own times do not have."""
    import pyarrow as pa

    schema = data.schema
    for index, field in enumerate(schema):
        kind = field.type
        if getattr(kind, "unit", "") == "ns":
            zoned = pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else pa.time64("us")
            schema = schema.set(index, field.with_type(pa.duration("us") if pa.types.is_duration(kind) else zoned))
    return data if schema is data.schema else data.cast(schema, safe=False)
