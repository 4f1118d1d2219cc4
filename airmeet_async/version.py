"""The version of the installed distribution, apart from the rest, since ``--version`` and ``--help`` need only this."""

from importlib import metadata

try:
    __version__ = metadata.version("airmeet-async")
except metadata.PackageNotFoundError:  # a bare source tree
    __version__ = "0"
