"""The sandbox over real HTTP on loopback; needs the extra ``sandbox``."""

from .command import environment, main, run
from .server import serve

__all__ = ["environment", "main", "run", "serve"]
