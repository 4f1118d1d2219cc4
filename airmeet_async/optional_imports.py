"""The packages that come with an extra: which of them are missing, and what to tell whoever needs them.

A package is imported where it is used, and its absence is reported with the words from here::

    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(needs_extra("reading Parquet", "parquet"), path=path) from None
"""

from importlib.util import find_spec

# What each extra brings, by the names under which it is imported.
EXTRAS = {
    "cli": ("cyclopts", "rich", "platformdirs", "charset_normalizer"),
    "fast": ("httptools", "orjson"),
    "sandbox": ("uvicorn",),
    "excel": ("openpyxl", "python_calamine"),
    "parquet": ("pyarrow",),
    "dataframe": ("narwhals",),
    "report": ("jinja2",),
    "redis": ("redis", "cryptography"),
}


def missing_packages(extra: str) -> list[str]:
    """Return the packages of *extra* that are not installed. None of them is imported."""
    return [package for package in EXTRAS[extra] if find_spec(package) is None]


def needs_extra(what: str, extra: str) -> str:
    """Return the message for somebody who wants *what*, such as ``reading Parquet``, without the extra for it."""
    return f"{what} needs the extra `{extra}`: {install_command(extra)}"


def install_command(extra: str) -> str:
    """Return what is typed to get *extra*."""
    return f"pip install 'airmeet-async[{extra}]'"
