"""``airmeet register`` as a process in a folder of its own, to be killed."""

import asyncio
import os
import sys
import time
from pathlib import Path

from attrs import define, field, frozen

from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.torture.people import EVENT

RESULTS = "r.csv"


@frozen(kw_only=True)
class Command:
    """What is run, and where.

    Attributes:
        folder: Holds the input, the results and all that the command keeps.
        port: Of the server.
        rate: Requests per second.
        concurrency: Requests under way at once.
        cached: Tokens are kept for the next process.
        invite: Everybody is mailed.
        package: The folder of another ``airmeet_async`` than the installed one, or None.
    """

    folder: Path
    port: int
    rate: float
    concurrency: int
    cached: bool
    invite: bool = False
    package: Path | None = None

    @property
    def words(self) -> list[str]:
        """The command line."""
        return [
            sys.executable, "-m", "airmeet_async", "register", EVENT, "people.csv",
            *(["--invite", "--yes"] if self.invite else ["--no-invite"]),
            "--results", RESULTS, "--progress", "none", "--json",
            "--rate", f"{self.rate:g}", "--concurrency", f"{self.concurrency}",
        ]  # fmt: skip

    @property
    def environ(self) -> dict[str, str]:
        """Its environment: nothing of ours but the path."""
        return {
            **({"PYTHONPATH": str(self.package)} if self.package else {}),
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "AIRMEET_URI": f"http://127.0.0.1:{self.port}/prod",
            "AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY,
            "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY,
            "AIRMEET_TOKEN_CACHE": str(self.folder / "tokens") if self.cached else "off",
        }

    async def start(self) -> "Client":
        """Start it; what it says is added to ``out.txt`` and ``err.txt``."""
        with (self.folder / "out.txt").open("ab") as out, (self.folder / "err.txt").open("ab") as err:
            process = await asyncio.create_subprocess_exec(
                *self.words, cwd=self.folder, env=self.environ, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=err
            )
        return Client(process)


@define(eq=False)
class Client:
    """A process of it."""

    process: asyncio.subprocess.Process
    started: float = field(factory=time.monotonic)

    @property
    def code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.process.returncode

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        if self.code is None:
            self.process.kill()

    async def end(self, seconds: float | None = None) -> int:
        """Wait for its end.

        Raises:
            TimeoutError: It did not end in time, and has been killed.
        """
        try:
            return await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            self.kill()
            await self.process.wait()
            raise
