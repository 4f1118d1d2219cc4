"""What people type instead of what they mean: the answer shows how to write it."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from airmeet_async.api.addresses import check_id
from airmeet_async.cli.exits import UsageError
from airmeet_async.errors import ConfigError


def event_id(word: str, *files: str) -> str:
    """Return *word* where it can be an event's id.

    Args:
        word: What stands in the place of the id.
        files: What stands in the places of the files after it.

    Raises:
        UsageError: It is the file.
        ConfigError: It is no id.
    """
    try:
        return check_id(word, "AIRMEET_ID")
    except ConfigError:
        if files and _is_file(word) and _is_id(files[0]):
            raise UsageError(f"the event's id comes first, then the file: write {files[0]} {word}") from None
        raise


def missing(name: str, arguments: Sequence[str]) -> str:
    """Say that an argument is missing: where only a file was given, it is the event's id before it."""
    file = next((word for word in arguments if not word.startswith("-") and _is_file(word)), None)
    if name == "FILE" and file is not None:
        return f"AIRMEET_ID is missing before {file}: airmeet events lists the ids"
    return f"{name} is missing{': airmeet events lists the ids' if name == 'AIRMEET_ID' else ''}"


def stray(words: Sequence[str], commands: Iterable[str]) -> str:
    """Say that there are words too many: the first may be a command with a slip in it."""
    close = get_close_matches(words[0], list(commands), 1) if words else []
    return f"too many words: {' '.join(words)}{f'; did you mean {close[0]}?' if close else ''}"


def unknown(said: str, word: str) -> str:
    """Say that there is no such option or command, and what was meant; *said* knows nothing of the shared option."""
    if get_close_matches(word.partition("=")[0], ["--profile"], 1, 0.8):
        return f"unknown option: {word}. Did you mean --profile?"
    return said.partition(" Available commands:")[0]


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):
        return False


def _is_id(word: str) -> bool:
    try:
        return bool(check_id(word, ""))
    except ConfigError:
        return False
