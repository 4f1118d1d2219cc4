"""The installed version, looked up when somebody asks."""

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """Return the version of the installed distribution, or ``0`` for a bare source tree."""
    try:
        return metadata.version("airmeet-async")
    except metadata.PackageNotFoundError:
        return "0"
