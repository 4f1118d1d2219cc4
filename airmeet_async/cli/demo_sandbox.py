"""The sandbox of a demonstration: a process of its own, which ends with this one."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import IO, Any
from urllib.parse import urlsplit

from attrs import field, frozen

from airmeet_async.cli.exits import UsageError
from airmeet_async.cli.sandbox import MISSING

_SECONDS = 10.0


@frozen
class Sandbox:
    """A sandbox that is running.

    Attributes:
        environ: The environment that leads to it.
    """

    environ: dict[str, str] = field(repr=False)

    def statistics(self) -> dict[str, Any]:
        """Return what happened there."""
        found: dict[str, Any] = self._get("statistics")
        return found

    def people(self, airmeet_id: str) -> list[dict[str, Any]]:
        """Return those who were added to an event."""
        found: list[dict[str, Any]] = self._get(f"people/{airmeet_id}")["people"]
        return found

    def _get(self, what: str) -> Any:
        connection = HTTPConnection(urlsplit(self.environ["AIRMEET_URI"]).netloc, timeout=_SECONDS)
        try:
            connection.request("GET", f"/_sandbox/{what}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def running(*, seed: int, faults: str, latency_ms: float) -> Iterator[Sandbox]:
    """Run a sandbox in its own session, so that Ctrl-C reaches us only and requests under way can end."""
    command = [sys.executable, "-m", "airmeet_async.sandbox", "--port", "0", "--until-stdin-closes"]
    command += ["--seed", str(seed), "--faults", faults, "--latency", str(latency_ms)]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", start_new_session=True
    ) as process:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            environ = _read_environment(process.stdout)
            if "AIRMEET_URI" not in environ:
                process.stdin.close()
                raise UsageError(_why_not(process))
            yield Sandbox({**environ, "AIRMEET_TOKEN_CACHE": "off"})
        finally:
            process.stdin.close()
            _wait(process)


def _read_environment(lines: IO[str]) -> dict[str, str]:
    """Read the ``export`` lines; the first line of another kind comes after them."""
    environ: dict[str, str] = {}
    for line in lines:
        if not line.startswith("export "):
            break
        name, _, value = shlex.split(line)[1].partition("=")
        environ[name] = value
    return environ


def _why_not(process: subprocess.Popen[str]) -> str:
    said = process.stderr.read().strip().splitlines() if process.stderr else []
    if said and "ModuleNotFoundError" in said[-1]:
        return MISSING
    return f"the sandbox did not start: {said[-1] if said else 'it said nothing'}"


def _wait(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
