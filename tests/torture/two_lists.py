"""Two lists in one journal: the first is prepared and never started, the second is sent, killed and resumed.

They share some people, with the same facts or others. As a module it is the process that is killed:
``python -m tests.torture.two_lists '{"rate": 2000, "most": 64, "invite": false, "declined_invite": true}'``.
"""

import asyncio
import csv
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import define, field, frozen

from airmeet_async import AirmeetClient, FileTokenStore, Invite, RowResult
from airmeet_async.bulk.journal.queries import read_results, read_summary
from tests.torture.checker import UNVERIFIED
from tests.torture.client_process import RESULTS, Command
from tests.torture.history import PENDING, InputRow, Journal, fold
from tests.torture.job import SCRATCH, Job
from tests.torture.people import EVENT, HEADER

DECLINED, SENT, JOURNAL = "declined.csv", "people.csv", "lists.job"
_SHARED = 0.4  # of the list that is sent


@frozen(kw_only=True)
class ListsCommand(Command):
    """A process that prepares a list, leaves it, and sends another one.

    Attributes:
        declined_invite: The list that is left asks for mails.
    """

    declined_invite: bool = False

    @property
    def words(self) -> list[str]:
        given = {
            "rate": self.rate, "most": self.concurrency, "invite": self.invite,
            "declined_invite": self.declined_invite, "tokens": "tokens" if self.cached else None,
        }  # fmt: skip
        return [sys.executable, "-m", "tests.torture.two_lists", json.dumps(given)]

    @property
    def environ(self) -> dict[str, str]:
        root = str(Path(__file__).parents[2])
        return {
            **super().environ,
            "PYTHONPATH": os.pathsep.join([*([str(self.package)] if self.package else []), root]),
        }


def write_declined(path: Path, rows: Sequence[InputRow], seed: int) -> list[str]:
    """Write the list that is never started, and return the people who are only in it.

    It has as many people as the other one, in an order of its own; of those in both, half have another name.
    """
    draw = random.Random(seed)
    plain = [row for row in rows if row.part == "plain"]
    shared = draw.sample(plain, int(len(plain) * _SHARED))
    only = [f"declined-{number}@example.com" for number in range(len(rows) - len(shared))]
    names = {row.key: f"Number {row.line - 2}" if draw.random() < 0.5 else "Elsewhere" for row in shared}
    people = [*names.items(), *((key, "Nobody") for key in only)]
    draw.shuffle(people)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *((key, "Ada", last) for key, last in people)])
    return only


@define(eq=False)
class ListsJob(Job):
    """The same job with a second list in its journal.

    Attributes:
        only_declined: People who are in the first list alone.
        wrong: What is wrong with the journal and its views after a kill or at the end.
    """

    only_declined: Sequence[str] = ()
    wrong: list[str] = field(factory=list)

    def _look_at_journal(self, at: int) -> str:
        said = super()._look_at_journal(at)
        copy = self.folder / SCRATCH / "copy.sqlite"
        if self.journals and self.journals[-1].at == at:
            found = [*touched(self.journals[-1], self.only_declined), *views(copy, self.journals[-1])]
            if self.code is not None:  # it has ended
                found += as_reported(copy, self.folder / RESULTS)
            self.wrong += [f"C1 journal at {at}: {what}" for what in found]
        return said


def touched(journal: Journal, people: Iterable[str]) -> list[str]:
    """Return who of these people is not as if nobody had begun with them."""
    entries = {key: journal.entries.get(fold(key)) for key in people}
    return [
        f"{key}: state {entry.state}, sent {entry.sent} times, although in no list that was started"
        for key, entry in entries.items()
        if entry is not None and (entry.state != PENDING or entry.sent)
    ]


def views(path: Path, journal: Journal) -> list[str]:
    """Return where the summary differs from the results, or what is under way from the tables."""
    summary = read_summary(path)
    if not summary.list_facts:  # no list counts yet
        return []
    found = [] if summary.list_facts["name"] == SENT else [f"{summary.list_facts['name']}: counts as confirmed"]
    counts = Counter(str(result.status.value) for result in read_results(path))
    counts["pending"] += counts.pop("unprocessed", 0)
    if +counts != +Counter(summary.counts):
        found.append(f"the results say {dict(+counts)}, the summary {dict(summary.counts)}")
    if summary.in_flight != len(journal.in_flight):
        found.append(f"{summary.in_flight} under way, in the tables {len(journal.in_flight)}")
    return found


def as_reported(path: Path, results: Path) -> list[str]:
    """Return where the journal's view of its newest list is not what the run has reported."""
    with results.open(newline="", encoding="utf-8") as file:
        reported = [(row["email"], row["airmeet_status"], row["airmeet_entry_link"]) for row in csv.DictReader(file)]
    seen = [(result.key, str(result.status.value), result.entry_link or "") for result in read_results(path)]
    return [
        f"the journal says {one[:2]}, the run {other[:2]}"
        for one, other in zip(seen, reported, strict=True)
        if one != other
    ]


async def _send(given: dict[str, object]) -> None:
    store = FileTokenStore(str(given["tokens"])) if given["tokens"] else None
    async with AirmeetClient(token_store=store) as client:
        if random.random() < 0.5 or not Path(JOURNAL).exists():
            declined = client.bulk.add_attendees(
                EVENT, DECLINED, send_email_invite=bool(given["declined_invite"]), journal=JOURNAL
            )
            await declined.prepare()
        job = client.bulk.add_attendees(
            EVENT, SENT, send_email_invite=bool(given["invite"]), journal=JOURNAL,
            rate=float(str(given["rate"])), max_in_flight=int(str(given["most"])),
        )  # fmt: skip
        if random.random() < 0.5:
            await job.prepare()
        report = await job
    _write(Path(RESULTS), report.results or ())


def _write(path: Path, results: Iterable[RowResult]) -> None:
    new = path.with_suffix(".new")
    names = ("email", "airmeet_row", "airmeet_status", "airmeet_code", "airmeet_attempts", "airmeet_entry_link")
    with new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for result in results:
            code = UNVERIFIED if result.invite is Invite.UNVERIFIED else result.error.code if result.error else ""
            writer.writerow([
                result.key, result.line, result.status.value, code, result.attempts, result.entry_link or ""
            ])  # fmt: skip
    new.replace(path)


if __name__ == "__main__":
    asyncio.run(_send(json.loads(sys.argv[1])))
