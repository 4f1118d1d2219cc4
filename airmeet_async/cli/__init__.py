"""The ``airmeet`` command.

General layout:

- `door`: where all errors come out; `app`: the commands, their options and their help. Each does its work in a
  module that it imports when it runs.
- `exits`, `voice`, `settings`, `logs`: exit codes, what is said where, the environment, the log.
- `register`: the run, made of `source` (the file), `signals`, `outcome` (result files), `progress` and
  `faces` (how far), `summary` (what happened).
- `check`, `look`, `demo`: the other commands.
"""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        from airmeet_async.cli.door import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after anything that could have handled it
        code = _INTERRUPTED
    sys.exit(code)
