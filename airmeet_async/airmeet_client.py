"""`AirmeetClient`: single calls and bulk runs in one object."""

from airmeet_async.bulk.bulk import Bulk
from airmeet_async.client.client import Client


class AirmeetClient(Client):
    """An asynchronous client of Airmeet's public API, with the bulk operations.

    See `airmeet_async.client.client.Client` for the arguments::

        async with AirmeetClient(region="eu") as client:
            access = await client.attendees.add(event_id, Attendee("ada@example.com", "Ada", "King"))
            report = await client.bulk.add_attendees(event_id, "people.csv", send_email_invite=False)
    """

    @property
    def bulk(self) -> Bulk:
        """Bulk runs: many rows, one result each."""
        return Bulk(self)
