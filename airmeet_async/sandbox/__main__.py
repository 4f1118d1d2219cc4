"""``python -m airmeet_async.sandbox``."""

from .serve import main

main()
