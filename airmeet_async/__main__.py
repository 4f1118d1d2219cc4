"""``python -m airmeet_async``, and the command ``airmeet``."""

import sys

from airmeet_async.optional_imports import missing_packages, needs_extra


def main() -> int:
    """Run the command line. Ctrl-C ends it quietly also while its modules are still being imported."""
    try:
        from airmeet_async.cli.main import main as run

        return run()
    except ImportError:
        if not missing_packages("cli"):
            raise
        sys.stderr.write(f"error: {needs_extra('the command airmeet', 'cli')}\n")  # it is installed without them, too
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
