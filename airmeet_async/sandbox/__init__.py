"""A simulated Airmeet, to develop, test and demonstrate against without an account.

From the inside out, each file importing only those above it:

- `switches`: how to behave where Airmeet's behaviour is unknown. `responses`: answers, refusals and pages.
- `fake_people`: fictional people, in many scripts.
- `community`: the events, people and keys that are there at the start, and all that requests can change.
- `webhook_payloads`: what each webhook sends. `forms`: what a body or a query may hold.
- `request`: what a handler gets, and tokens. `handlers`, `routes`: the operations, and which verb and path leads to
  which.
- `fake_airmeet`: the pure whole, `World.handle(request, now) -> Reply`.
- `faults`: what goes wrong on purpose between a sender and a world.
- `server`: the effects: HTTP on loopback and signals. It needs the extra ``sandbox`` and is not imported here.

It shares nothing with the client but `Request` and `Reply`: a mistake made twice would hide.
"""

from airmeet_async.sandbox.community import Event, KeyPair, Person
from airmeet_async.sandbox.fake_airmeet import Statistics, World
from airmeet_async.sandbox.fake_people import Staged, invent_people, staged
from airmeet_async.sandbox.faults import Bucket, Ending, FaultOutcome, Faults
from airmeet_async.sandbox.switches import SwitchDescription, Switches, describe_switches, parse_switches

__all__ = [
    "Bucket",
    "Ending",
    "Event",
    "FaultOutcome",
    "Faults",
    "KeyPair",
    "Person",
    "Staged",
    "Statistics",
    "SwitchDescription",
    "Switches",
    "World",
    "describe_switches",
    "invent_people",
    "parse_switches",
    "staged",
]  # fmt: skip
