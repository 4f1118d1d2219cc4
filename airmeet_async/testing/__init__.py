"""Helpers for the tests of programs that use this library; docs/testing.md shows them at work.

- ``Sandbox`` is a simulated Airmeet for one test, in the same process or on a port.
- ``VirtualTimeLoop`` lets an hour of pacing and back-off pass at once.
- ``SandboxTransport`` leads a client to a `World` that you have made yourself.

With pytest, the fixtures ``airmeet_sandbox``, ``airmeet_client``, ``airmeet_server`` and ``airmeet_virtual_time`` are
there without an import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airmeet_async.testing.clock import VirtualTimeLoop as VirtualTimeLoop
    from airmeet_async.testing.clock import virtual_loop as virtual_loop
    from airmeet_async.testing.sandbox import Sandbox as Sandbox
    from airmeet_async.testing.sandbox_transport import Arrival as Arrival
    from airmeet_async.testing.sandbox_transport import SandboxTransport as SandboxTransport

# Loaded when asked for: pytest imports this package in every run, also of people who test something else.
_HOME_OF = {
    "Arrival": "sandbox_transport",
    "Sandbox": "sandbox",
    "SandboxTransport": "sandbox_transport",
    "VirtualTimeLoop": "clock",
    "virtual_loop": "clock",
}

__all__ = ["Arrival", "Sandbox", "SandboxTransport", "VirtualTimeLoop", "virtual_loop"]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
