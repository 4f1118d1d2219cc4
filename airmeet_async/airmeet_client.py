"""`AirmeetClient`: single calls and bulk runs in one object."""

from collections.abc import Mapping

from airmeet_async.bulk.bulk import Bulk
from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.client.client import Client, SharedParts


class AirmeetClient(Client):
    """An asynchronous client of Airmeet's public API, with the bulk operations.

    See `airmeet_async.client.client.Client` for the arguments::

        async with AirmeetClient(region="eu") as client:
            access = await client.attendees.add(event_id, Attendee("ada@example.com", "Ada", "King"))
            report = await client.bulk.add_attendees(event_id, "people.csv", send_email_invite=False)
    """

    def _find_fleet(self, environ: Mapping[str, str], rate: AskedRate) -> tuple[SharedParts | None, AskedRate]:
        if not environ.get("AIRMEET_REDIS", "").strip():
            return None, rate
        from airmeet_async.cluster.fleet import Fleet  # needs packages of an extra

        if isinstance(rate, (int, float)):
            return Fleet.from_env(rate=rate, environ=environ), None
        if rate is not None:  # each process finds the server's limit by itself
            return Fleet(environ["AIRMEET_REDIS"]), rate
        return Fleet.from_env(environ=environ), None

    @property
    def bulk(self) -> Bulk:
        """Bulk runs: many rows, one result each."""
        return Bulk(self)
