"""The packages that come with an extra: which of them are missing, and what to tell whoever needs them.

A package is imported where it is used, and its absence is reported with the words from here::

    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(needs_extra("reading Parquet", "parquet"), path=path) from None
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

# What each extra brings, by the names under which it is imported.
EXTRAS: dict[str, tuple[str, ...]] = {
    "cli": ("cyclopts", "rich", "platformdirs", "charset_normalizer"),
    "fast": ("httptools", "orjson"),
    "sandbox": ("uvicorn",),
    "excel": ("openpyxl", "python_calamine"),
    "parquet": ("pyarrow",),
    "dataframe": ("narwhals",),
    "report": ("jinja2",),
    "otel": ("opentelemetry",),
    "redis": ("redis", "cryptography"),
    "dask": ("distributed",),
}


def missing_packages(extra: str) -> list[str]:
    """Return the packages of *extra* that are not installed. None of them is imported."""
    return [package for package in EXTRAS[extra] if find_spec(package) is None]


def needs_extra(what: str, extra: str) -> str:
    """Return the message for somebody who wants *what*, such as ``reading Parquet``, without the extra for it."""
    return f"{what} needs the extra `{extra}`: {install_command(extra)}"


def install_command(extra: str) -> str:
    """Return what is typed to get *extra* for this installation: from a folder, an address, or an index."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        origin = json.loads(distribution("airmeet-async").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
    return _command(extra, origin)


def _command(extra: str, origin: Mapping[str, Any]) -> str:
    """Return the command for an *origin* as PEP 610 records it; an installation from an index has none."""
    url = re.sub("//[^/@]*@", "//", str(origin.get("url", "")))  # no password of an index or a repository
    folder, vcs = origin.get("dir_info"), origin.get("vcs_info")
    if folder is not None and url.startswith("file:"):
        from urllib.parse import urlsplit
        from urllib.request import url2pathname  # imported here since it takes long

        path = url2pathname(urlsplit(url).path)
        return f"pip install {'-e ' if folder.get('editable') else ''}'{path}[{extra}]'"
    if url and vcs is not None:
        url = f"{vcs['vcs']}+{url}@{vcs.get('requested_revision') or vcs.get('commit_id', '')}".rstrip("@")
    return f"pip install 'airmeet-async[{extra}]{f' @ {url}' if url else ''}'"
