"""One pass over a Parquet file, a few hundred rows at a time: its row groups are never in memory whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airmeet_async.bulk.table_cells import CELL_LIMIT, COLUMN_LIMIT, fault, shown
from airmeet_async.bulk.table_values import text_of
from airmeet_async.errors import ConfigError, InputError

_AT_ONCE = 500
_BUFFER = 64 * 1024
_RATIO_LIMIT = 1000
_SMALL = 16 * 1024**2
_SAVE = "write it anew, or save it as CSV UTF-8"


class ParquetRows:
    """The rows of a Parquet file, read once. A row's line is its number from 1; null and NaN are no value.

    Args:
        path: The file.

    Raises:
        InputError: It is damaged or encrypted, or has a column that is not of texts, numbers, truth values or times.
        ConfigError: The package that reads it is not installed.
    """

    notices = ("a line is a row of the file, counted from 1",)

    def __init__(self, path: str) -> None:
        self._path = path
        with self._opened() as file:
            self.header = self._columns(file)

    def __iter__(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield each row's number and its texts by column."""
        number = 0
        with self._opened() as file:
            for batch in file.iter_batches(_AT_ONCE, use_threads=False):
                for values in in_microseconds(batch).to_pylist():
                    number += 1
                    yield number, self._texts(number, values)

    def _texts(self, number: int, values: Mapping[str, Any]) -> dict[str, str]:
        texts = {name: text for name, value in values.items() if (text := text_of(value))}
        for name, text in texts.items():
            if len(text) > CELL_LIMIT:
                raise fault(f"is longer than {CELL_LIMIT:,} characters; shorten it", path=self._path, line=number,
                            column=name)  # fmt: skip
        return texts

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            message = f"{self._path}: reading Parquet needs pyarrow; pip install 'airmeet-async[parquet]'"
            raise ConfigError(message) from None
        try:
            with pq.ParquetFile(self._path, buffer_size=_BUFFER, pre_buffer=False) as file:
                yield file
        except InputError:
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # also texts that are not UTF-8
            said = " ".join(str(error).split())
            if "crypt" in said:
                raise fault(f"is encrypted; {_SAVE}", path=self._path) from None
            raise fault(f"is damaged ({said[:80]}); {_SAVE}", path=self._path) from None

    def _columns(self, file: Any) -> tuple[str, ...]:
        import pyarrow.types as kinds

        names = [str(field.name) for field in file.schema_arrow]
        if len(names) > COLUMN_LIMIT:
            what = f"has {len(names):,} columns; at most {COLUMN_LIMIT:,} are read, so take the others away"
            raise fault(what, path=self._path)
        for field in file.schema_arrow:
            if not field.name.strip() or names.count(field.name) > 1:
                raise fault(f"has a column without a name, or two named {shown(field.name)}; rename it",
                            path=self._path, column=field.name)  # fmt: skip
            kind = field.type.value_type if kinds.is_dictionary(field.type) else field.type
            if kinds.is_nested(kind) or kinds.is_binary(kind) or kinds.is_large_binary(kind):
                what = f"holds {field.type}, which is no text, number, truth value or time; take the column away"
                raise fault(f"{what}, or turn it into texts", path=self._path, column=field.name)
        self._check_sizes(file.metadata)
        return tuple(names)

    def _check_sizes(self, metadata: Any) -> None:
        """Refuse columns that unpack to far more than they are."""
        for group in (metadata.row_group(index) for index in range(metadata.num_row_groups)):
            for column in (group.column(index) for index in range(group.num_columns)):
                whole, packed = column.total_uncompressed_size, column.total_compressed_size
                if whole > max(_SMALL, packed * _RATIO_LIMIT):
                    what = f"unpacks to {whole:,} bytes, {whole // max(1, packed):,} times its size; {_SAVE}"
                    raise fault(what, path=self._path, column=column.path_in_schema)


def in_microseconds(data: Any) -> Any:
    """Return a table or a batch of pyarrow without nanoseconds, which Python's own times do not have."""
    import pyarrow as pa

    finer = {
        index: _coarser(field.type) for index, field in enumerate(data.schema)
        if getattr(field.type, "unit", "") == "ns"
    }  # fmt: skip
    schema = data.schema
    for index, kind in finer.items():
        schema = schema.set(index, pa.field(schema.field(index).name, kind))
    return data.cast(schema, safe=False) if finer else data


def _coarser(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")
