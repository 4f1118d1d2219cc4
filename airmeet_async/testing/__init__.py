"""Helpers for the tests of programs that use this library.

- ``SandboxTransport`` leads a client to a simulated Airmeet in the same process.
- ``VirtualTimeLoop`` lets an hour of pacing and back-off pass at once.
"""

from airmeet_async.testing.clock import VirtualTimeLoop, virtual_loop
from airmeet_async.testing.sandbox import Arrival, SandboxTransport

__all__ = ["Arrival", "SandboxTransport", "VirtualTimeLoop", "virtual_loop"]
