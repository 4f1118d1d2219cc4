"""``airmeet sandbox``: the simulated Airmeet in the foreground."""

from airmeet_async.cli.console import Console, print_data
from airmeet_async.cli.exit_codes import Exit, UsageError


def sandbox(
    *,
    port: int = 8900,
    rate_limit: float | None = None,
    faults: str = "",
    seed: int = 0,
    latency: float = 0.0,
) -> int:
    """Run a simulated Airmeet on this machine until Ctrl-C, and print the environment variables to use it.

    For example:
      airmeet sandbox
      airmeet sandbox --rate-limit 20 --faults "500:2%,drop:1%,expire@500"

    Args:
        port: The port on 127.0.0.1; 0 takes any free port.
        rate_limit: Reply 429 above this many requests per second.
        faults: Faults to simulate, such as "500:2%,drop:1%".
        seed: Seed of the random faults, tokens and links.
        latency: Milliseconds before each reply.
    """
    introduced = False

    def print_line(line: str) -> None:
        nonlocal introduced
        if not introduced:  # once it listens
            Console().say("a simulated Airmeet; paste these lines into another shell, and stop it here with Ctrl-C")
            introduced = True
        print_data(line)

    try:
        from airmeet_async.sandbox.server import run

        run(port=port, out=print_line, rate_limit=rate_limit, faults=faults, seed=seed, latency_ms=latency)
    except ImportError:
        message = "the sandbox needs extra packages: pip install 'airmeet-async[sandbox]'"
        raise UsageError(message) from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError(
            f"port {port} cannot be used ({what}); choose another --port, or 0 for any free port"
        ) from None
    return Exit.OK
