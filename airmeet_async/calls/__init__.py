"""What can be asked of Airmeet: one plain function per operation, each returning a `Call` that nobody has sent yet."""

from airmeet_async.calls import airmeets, attendees, custom_fields
from airmeet_async.calls.auth import authenticate

__all__ = ["airmeets", "attendees", "authenticate", "custom_fields"]
