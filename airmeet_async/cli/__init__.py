"""The ``airmeet`` command.

General layout:

- `door`: where all errors come out; `mistyped`: what was meant. `app` and the other ``app_`` modules, put together in
  `commands`: the commands, their options (`app_options`) and their help. Each does its work in a module that it
  imports when it runs. `app_setup` has the option that all of them share.
- `exits`, `voice`, `logs`: exit codes, what is said where, the log.
- `settings`: what a command is to use, found by `origins` in the environment and in `profiles`, which `login` keeps and
  `whoami` shows; `regions`: where keys belong. `doctor`, made of `diagnosis`, `doctor_local` and `doctor_network`.
- `completion`: for shells.
- `errand`: the run, made of `shelf` (its journal), `notes` (what that is told and what is said of it), `signals`,
  `control` (other terminals), `outcome` (result files), `progress` and `faces` (how far), `summary` (what happened).
- `register`, `blocking`, `imports`: runs of a file (`source`); `again`: runs that go on from a journal.
- `runs`: which runs there are.
- `reads`, `export`: lists, made of `catalogue` (their columns) by way of `shapes`, `lists` (where rows come from), and
  `sinks` or `export_files` (where they go).
- `reconcile`: made of `differences` (what counts as one) and `ledger` (who is where).
- `asking`: how everything asks that is no run; `event`, `check`, `look`, `demo`: the other commands.
"""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        from airmeet_async.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after anything that could have handled it
        code = _INTERRUPTED
    sys.exit(code)
