"""``python -m airmeet_async``: the same as ``airmeet``."""

from airmeet_async.cli import main

main()
