"""The commands about runs: their options and their help. `app` has the first ones."""

import os
from typing import Annotated

from cyclopts import App, Parameter

from airmeet_async.cli.app import app
from airmeet_async.cli.app_options import DEFAULT_RUN, Flag, RunOptions, check_rate, seconds
from airmeet_async.cli.console import Voice
from airmeet_async.cli.exit_codes import UsageError

Job = Annotated[str | None, Parameter(name="JOB", negative="")]
All = Annotated[bool, Parameter(name="--all", negative="", show_default=False)]
Rate = Annotated[str | None, Parameter(name="RATE", negative="")]
Jobs = Annotated[str, Parameter(name="JOB", negative="")]

runs = App(
    name="runs",
    help="""List runs, steer them, remove their journals.

    The journal of each run is kept, so that it can be resumed and retried. It holds
    the people of its file and their personal links: see airmeet runs purge.

    For example:
      airmeet runs
      airmeet runs --json
      airmeet runs pause 3f2a9c1b
    """,
    help_format="plaintext",
    sort_key=8,
)
app.command(runs)


def _usage(command: str) -> str:
    return f"Usage: airmeet {command} [OPTIONS] [JOB]"


@app.command(sort_key=7, usage=_usage("resume"))
def resume(job: Job = None, /, *, failed: str | None = None, options: RunOptions = DEFAULT_RUN) -> int:
    """Go on with a run that was stopped or killed. The file is not needed again.

    Results go where the run's own command has put them. What is done is not sent
    again, and what failed or was refused keeps that result: see airmeet retry.

    For example:
      airmeet resume
      airmeet resume 3f2a9c1b --rate 50

    Args:
        job: Its id, the beginning of it, or the path of its journal; otherwise the newest unfinished run.
        failed: A file with only the rows that are not done; otherwise as the run's own command said.
        options: As for every bulk command.
    """
    from airmeet_async.cli.commands.resume import go_on

    return options.end(
        go_on(job, {**options.errand(), "failed": failed}, frozenset(), dict(os.environ), options.voice())
    )


@app.command(sort_key=7, usage=_usage("retry"))
def retry(
    job: Job = None,
    /,
    *,
    failed: Flag = False,
    rejected: Flag = False,
    unknown: Flag = False,
    invites: Flag = False,
    options: RunOptions = DEFAULT_RUN,
) -> int:
    """Send rows of a run once more: those that failed, unless something else is said.

    For example:
      airmeet retry 3f2a9c1b
      airmeet retry 3f2a9c1b --failed --rejected

    Args:
        job: Its id, the beginning of it, or the path of its journal; otherwise the newest run.
        failed: Rows whose attempts are spent.
        rejected: Rows that Airmeet has refused.
        unknown: Rows that were sent without a clear answer and are not sent again by themselves, such as sessions:
            look in the event first, they may be there.
        invites: Rows that are done, but whose invitation may have been mailed or not. It is mailed now, to some people
            for the second time.
        options: As for every bulk command.
    """
    from airmeet_async.cli.commands.resume import again_of, go_on

    again = again_of({"failed": failed, "rejected": rejected, "unknown": unknown, "invites": invites})
    return options.end(go_on(job, options.errand(), again, dict(os.environ), options.voice()))


@runs.default
def list_(*, json: Flag = False) -> int:
    """List all runs, the newest first.

    Args:
        json: Print a JSON array.
    """
    from airmeet_async.cli.commands.runs import list_runs

    return list_runs(Voice(), as_json=json)


@runs.command(sort_key=0, usage=_usage("runs show"))
def show(job: Job = None, /, *, json: Flag = False) -> int:
    """Show one run: what it is about, how far it is, what can be done with it.

    For example:
      airmeet runs show
      airmeet runs show 3f2a9c1b --json

    Args:
        job: Its id, the beginning of it, or the path of its journal; otherwise the newest run.
        json: Print one JSON object.
    """
    from airmeet_async.cli.commands.runs import show as start

    return start(job, as_json=json)


@runs.command(sort_key=1, usage="Usage: airmeet runs purge [OPTIONS] [JOB...]")
def purge(*jobs: Jobs, all_: All = False, older_than: str | None = None, yes: Flag = False, json: Flag = False) -> int:
    """Remove the journals of finished runs, with the personal data and links in them.

    Result files stay where they are. A run that is going on is never touched.

    For example:
      airmeet runs purge
      airmeet runs purge --all --older-than 30d --yes
      airmeet runs purge 3f2a9c1b

    Args:
        jobs: Only these runs, finished or not.
        all_: Also of runs that are not finished, and so cannot be resumed any more.
        older_than: Only if nothing has changed for that long, as 12h or 30d.
        yes: Do not ask.
        json: Print one JSON object: removed, kept.
    """
    from airmeet_async.cli.commands.runs import Purge
    from airmeet_async.cli.commands.runs import purge as start

    older_s = seconds(older_than, "--older-than")
    return start(Purge(words=jobs, unfinished=all_, older_s=older_s, agreed=yes), Voice(), as_json=json)


@runs.command(sort_key=2, usage=_usage("runs pause"))
def pause(job: Job = None, /) -> int:
    """Let a run send no more until airmeet runs resume; it stays where it is.

    For example:
      airmeet runs pause 3f2a9c1b

    Args:
        job: Its id or the beginning of it; otherwise the only one that is going on.
    """
    return _steer(job, {"do": "pause"})


@runs.command(name="resume", sort_key=3, usage=_usage("runs resume"))
def resume_(job: Job = None, /) -> int:
    """Let a run go on after airmeet runs pause.

    For one that has ended, see airmeet resume.

    For example:
      airmeet runs resume 3f2a9c1b

    Args:
        job: Its id or the beginning of it; otherwise the only one that is going on.
    """
    return _steer(job, {"do": "resume"})


@runs.command(sort_key=4, usage="Usage: airmeet runs rate [JOB] RATE")
def rate(job: Job = None, rate: Rate = None, /) -> int:
    """Change how fast a run sends.

    For example:
      airmeet runs rate 3f2a9c1b 50
      airmeet runs rate 3f2a9c1b auto

    Args:
        job: Its id or the beginning of it; it may be left out where only one run is going on.
        rate: Requests per second, or auto, which finds and follows the server's limit.
    """
    word, wanted = (job, rate) if rate is not None else (None, job)
    if wanted is None:
        raise UsageError("RATE is missing: requests per second, or auto")
    return _steer(word, {"do": "rate", "rate": check_rate(wanted)})


@runs.command(sort_key=5, usage=_usage("runs stop"))
def stop(job: Job = None, /) -> int:
    """Stop a run as Ctrl-C does: what is under way may end. It can be resumed.

    For example:
      airmeet runs stop 3f2a9c1b

    Args:
        job: Its id or the beginning of it; otherwise the only one that is going on.
    """
    return _steer(job, {"do": "stop"})


def _steer(word: str | None, request: dict[str, object]) -> int:
    from airmeet_async.cli.commands.runs import steer

    return steer(word, request, Voice())
