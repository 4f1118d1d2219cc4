"""The library's log, on standard error if ``AIRMEET_LOG`` asks for it."""

import logging
import re
from collections.abc import Mapping

from airmeet_async.api.redact import clean, mask_email
from airmeet_async.cli.voice import standard_error
from airmeet_async.errors import ConfigError

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}

_ADDRESS = re.compile(r"[^\s@<>\"'=(,;]+@[^\s@<>\"',;)]+")
_LONGEST = 2000


class Careful(logging.Formatter):
    """Shows no secret at any level, and whole e-mail addresses at DEBUG only.

    Args:
        secrets: Texts that are never shown.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._secrets = tuple(filter(None, secrets))

    def hide(self, *secrets: str) -> None:
        """Show none of these either."""
        self._secrets += secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the line to be shown."""
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if record.levelno > logging.DEBUG:
            text = _ADDRESS.sub(lambda found: mask_email(found.group()), text)
        return clean(text, _LONGEST)


def set_up(environ: Mapping[str, str]) -> None:
    """Set up the log as ``AIRMEET_LOG`` says: ``debug``, ``info``, or not at all.

    Raises:
        ConfigError: It says something else.
    """
    logger = logging.getLogger("airmeet_async")
    wanted = environ.get("AIRMEET_LOG", "").strip().lower()
    if wanted in {"", "off"}:
        logger.addHandler(logging.NullHandler())
        return
    if wanted not in LEVELS:
        raise ConfigError(f"AIRMEET_LOG is {wanted!r:.40}; use debug, info or off")
    handler = logging.StreamHandler(standard_error())
    secrets = (environ.get("AIRMEET_ACCESS_KEY", "").strip(), environ.get("AIRMEET_SECRET_KEY", "").strip())
    handler.setFormatter(Careful(secrets))
    logger.addHandler(handler)
    logger.setLevel(LEVELS[wanted])
    logger.propagate = False


def hide(*secrets: str) -> None:
    """Never show these in the log: keys that are not the environment's."""
    for handler in logging.getLogger("airmeet_async").handlers:
        if isinstance(handler.formatter, Careful):
            handler.formatter.hide(*secrets)
