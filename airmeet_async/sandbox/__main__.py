"""``python -m airmeet_async.sandbox``."""

from .server import main

main()
