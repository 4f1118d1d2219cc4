"""What the checks of ``airmeet doctor`` are given, and what they find."""

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from airmeet_async.api.addresses import parse_base
from airmeet_async.cli.exits import Exit
from airmeet_async.cli.settings import Settings
from airmeet_async.client.stores import MemoryTokenStore
from airmeet_async.front import AirmeetClient


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


def _without_home(text: str) -> str:
    """Return a sentence with ``~`` for the user's home, also where it is that of an error."""
    try:
        return text.replace(f"{Path.home()}{os.sep}", f"~{os.sep}")
    except RuntimeError:
        return text


@frozen
class Finding:
    """What one check found.

    Attributes:
        name: Of the check, one or two words.
        level: How bad it is.
        text: What is the case.
        fix: What to do about it.
        code: What the command ends with, where it is a failure.
        facts: The same for programs.
    """

    name: str
    level: Level
    text: str = field(converter=_without_home)
    fix: str = field(default="", converter=_without_home)
    code: Exit = Exit.USAGE
    facts: Mapping[str, Any] = field(factory=dict)


def good(name: str, text: str, **facts: Any) -> Finding:
    """Return a finding that all is well."""
    return Finding(name, Level.OK, text, facts=facts)


def _fresh_client(settings: Settings, base: str) -> AirmeetClient:
    from attrs import evolve

    return evolve(settings, base=parse_base(base), store=MemoryTokenStore()).client()  # a kept token proves nothing


@define
class Bench:
    """Where the checks work.

    Attributes:
        environ: The environment.
        typed: The profile that was typed, or None.
        clients: Makes a client without a token for an address.
        settings: What a command would use; None until the local checks have found that it can be used.
    """

    environ: Mapping[str, str] = field(repr=False)
    typed: str | None = None
    clients: Callable[[Settings, str], AirmeetClient] = _fresh_client
    settings: Settings | None = None
