"""``airmeet cut`` and ``airmeet join``: the rows of a run in shards, which any engine sends with ``airmeet resume``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from airmeet_async.cli.console import Console, print_data, print_json
from airmeet_async.cli.exit_codes import Exit
from airmeet_async.cli.options import Flag, check_failures, check_rate, positive
from airmeet_async.formatting import counted, wrapped

if TYPE_CHECKING:
    from airmeet_async.bulk.journal.cut import JoinSummary
    from airmeet_async.bulk.journal.writer import JournalWriter

Lost = Annotated[tuple[str, ...], Parameter(name="--lost", negative="", show_default=False)]


def cut(
    job: str,
    /,
    *,
    folder: str,
    shards: int,
    workers: int | None = None,
    rate: str | None = None,
    concurrency: int | None = None,
    max_failures: str | None = None,
    again: Flag = False,
) -> int:
    """Put the rows of a run that are left into shards, for several processes or machines.

    Nothing is sent. The path of each shard is printed, one per line; airmeet resume
    PATH sends one, on any machine that sees the folder. Until airmeet join has taken
    all of them back, nothing else can be done with the run. The same command once
    more prints the same shards; with other numbers it is refused.

    For example:
      airmeet cut launch.job --folder /shared/launch --shards 16
      airmeet cut 3f2a9c1b --folder /shared/launch --shards 16 --workers 4 --rate 40

    Args:
        job: The run's id, the start of it, or the path of its file.
        folder: Where the shards are made: a folder of your own, on a disk with locks (NFS from version 4 on).
        shards: How many.
        workers: How many shards are sent at once; each has its part of --rate and of --concurrency. Default: all.
        rate: Requests per second of all shards together, or auto: each looks for the limit by itself. Default: as the
            run had, else AIRMEET_RATE, else auto.
        concurrency: Maximum number of concurrent requests of all shards together. Default: as the run had, else 64.
        max_failures: Stop a shard when more rows of it fail than this: a number, or a share of all rows of the list
            such as 5%. Default: as the run had, else when nearly all fail.
        again: Send everybody in the list once more, also those who are done.
    """
    from airmeet_async.bulk.journal.cut import cut_journal
    from airmeet_async.bulk.journal.queries import read_blocked
    from airmeet_async.bulk.options import JobOptions, ShardPace, engine_options
    from airmeet_async.cli.environment import find_rate
    from airmeet_async.cli.run_store import (
        error_of_lent,
        find_journal,
        find_run,
        note_as_lent,
        only_run_on,
        trusted_note,
        word_of,
    )
    from airmeet_async.protocol.endpoints import ATTENDEES_ADD

    run = find_run(job, finished=True)
    if run.lent and Path(run.lent["folder"]) != Path(folder).resolve():
        raise error_of_lent(run)
    about = run.about
    operation, event, base = (str(about.get(name, "")) for name in ("operation", "airmeet_id", "base"))
    file = find_journal(operation, event, base, str(run.path)).file

    def mark(journal: "JournalWriter", list_id: int) -> None:
        """Leave out who was blocked here since the list was read."""
        if file.block is not None and file.unblock is not None:
            blocked = read_blocked(file.block, file.unblock, journal.salt, journal.hash_identities)
            journal.mark_blocked(list_id, blocked)

    positive(shards, "--shards")
    note = trusted_note(run)  # with its own flags, as `airmeet resume` has them
    given: JobOptions = {
        "rate": check_rate(rate or note.get("rate")) or find_rate(os.environ) or "auto",
        "max_failures": check_failures(max_failures or note.get("max_failures")),
    }
    options = engine_options(given, positive(concurrency or note.get("concurrency"), "--concurrency") or 64)
    flags = {"rate": rate, "max_in_flight": concurrency, "max_failures": max_failures, "workers": workers}
    pace = ShardPace.of_run(given, options, None, positive(workers, "--workers"))
    with only_run_on(event, base):  # nobody is blocked meanwhile
        if operation == ATTENDEES_ADD.name:
            note_as_lent(run.path, event, base)
        paths = cut_journal(
            run.path,
            Path(folder),
            shards,
            list_id=run.list_id or None,
            again=again,
            pace=pace,
            chosen=[name for name, value in flags.items() if value is not None],
            mark=mark,
        )
    if not paths:
        Console().say(f"job {run.job}: nothing is left to be sent, so there are no shards")
        return int(Exit.OK)
    print_data("".join(f"{path}\n" for path in paths))
    Console().say(
        f"job {run.job}: {counted(len(paths), 'shard')}. Send each with: airmeet resume PATH",
        f"When they have ended: airmeet join {word_of(run)}",
    )
    return int(Exit.OK)


def join(job: str, /, *, take_back: Flag = False, lost: Lost = (), json: Flag = False) -> int:
    """Take what shards have done back into their run.

    It can be called at any time, also while shards are being sent: these are left
    alone. When all have ended they are removed, and the run has everybody's result:
    see airmeet runs results. Exit code 75: not all have ended.

    For example:
      airmeet join launch.job

    Args:
        job: The run's id, the start of it, or the path of its file.
        take_back: Also take back shards that have not ended; their tasks can send nothing any more. airmeet resume of
            the run does this by itself.
        lost: The name of a shard that is gone for good, such as launch-0003.job; may be given several times. Nobody
            knows which of its rows were sent: all that have no result are unknown, as after a crash.
        json: Print what has come back as one JSON object.
    """
    from airmeet_async.bulk.journal.cut import join_journal
    from airmeet_async.bulk.journal.queries import read_summary
    from airmeet_async.bulk.report import RowStatus
    from airmeet_async.cli.commands.runs import next_step
    from airmeet_async.cli.output.summary import describe_others
    from airmeet_async.cli.run_store import find_run, word_of

    run = find_run(job, finished=True)
    summary = join_journal(run.path, take_back=take_back, lost=lost)
    code = _code_of(summary)
    if json:
        print_json({**summary.as_dict(), "exit_code": int(code)})
    run, counts = read_summary(run.path, run.list_id), summary.counts
    done = f"{counts.get('succeeded', 0):,} of {summary.rows - run.left_out:,} done"
    others = describe_others({RowStatus(name): n for name, n in counts.items() if name != "pending"}, "done",
                             not_yet=counts.get("pending", 0))  # fmt: skip
    lines = [f"job {run.job}: {' · '.join([done, *others])}"]
    if not summary.is_complete:
        said = f"{summary.returned} of {counted(summary.shards, 'shard')} have ended"
        are = "is" if summary.running == 1 else "are"
        lines.append(f"{said}, {summary.running} {are} being sent" if summary.running else said)
    elif summary.stop_reason is not None:
        lines.append(f"stopped early: {summary.stop_message}")
    if not summary.shards:
        lines.append("none of its rows are in shards")
    if summary.is_complete:
        lines.append(f"who has what: airmeet runs results {word_of(run)} -o FILE")
    if step := next_step(run):
        lines += wrapped(f"Next: {step}", "", "      ")
    Console().say(*lines)
    return int(code)


def _code_of(summary: "JoinSummary") -> Exit:
    from airmeet_async.bulk.report import StopReason

    if not summary.is_complete:
        return Exit.TEMPORARY
    if summary.stop_reason is StopReason.FAILURES:
        return Exit.RULE
    done = summary.counts.get("succeeded", 0) + summary.counts.get("duplicate", 0)
    return Exit.OK if done == summary.rows else Exit.LEFT_OVER
