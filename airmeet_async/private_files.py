"""Advisory locks on open files, where the system has them. A process that ends lets go of its own."""

from contextlib import suppress
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

HAVE_LOCKS = fcntl is not None
"""Whether the system has such locks at all."""


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file unless somebody else has it, and return whether nobody has; also where there are no locks.

    Args:
        descriptor: The file.
        shared: Others may share it.

    Raises:
        OSError: The file system has no locks, as the disk of a network may not.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Let go of a file, also for a process that was forked off and has it open."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
