"""Parquet files, a few hundred rows at a time: their row groups are never in memory whole.

A dictionary holds a text once that a million rows share, and a small file may unfold to gigabytes. So dictionaries
are kept as such until the texts of a batch are known to be few.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airmeet_async.errors import ConfigError, InputError
from airmeet_async.tables.cells import CELL_LIMIT, COLUMN_LIMIT, Findings, ReadOptions, text_of

_AT_ONCE = 500
_BUFFER = 64 * 1024
_RATIO_LIMIT = 1000
_SMALL = 16 * 1024**2
_BATCH_LIMIT = 16 * 1024**2  # bytes of texts
_SAVE = "write it anew, or save it as CSV UTF-8"


class ParquetReader:
    """How to read a Parquet file; see `TableReader`. A row's line is its number from 1; null and NaN are no value.

    Raises:
        InputError: It is damaged or encrypted.
        ConfigError: The package that reads it is not installed.
    """

    notices = ("a line is a row of the file, counted from 1",)
    reading: Mapping[str, str] = {}

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        with self._opened() as file:
            schema = file.schema_arrow
            names = [str(name) for name in schema.names]
            if len(names) > COLUMN_LIMIT:
                what = f"has {len(names):,} columns; at most {COLUMN_LIMIT:,} are read, so take the others away"
                raise options.fault(what)
            self._twice = {name for name in names if names.count(name) > 1}
            self.columns = tuple(dict.fromkeys(name for name in names if name.strip()))
            self._unread = {str(field.name): str(field.type) for field in schema if not _is_plain(field.type)}
            usable = {name for name in self.columns if name not in self._unread and name not in self._twice}
            self._usable = [name for name in names if name in usable]
            self._check_sizes(file.metadata)
            # A text may be written as its difference to the last one: pyarrow keeps no dictionary of such, so only few
            # rows are unfolded at once.
            differing = {column.path_in_schema for column in _chunks(file.metadata)
                         if "DELTA_BYTE_ARRAY" in column.encodings}  # fmt: skip
            self._at_once = 8 if differing else _AT_ONCE
            texts = [field.name for field in schema if _is_text(field.type)]
            self._dictionaries = [name for name in texts if name in usable and name not in differing]

    def rows(self, findings: Findings) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield each row's number and its texts by column."""
        for name in self._twice:
            findings.fault("is the name of two columns; rename one of them", None, name)
        for name, kind in self._unread.items():
            what = f"holds {kind}, which is no text, number, truth value or time; take the column away"
            findings.fault(f"{what}, or turn it into texts", None, name)
        number = 0
        with self._opened(read_dictionary=self._dictionaries) as file:
            for batch in file.iter_batches(self._at_once, columns=self._usable, use_threads=False):
                for part in self._parts(batch, number):
                    for values in part.to_pylist():
                        number += 1
                        row = {name: text for name, value in values.items() if (text := text_of(value))}
                        for name in [name for name, text in row.items() if len(text) > CELL_LIMIT]:
                            findings.fault(f"is longer than {CELL_LIMIT:,} characters; shorten it", number, name)
                            del row[name]
                        yield number, row

    def _parts(self, batch: Any, before: int) -> Iterator[Any]:
        """Cut a batch so that no part can unfold to more than `_BATCH_LIMIT` bytes of texts."""
        import pyarrow as pa
        import pyarrow.compute as pc

        longest = 0  # bytes of texts in one row
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type) and len(column.dictionary):
                size = pc.max(pc.binary_length(column.dictionary)).as_py() or 0
                longest += size
                if size > _BATCH_LIMIT:
                    what = f"holds a text of {size:,} bytes; at most {CELL_LIMIT:,} characters are read"
                    raise self._options.fault(what, before + 1, name)
        at_once = _BATCH_LIMIT // max(1, longest)
        for start in range(0, len(batch), max(1, at_once)):
            part = in_microseconds(batch.slice(start, max(1, at_once)))
            for index, column in enumerate(part.columns):
                if pa.types.is_dictionary(column.type):
                    part = part.set_column(index, part.schema.names[index], column.dictionary_decode())
            yield part

    def _check_sizes(self, metadata: Any) -> None:
        """Refuse columns that unpack to far more than they are."""
        for column in _chunks(metadata):
            whole, packed = column.total_uncompressed_size, column.total_compressed_size
            if whole > max(_SMALL, packed * _RATIO_LIMIT):
                what = f"unpacks to {whole:,} bytes, {whole // max(1, packed):,} times its size; {_SAVE}"
                raise self._options.fault(what, None, column.path_in_schema)

    @contextmanager
    def _opened(self, **more: Any) -> Iterator[Any]:
        name = self._options.name
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            message = f"{name}: reading Parquet needs pyarrow; pip install 'airmeet-async[parquet]'"
            raise ConfigError(message) from None
        try:
            with pq.ParquetFile(self._options.path, buffer_size=_BUFFER, pre_buffer=False, **more) as file:
                yield file
        except InputError:
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # also texts that are not UTF-8
            said = " ".join(str(error).split())
            if "crypt" in said:
                raise self._options.fault(f"is encrypted; {_SAVE}") from None
            raise self._options.fault(f"is damaged ({said[:80]}); {_SAVE}") from None


def _chunks(metadata: Any) -> Iterator[Any]:
    for group in (metadata.row_group(index) for index in range(metadata.num_row_groups)):
        yield from (group.column(index) for index in range(group.num_columns))


def _is_text(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_string(kind) or kinds.is_large_string(kind))


def _is_plain(kind: Any) -> bool:
    import pyarrow.types as kinds

    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    return not (kinds.is_nested(kind) or kinds.is_binary(kind) or kinds.is_large_binary(kind)
                or kinds.is_fixed_size_binary(kind))  # fmt: skip


def in_microseconds(data: Any) -> Any:
    """Return a table or a batch of pyarrow without nanoseconds, which Python's own times do not have."""
    import pyarrow as pa

    def coarser(kind: Any) -> Any:
        if pa.types.is_timestamp(kind):
            return pa.timestamp("us", kind.tz)
        return pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")

    schema = data.schema
    finer = [index for index, field in enumerate(schema) if getattr(field.type, "unit", "") == "ns"]
    for index in finer:
        schema = schema.set(index, pa.field(schema.field(index).name, coarser(schema.field(index).type)))
    return data.cast(schema, safe=False) if finer else data
