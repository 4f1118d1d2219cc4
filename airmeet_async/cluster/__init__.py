"""Several processes or hosts as one: a token and a rate in Redis (extra ``redis``), and the shards of a run.

Names are loaded when they are used: shards need no Redis, and Redis needs no Dask.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airmeet_async.bulk.journal.cut import JoinSummary
    from airmeet_async.bulk.options import ShardAnswer
    from airmeet_async.cluster.dask import OnDask
    from airmeet_async.cluster.fleet import Fleet
    from airmeet_async.cluster.shards import run_shard

_HOMES = {
    "Fleet": "airmeet_async.cluster.fleet",
    "JoinSummary": "airmeet_async.bulk.journal.cut",
    "OnDask": "airmeet_async.cluster.dask",
    "ShardAnswer": "airmeet_async.bulk.options",
    "run_shard": "airmeet_async.cluster.shards",
}

__all__ = ["Fleet", "JoinSummary", "OnDask", "ShardAnswer", "run_shard"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
