"""Kill ``airmeet register`` with SIGKILL again and again, let it finish, and judge what is left.

``python -m tests.torture.kills --kills 200 --rows 2000 --seed 1`` shares the kills among four kinds of runs: 64 and 8
requests at once, without mails and with them; ``--kills-each`` gives that many to each. ``--concurrency`` and
``--invite`` or ``--no-invite`` leave only the kinds they name. A kind runs jobs of that many rows, each of them killed
up to ``--kills-per-job`` times, until its kills are used up. After them, two lists in one journal, of which the first
is never confirmed, are killed ``--kills-of-lists`` times (`tests.torture.two_lists`).
Each kind has a line that sums up; the exit code is 1 if the judge has found anything. One long run with faults is
``python -m tests.torture.kills --rows 100000 --kills 3 --concurrency 64 --no-invite --kills-of-lists 0 --faults …``.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from tests.torture.checker import check, lost, mails, sent_again, unmailed
from tests.torture.client_process import RESULTS, Command
from tests.torture.history import Facts, History, fold, read_results, read_truth
from tests.torture.job import DONE, FIRST_RESULTS, SCRATCH, Job, Settings
from tests.torture.people import Shares, write_people
from tests.torture.truth_server import truth_server
from tests.torture.two_lists import DECLINED, ListsCommand, ListsJob, write_declined

_SHOWN = 5
_NO_LUCK = 5  # jobs in a row that end before anything is killed
_TRUTH = "truth.jsonl"


@frozen(kw_only=True)
class Verdict:
    """What came of one job, or of several.

    Attributes:
        kills: How often it was killed.
        jobs: How many inputs.
        rows: Of all inputs.
        adds: That the server received.
        lost: Rows without a result, or with a success that is none.
        wrong: What the checker says.
        resent: The most rows that one kill has sent again.
        unknown: The most rows that one kill has left unknown.
        mails: The most invitations that somebody got.
        unmailed: People who are in without an invitation, of those that were to be mailed.
        unmailed_unseen: Of these, the ones whose request for a mail never came to the server.
        whole: Every journal passed SQLite's check, and there was one after each kill.
    """

    kills: int = 0
    jobs: int = 0
    rows: int = 0
    adds: int = 0
    lost: int = 0
    wrong: tuple[str, ...] = ()
    resent: int = 0
    unknown: int = 0
    mails: int = 0
    unmailed: int = 0
    unmailed_unseen: int = 0
    whole: bool = True

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(
            kills=self.kills + other.kills,
            jobs=self.jobs + other.jobs,
            rows=self.rows + other.rows,
            adds=self.adds + other.adds,
            lost=self.lost + other.lost,
            wrong=self.wrong + other.wrong,
            resent=max(self.resent, other.resent),
            unknown=max(self.unknown, other.unknown),
            mails=max(self.mails, other.mails),
            unmailed=self.unmailed + other.unmailed,
            unmailed_unseen=self.unmailed_unseen + other.unmailed_unseen,
            whole=self.whole and other.whole,
        )


async def torture(settings: Settings) -> Verdict:
    """Run jobs of one kind until the kills are used up."""
    total, luckless = Verdict(), 0
    while total.jobs == 0 or (total.kills < settings.kills and luckless < _NO_LUCK):
        kills = min(settings.kills - total.kills, settings.kills_per_job)
        verdict = await one_job(settings, total.jobs + 1, kills)
        luckless = 0 if verdict.kills else luckless + 1
        total += verdict
    return total


async def one_job(settings: Settings, number: int, kills: int) -> Verdict:
    """Run one job in a folder of its own, and judge it."""
    folder = Path(tempfile.mkdtemp(prefix=f"torture-{settings.seed}-{number}-", dir=settings.keep))
    try:
        job = await _run(settings, number, kills, folder)
        return _judge(job, history_of(job))
    finally:
        if settings.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _run(settings: Settings, number: int, kills: int, folder: Path) -> Job:
    seed = settings.seed * 1000 + number
    rows = write_people(folder / "people.csv", settings.rows, seed, settings.shares, invite=settings.invite)
    async with truth_server(
        folder / _TRUTH, faults=settings.faults, seed=seed, rate_limit=settings.rate_limit,
        latency=settings.latency, hang=settings.hang_seconds,
    ) as server:  # fmt: skip
        facts: dict[str, Any] = {
            "folder": folder, "port": server.port, "rate": settings.rate, "concurrency": settings.concurrency,
            "cached": number % 2 == 0, "invite": settings.invite, "package": settings.package,
        }  # fmt: skip
        draw = random.Random(seed)
        if settings.two_lists:
            only = write_declined(folder / DECLINED, rows, seed)
            command = ListsCommand(**facts, declined_invite=number % 2 == 1)
            job: Job = ListsJob(settings, number, folder, server, rows, command, draw, only_declined=only)
        else:
            job = Job(settings, number, folder, server, rows, Command(**facts), draw)
        await job.run(kills)
    return job


def history_of(job: Job) -> History:
    """Read what the job has left behind."""
    settings, folder = job.settings, job.folder
    with (folder / _TRUTH).open(encoding="utf-8") as lines:
        truth = read_truth(lines)
    results = next((folder / name for name in (FIRST_RESULTS, RESULTS) if (folder / name).exists()), folder / RESULTS)
    texts = {
        str(path.relative_to(folder)): path.read_bytes().decode("latin-1")
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name not in {"tokens", SCRATCH}
    }
    facts = Facts(
        concurrency=settings.concurrency,
        rate=settings.rate,
        max_unsettled=settings.concurrency,
        elapsed=job.last_run,
        bound=settings.bound,
        finished=job.code in DONE,
        invites=settings.invite,
    )
    return History(
        truth=truth,
        rows=job.rows,
        results=read_results(results) if job.code in DONE else None,
        journals=job.journals,
        facts=facts,
        texts=texts,
        # Results and journal hold links by design; a spilled half of a results file does, too.
        with_links=frozenset(name for name in texts if name not in {"out.txt", "err.txt", _TRUTH}),
    )


def _judge(job: Job, history: History) -> Verdict:
    wrong = check(history) + (job.wrong if isinstance(job, ListsJob) else [])
    again = sent_again(history)
    missing = lost(history)
    without = unmailed(history) if job.settings.invite else []
    asked = {key for key, sends in history.truth.by_key.items() if any(sent.invite for sent in sends)}
    verdict = Verdict(
        kills=job.killed,
        jobs=1,
        rows=len(job.rows),
        adds=job.server.desk.adds,
        lost=len(missing),
        wrong=tuple(f"job {job.number}: {what}" for what in wrong),
        resent=max(map(len, again.values()), default=0),
        unknown=max((len(journal.in_flight) for journal in job.journals), default=0),
        mails=max(mails(history).values(), default=0),
        unmailed=len(without),
        unmailed_unseen=sum(fold(row.key) not in asked for row in without),
        whole=not any("integrity" in what or "no journal" in what for what in wrong),
    )
    if not job.settings.quiet:
        print(f"job {job.number}: {summary(verdict, job.settings)}", flush=True)
    return verdict


def summary(verdict: Verdict, settings: Settings) -> str:
    """Return the verdict in one line."""
    most, whole = settings.concurrency, "ok" if verdict.whole else "NOT OK"
    return (
        f"in_flight={most} {'--invite' if settings.invite else '--no-invite'} kills={verdict.kills} "
        f"jobs={verdict.jobs} rows={verdict.rows} adds={verdict.adds} lost={verdict.lost} "
        f"contradictions={len(verdict.wrong)} resent_max={verdict.resent}/{most} unknown_max={verdict.unknown}/{most} "
        f"mails_max={verdict.mails} unmailed={verdict.unmailed} (unseen: {verdict.unmailed_unseen}) integrity={whole}"
    )


def by_rule(wrong: Sequence[str]) -> dict[str, list[str]]:
    """Return what is wrong by rule; a sentence is ``job 1: C4 ...``."""
    found: dict[str, list[str]] = {}
    for what in wrong:
        found.setdefault(what.split(": ", 1)[1].split(" ", 1)[0], []).append(what)
    return found


def _kinds() -> list[Settings]:
    """Return what is run, one after the other."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    plain = Settings()
    words.add_argument("--kills", type=int, default=plain.kills, help="shared among the kinds of runs")
    words.add_argument("--kills-each", type=int, help="of each kind, instead")
    words.add_argument("--kills-of-lists", type=int, default=40, help="of two lists in one journal")
    words.add_argument("--rows", type=int, default=plain.rows, help="of each job's input")
    words.add_argument("--seed", type=int, default=plain.seed)
    words.add_argument("--kills-per-job", type=int, default=plain.kills_per_job)
    words.add_argument("--concurrency", type=int, help="instead of 64 and 8")
    words.add_argument("--invite", action=argparse.BooleanOptionalAction, help="instead of both")
    words.add_argument("--rate", type=float, default=plain.rate)
    words.add_argument("--faults", default="", help="see tests.torture.faults")
    words.add_argument("--latency", type=float, default=plain.latency, help="seconds before each reply")
    words.add_argument("--hang-seconds", type=float, default=plain.hang_seconds, help="the server closes a hang then")
    words.add_argument("--rate-limit", type=float, help="adds per second; the server answers 429 above it")
    words.add_argument("--bound", type=float, default=plain.bound, help="seconds for one process to end")
    words.add_argument("--keep", type=Path, help="a folder in which the files of each job are left")
    words.add_argument("--package", type=Path, help="the folder of another airmeet_async than the installed one")
    words.add_argument("--no-rerun", dest="rerun", action="store_false", help="do not run a finished job once more")
    words.add_argument("--quiet", action="store_true")
    for name, share in (("duplicates", 0.01), ("invalid", 0.005), ("poison", 0.0), ("rejects", 0.005)):
        words.add_argument(f"--{name}", type=float, default=share, help="share of the input, from 0 to 1")
    given = vars(words.parse_args())
    shares = Shares(**{name: given.pop(name) for name in ("duplicates", "invalid", "poison", "rejects")})
    kills, each, of_lists = (given.pop(name) for name in ("kills", "kills_each", "kills_of_lists"))
    concurrency, invite = given.pop("concurrency"), given.pop("invite")
    kinds = [
        Settings(**given, shares=shares, concurrency=most, invite=mails)
        for most in ([64, 8] if concurrency is None else [concurrency])
        for mails in ([False, True] if invite is None else [invite])
    ]
    found = [evolve(kind, kills=each or max(1, kills // len(kinds))) for kind in kinds]
    lists = [evolve(kind, kills=max(1, of_lists // len(kinds)), two_lists=True) for kind in kinds if of_lists]
    return found + lists


def main() -> int:
    began, is_bad = time.monotonic(), False
    for settings in _kinds():
        verdict = asyncio.run(torture(settings))
        for rule, sentences in by_rule(verdict.wrong).items():
            print(f"{rule}: {len(sentences)} contradictions")
            print(*(f"    {what}" for what in sentences[:_SHOWN]), sep="\n")
        seconds = time.monotonic() - began
        name = "two lists " if settings.two_lists else ""
        print(f"{name}seed={settings.seed} {summary(verdict, settings)} seconds={seconds:.0f}", flush=True)
        is_bad |= bool(verdict.wrong or verdict.lost or verdict.kills < settings.kills)
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main())
