"""Helpers for the tests of programs that use this library.

``VirtualTimeLoop`` lets an hour of pacing and back-off pass at once.
"""

from airmeet_async.testing.clock import VirtualTimeLoop, virtual_loop

__all__ = ["VirtualTimeLoop", "virtual_loop"]
