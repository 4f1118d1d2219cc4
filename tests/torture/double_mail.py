"""Does anybody get two invitations? A run is stopped, and then three commands follow in some order.

``python -m tests.torture.double_mail`` tries every order of three; ``--sample 30 --seed 1`` some of them.

The commands run in this process, on virtual time, with the ground-truth server's `Desk` behind them; what is killed is
a fork, which dies by SIGKILL in the middle of its requests. Each request that the desk has looked at is written down
at once, so that the judge knows what a killed process has sent. He counts mails per person:

1. Nobody is mailed twice, but whoever was named as perhaps not mailed, and then only by ``retry --invites``; and once
   more for each ``--again --invite``, whichever command has gone on with that.
2. In the end everybody is registered, and has a mail or is named as perhaps not mailed.
3. The results of the last run say for each person what the desk says.
"""

import argparse
import csv
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from airmeet_async import NoReplyError, Reply
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.command import Airmeet, Ended
from tests.torture import desk
from tests.torture.desk import Desk
from tests.torture.faults import Faults
from tests.torture.people import EVENT

PEOPLE, _AT_ONCE = 24, 4
SAME = ("register", EVENT, "people.csv", "--invite", "--yes", "--failed", "left.csv", "--concurrency", str(_AT_ONCE))
ACTIONS = (
    "same",
    "left",
    "resume",
    "retry",
    "invites",
    "kill",
    "stale",
    "purge",
    "again",
    "again-stopped",
    "again-mail",
)
_WORDS = {
    "same": SAME,
    "left": ("register", EVENT, "left.csv", "--invite", "--yes", "--failed", "left-2.csv"),
    "stale": ("register", EVENT, "stale.csv", "--invite", "--yes"),
    "resume": ("resume", "--yes"),
    "retry": ("retry", "--yes"),
    "invites": ("retry", EVENT, "--invites", "--yes"),
    "again": ("register", EVENT, "people.csv", "--no-invite", "--again"),
    "again-stopped": (*SAME, "--again"),
    "again-mail": (*SAME, "--again"),
    "purge": ("runs", "purge", "--all", "--yes"),
}
_FAULTS = "reset-after@5,500@9,500-after@15,429@17+2,reset-before@20"


@define(eq=False)
class Truth:
    """A transport to the desk, which writes down each add that it has answered.

    Attributes:
        log: Where to.
        before: Adds of all processes before this one.
        strikes: The signal that this process gets at an add.
        at: At which.
    """

    log: Path
    desk: Desk = field(factory=lambda: Desk(Faults.parse(_FAULTS)))
    command: str = ""
    strikes: signal.Signals | None = None
    at: int = 0

    async def exchange(self, request: Any) -> Reply:
        answer = self.desk.handle(_as_desk_has_it(request), 0.0)
        if answer.kind == "add":
            fact = {
                "key": answer.key, "mail": bool(answer.applied and answer.invite), "applied": answer.applied,
                "clear": answer.how == "say" and answer.status < 500, "command": self.command,
            }  # fmt: skip
            with self.log.open("a") as file:
                file.write(json.dumps(fact) + "\n")
            self.at -= 1
            if self.strikes is not None and self.at == 0:
                signal.raise_signal(self.strikes)
        if answer.how != "say":
            raise NoReplyError("the connection was reset", reason="reset", host="desk.example")
        return Reply(answer.status, {"content-type": "application/json"}, answer.body)

    async def aclose(self) -> None: ...

    def facts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def catch_up(self) -> None:
        """Let the desk know what a process has done that is gone."""
        facts = self.facts()
        self.desk.adds = len(facts)
        self.desk.sends = dict(Counter(fact["key"] for fact in facts))
        self.desk.applied = dict(Counter(fact["key"] for fact in facts if fact["applied"]))


def _as_desk_has_it(request: Any) -> desk.Request:
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
    return desk.Request(request.method, request.target, headers, request.body or b"")


class Drill:
    """A folder, a stopped run in it, and what follows.

    Args:
        folder: An empty one.
        stop_at: The add at which the first run is stopped by Ctrl-C.
        kill_at: The add at which a run is killed.
    """

    def __init__(self, folder: Path, stop_at: int, kill_at: int) -> None:
        here = folder / "here"
        here.mkdir(parents=True)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY,
            "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY,
            "AIRMEET_URI": "http://127.0.0.1:1/prod",
            "AIRMEET_RATE": "1000",
            "AIRMEET_TOKEN_CACHE": "off",
        }
        self.truth = Truth(folder / "truth.jsonl")
        self.airmeet = Airmeet(here, environ, self.truth)
        self.airmeet.people(PEOPLE)
        self._kill_at = kill_at
        self.codes = dict[str, int]()
        self.mails_again = 0
        self.truth.strikes, self.truth.at = signal.SIGINT, stop_at
        self.first = self.run("first", *SAME)
        self.truth.strikes = None
        left = here / "left.csv"
        (here / "stale.csv").write_bytes(left.read_bytes() if left.exists() else (here / "people.csv").read_bytes())

    def run(self, command: str, *words: str) -> Ended:
        self.truth.command = command
        ended = self.airmeet(*words)
        self.codes[command] = ended.code
        self.mails_again += "--again" in words and "--invite" in words
        return ended

    def act(self, action: str) -> None:
        """Do one of `ACTIONS`."""
        if action == "kill":
            self._run_and_kill()
        elif action == "left" and not (self.airmeet.folder / "left.csv").exists():
            self.run("left", *_WORDS["stale"])
        elif action == "again-stopped":
            self.truth.strikes, self.truth.at = signal.SIGINT, self._kill_at
            self.run(action, *_WORDS[action])
            self.truth.strikes = None
        else:
            self.run(action, *_WORDS[action])

    def _run_and_kill(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # about threads, of which a fork has none
            process = os.fork()
        if not process:
            try:
                self.truth.strikes, self.truth.at = signal.SIGKILL, self._kill_at
                self.run("kill", *SAME)
            finally:
                os._exit(0)
        os.waitpid(process, 0)
        self.truth.catch_up()

    def finish(self) -> None:
        """Run the same command until it has nothing left to send."""
        self.last_words = (*SAME, "--results", "last.csv")
        for _ in range(3):
            self.last = self.run("last", *self.last_words)
            if self.last.code == 0:
                break

    def faults(self) -> Iterator[str]:
        """Say what the judge finds."""
        facts = self.truth.facts()
        in_doubt = {fact["key"] for fact in facts if not fact["clear"]}
        # What was answered just before a kill may not have been recorded any more.
        for command, run in itertools.groupby(facts, key=lambda fact: fact["command"]):
            if command == "kill":
                in_doubt |= {fact["key"] for fact in [*run][-2 * _AT_ONCE :]}
        by_retry = Counter(fact["key"] for fact in facts if fact["mail"] and fact["command"] == "invites")
        mails = Counter(fact["key"] for fact in facts if fact["mail"])
        applied = {fact["key"] for fact in facts if fact["applied"]}
        with (self.airmeet.folder / "last.csv").open(newline="", encoding="utf-8-sig") as file:
            results = {row["email"]: row for row in csv.DictReader(file)}
        for n in range(PEOPLE):
            key = f"person-{n}@example.com"
            may_have = 1 + self.mails_again + (by_retry[key] if key in in_doubt else 0)
            status, invite = results[key]["airmeet_status"], results[key]["airmeet_invite"]
            if mails[key] > may_have:
                yield f"{key} was mailed {mails[key]} times"
            if key not in applied or status != "succeeded":
                yield f"{key} is {'' if key in applied else 'not '}registered, and the results say {status}"
            if not mails[key] and invite != "unverified":
                yield f"{key} was never mailed, and the results say {invite}"
        if self.last.code not in {0, 3}:
            yield f"the last run has ended with {self.last.code}"


def drill(folder: Path, actions: Sequence[str], draw: random.Random) -> list[str]:
    """Stop a run, do these, finish it, and return what is wrong."""
    found = Drill(folder, draw.randint(2, PEOPLE - 2), draw.randint(1, 6))
    for action in actions:
        found.act(action)
    found.finish()
    return list(found.faults())


def orders() -> list[tuple[str, ...]]:
    """Return every order of three, in which one may come again."""
    return list(itertools.product(ACTIONS, repeat=3))


def main() -> int:
    """Try them, and print what is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, help="try so many of them only")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw, chosen = random.Random(given.seed), orders()
    if given.sample:
        chosen = draw.sample(chosen, given.sample)
    wrong = 0
    for n, actions in enumerate(chosen):
        said, sys.stderr = sys.stderr, open(os.devnull, "w")  # noqa: PTH123, SIM115 - each command's own words
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = drill(Path(folder), actions, random.Random(f"{given.seed}:{n}"))
        finally:
            sys.stderr.close()
            sys.stderr = said
        wrong += bool(found)
        for what in found:
            print(f"{', '.join(actions)}: {what}")
    print(f"double mails: {len(chosen)} orders of three after Ctrl-C, {wrong} of them wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
