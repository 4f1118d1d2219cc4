"""Benchmarks: ``python -m benchmarks``. They print and fail on nothing.

``BENCH_CHECKOUT=/another/checkout`` measures the package of that checkout with the benchmarks of this one.
"""

import os
import sys

if _checkout := os.environ.get("BENCH_CHECKOUT"):
    sys.path.insert(0, _checkout)
    import airmeet_async

    sys.path.remove(_checkout)
    if not os.path.realpath(airmeet_async.__file__).startswith(os.path.realpath(_checkout)):  # noqa: PTH
        raise ImportError(f"there is no airmeet_async in {_checkout}")
