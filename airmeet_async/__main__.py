"""``python -m airmeet_async``, and the command ``airmeet``."""

import sys


def main() -> int:
    """Run the command line. Ctrl-C ends it quietly also while its modules are still being imported."""
    try:
        from airmeet_async.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
