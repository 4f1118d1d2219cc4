"""Make a data frame of columns: pandas, or polars and pyarrow through narwhals. They are imported when asked for."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal

from airmeet_async.errors import ConfigError
from airmeet_async.optional_imports import install_command

FrameLibrary = Literal["pandas", "polars", "pyarrow"]
ColumnType = Literal["Int64", "Float64", "String", "Boolean", "Datetime"]

_LIBRARIES: tuple[FrameLibrary, ...] = ("pandas", "polars", "pyarrow")
# narwhals would ask pandas for types that cannot hold an empty cell; these can.
_PANDAS_TYPES = {
    "Int64": "Int64", "Float64": "Float64", "String": "string", "Boolean": "boolean", "Datetime": "datetime64[us, UTC]",
}  # fmt: skip


def make_frame(columns: Mapping[str, tuple[ColumnType, Sequence[Any]]], backend: str | None = None) -> Any:
    """Return a data frame.

    Args:
        columns: By name, the type and the values of each; times are in UTC.
        backend: ``pandas``, ``polars`` or ``pyarrow``; by default the first of them that is installed.

    Raises:
        ConfigError: A package is missing, or *backend* is not known.
    """
    names: tuple[FrameLibrary, ...] = tuple(name for name in _LIBRARIES if backend in {None, name})
    if not names:
        raise ConfigError(f"backend must be one of {', '.join(_LIBRARIES)}, not {backend!r:.40}")
    extra = install_command("dataframe")
    library = next((name for name in names if find_spec(name) is not None), None)
    if library is None:
        raise ConfigError(f"to_frame() needs {backend or 'pandas or polars'}: {extra} {backend or 'pandas'}")
    if library == "pandas":
        import pandas as pd

        return pd.DataFrame({
            name: pd.array(list(values), _PANDAS_TYPES[kind]) for name, (kind, values) in columns.items()
        })  # fmt: skip
    if find_spec("narwhals") is None:
        raise ConfigError(f"to_frame() with {library} also needs the extra `dataframe`: {extra}")
    import narwhals

    schema = {
        name: narwhals.Datetime("us", "UTC") if kind == "Datetime" else getattr(narwhals, kind)()
        for name, (kind, _) in columns.items()
    }
    return narwhals.from_dict(
        {name: list(values) for name, (_, values) in columns.items()}, schema, backend=library
    ).to_native()  # fmt: skip
