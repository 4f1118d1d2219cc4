"""Several processes or hosts as one: a token and a rate that they share in Redis (extra ``redis``)."""

from airmeet_async.cluster.fleet import Fleet

__all__ = ["Fleet"]
