"""A pretend Airmeet, to develop, test and demonstrate against without an account.

General layout, from the inside out:

- `switches`, `state`, `community`: what is chosen, what is remembered, what is there at the start.
- `roster`, `traces`: the people of an event, and what they leave behind when it is over.
- `fields`, `forms`, `payload`, `asked`: what comes in. `replies`, `paging`, `prepared`: what goes out.
- `handlers`, `router`: the operations, and the table that says which verb and path does what.
- `shapes`, `payloads`, `openapi`: the same table as a document that the sandbox is fuzzed against.
- `world`: the pure whole, `World.handle(request, now) -> Reply`.
- `faultspec`, `bucket`, `faults`: what goes wrong, decided purely; `desk` puts it before the world.
- `app`, `serve`: the effects: HTTP on loopback, signals, the command line. They need the extra
  ``sandbox`` and are not imported here.
- `people`, `invent`: invented people to register.

It shares nothing with the client but `Request` and `Reply`: a mistake made twice would hide.
"""

from .bucket import Bucket
from .desk import Desk, Outcome
from .faults import Action, Ending, Faults
from .invent import Staged, invent_people, staged
from .state import Event, KeyPair, Person
from .switches import Switches
from .world import Statistics, World

__all__ = [
    "Action",
    "Bucket",
    "Desk",
    "Ending",
    "Event",
    "Faults",
    "KeyPair",
    "Outcome",
    "Person",
    "Staged",
    "Statistics",
    "Switches",
    "World",
    "invent_people",
    "staged",
]
