"""`AirmeetClient`: single calls and bulk runs in one object."""

from airmeet_async.bulk.bulk import Bulk
from airmeet_async.client.client import Client


class AirmeetClient(Client):
    """An asynchronous client of Airmeet's public API, with the bulk engine.

    See `airmeet_async.client.client.Client` for the arguments.
    """

    @property
    def bulk(self) -> Bulk:
        """Bulk runs: many rows, one result each."""
        return Bulk(self)
