"""Run a command; turn any error into one line on standard error and an exit code."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, TextIO, cast

from cyclopts import (
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from airmeet_async.cli.app import app, load_all
from airmeet_async.cli.console import Console, QuietStream, print_json, set_up
from airmeet_async.cli.event_loop import replaced
from airmeet_async.cli.exit_codes import Exit, UsageError, code_of_error, sentence_of, word_of
from airmeet_async.cli.options import is_file
from airmeet_async.errors import ConfigError, InputError, first_error
from airmeet_async.formatting import many

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from airmeet_async.client.transports.base import Transport


def main(
    arguments: Sequence[str] | None = None,
    *,
    transport: "Transport | None" = None,
    loop_factory: "Callable[[], AbstractEventLoop] | None" = None,
) -> int:
    """Run the command line and return its exit code. Never raises, and shows a traceback only if asked to.

    Args:
        arguments: The words after ``airmeet``; otherwise those of the process.
        transport: What leads to Airmeet, for example a `SandboxTransport`; otherwise the network.
        loop_factory: Makes the event loops, for example `VirtualTimeLoop`.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Greek still shows the rest
    before, out = sys.stdout, QuietStream(sys.stdout, any_error=False)
    sys.stdout = cast("TextIO", out)  # for help, which is printed by a library
    try:
        set_up(os.environ)
        with replaced(transport, loop_factory):
            load_all(arguments)
            launch, bound, _ = app.meta.parse_args(list(arguments), exit_on_error=False, print_error=False)
            code = launch(*bound.args, **bound.kwargs)
            return code if isinstance(code, int) else Exit.OK
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as raised:  # noqa: BLE001 - nothing is above this
        if os.environ.get("AIRMEET_DEBUG") == "1":
            import traceback

            Console().say(*traceback.format_exc().splitlines())
        if isinstance(raised, CycloptsError):
            return _report(UsageError(_explain(raised, arguments)), arguments)
        return _report(first_error(raised), arguments)
    finally:
        out.flush()
        sys.stdout = before


def _explain(error: CycloptsError, arguments: Sequence[str]) -> str:
    """Return what is wrong with the words that were typed, and what was probably meant."""
    message, chain = str(error).strip().rstrip("."), tuple(error.command_chain or ())
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name = error.argument.name
        file = next((word for word in arguments if not word.startswith("-") and is_file(word)), None)
        if name.startswith("-"):
            message = f"{name} needs a value"
        elif name == "FILE" and file is not None:  # a file alone was taken for the event's id before it
            message = f"AIRMEET_ID is missing before {file}; airmeet events lists the ids"
        else:
            message = f"{name} is missing{'; airmeet events lists the ids' if name == 'AIRMEET_ID' else ''}"
    elif isinstance(error, UnusedCliTokensError):
        group, words = app, error.unused_tokens or []
        for name in chain:
            group = group[name]
        close = get_close_matches(words[0], [name for name in group if not name.startswith("-")], 1) if words else []
        meant = f"; did you mean {close[0]}?" if close else ""
        message = f"unexpected {many('argument', len(words))}: {' '.join(words)}{meant}"
    elif isinstance(error, RepeatArgumentError):
        words = [word for word in ("--invite", "--no-invite") if word in arguments]
        message = "choose --invite or --no-invite, not both" if len(words) > 1 else f"{message}; once is enough"
        message = message.removeprefix("Parameter ")
    elif isinstance(error, UnknownOptionError | UnknownCommandError):
        word = next((word for word in arguments if word in message), "")
        if get_close_matches(word.partition("=")[0], ["--profile"], 1, 0.8):  # the parser of one command knows it not
            message = f"unknown option: {word}. Did you mean --profile?"
        message = message.partition(" Available commands:")[0]
    message = f"{message[:1].lower() if message[1:2].islower() else message[:1]}{message[1:]}"
    return f"{message} (see {' '.join(('airmeet', *chain))} --help)"


def _report(error: BaseException, arguments: Sequence[str]) -> int:
    """Say what is wrong, in the ways that were asked for, also where the options themselves are wrong."""
    code, message = code_of_error(error), sentence_of(error)
    lines_are_json = "--progress=json" in arguments or ("--progress", "json") in pairwise(arguments)
    said = message if isinstance(error, KeyboardInterrupt) else f"error: {message}"
    # What is wrong with a file may take several lines; a line end in anything else comes from a stranger.
    lines = said.split("\n") if isinstance(error, InputError) and not lines_are_json else [said]
    Console(as_json=lines_are_json).say(*lines)
    if "--json" in arguments:
        facts: dict[str, object] = {"code": word_of(code), "message": message}
        if isinstance(error, InputError):
            facts |= {"path": error.path, "line": error.line, "column": error.column}
        with suppress(ConfigError):  # what went wrong is on standard error
            print_json({"error": facts, "exit_code": int(code)})
    return code
