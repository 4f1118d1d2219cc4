"""``airmeet sandbox``: the pretend Airmeet in the foreground."""

from airmeet_async.cli.console import Voice, print_data
from airmeet_async.cli.exit_codes import UsageError

MISSING = "this needs the extra packages of the sandbox: pip install 'airmeet-async[sandbox]'"


def sandbox(*, port: int, rate_limit: float | None, faults: str, seed: int, latency_ms: float) -> int:
    """Serve until Ctrl-C.

    Raises:
        UsageError: An option cannot be used, the port is taken, or the packages are not installed.
    """
    try:
        from airmeet_async.sandbox.server import run
    except ImportError:
        raise UsageError(MISSING) from None
    options = {"rate_limit": rate_limit, "faults": faults, "seed": seed, "latency_ms": latency_ms}
    try:
        run(port=port, out=_Out(), **options)  # type: ignore[arg-type]  # a mixed dictionary
    except ValueError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError(f"port {port} cannot be used ({what}); choose another --port, or 0 for any free one") from None
    return 0


class _Out:
    """Prints the lines of a sandbox, and before the first one what they are for."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self, line: str) -> None:
        if not self._said:
            Voice().say("a pretend Airmeet; paste these lines into another shell, and end it here with Ctrl-C")
            self._said = True
        print_data(line)
