"""``python -m airmeet_async.sandbox``."""

from airmeet_async.sandbox.server import main

main()
