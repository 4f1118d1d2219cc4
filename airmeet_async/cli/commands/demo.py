"""``airmeet demo``: the real thing, against a simulated Airmeet that makes trouble, with the outcome verified.

``airmeet sandbox`` runs that Airmeet in the foreground.
"""

import csv
import json as jsonlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from attrs import evolve, frozen
from cyclopts import Parameter

from airmeet_async.cli.console import Console, print_data, print_json
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.options import BulkFlags, Flag, ProgressChoice, check_rate, positive
from airmeet_async.formatting import wrapped
from airmeet_async.optional_imports import needs_extra

if TYPE_CHECKING:
    from airmeet_async import BulkReport
    from airmeet_async.sandbox import Staged

_LATENCY_MS = 80
_SECONDS = 10.0


def demo(
    *,
    people: int = 2000,
    rate: float = 200.0,
    seed: int = 0,
    results: str = "demo-results.csv",
    report: str | None = None,
    json: Flag = False,
    progress: ProgressChoice = "auto",
) -> int:
    """Register 2,000 fictional people with a simulated Airmeet that fails often.

    Needs no account and no network. Takes about 15 seconds.

    For example:
      airmeet demo
      airmeet demo --people 500 --seed 7 --progress plain

    Args:
        people: Number of rows to generate; some are duplicates or have no valid address.
        rate: Requests per second.
        seed: A different number gives different people and faults.
        results: The file with the result of each row.
        report: The HTML report. Default: demo-report.html, if the report extra is installed.
        json: Print the report as one JSON object on standard output.
        progress: As for register.
    """
    import tempfile

    from airmeet_async.cli.commands.register import describe_run
    from airmeet_async.cli.input_file import FileChoice
    from airmeet_async.cli.output.html_report import is_available
    from airmeet_async.cli.runner import run
    from airmeet_async.sandbox import invent_people, staged
    from airmeet_async.sandbox.community import SUMMIT
    from airmeet_async.tables import csv_line

    positive(people, "--people")
    check_rate(rate)
    console = Console(as_json=progress == "json")
    console.say(
        f"Registering {people:,} fictional people with a simulated Airmeet on this machine.",
        "It limits the rate, expires tokens, returns errors and drops connections.",
        "",
    )
    with (
        running_sandbox(seed=seed, faults=faults_for(people)) as environ,
        tempfile.TemporaryDirectory(prefix="airmeet-") as folder,
    ):
        path = Path(folder) / "people.csv"
        with path.open("wb") as file:
            rows = invent_people(people, seed)
            first = next(rows)
            file.writelines(map(csv_line, chain([first], (row.values() for row in chain([first], rows)))))
        flags = BulkFlags(
            rate=str(rate),
            results=results,
            report=report or ("demo-report.html" if is_available() else None),
            progress=progress,
            journal=str(Path(folder) / "demo.job"),
        )
        wanted = describe_run(SUMMIT, FileChoice(path=str(path)), console, invite=False)
        outcome = run(evolve(wanted, is_demo=True), flags, Settings.of(environ), console)
        if outcome.report.stop_reason is None:
            statistics = _ask(environ, "statistics")
            there = _ask(environ, f"people/{SUMMIT}")["people"]
            checks = audit(staged(people), outcome.report, statistics, there, Path(outcome.results))
            wrong = ", ".join(check.what for check in checks if not check.is_right)
            right = "all as expected. For your own list: airmeet register --help"
            verdict = f"NOT as expected: {wrong}" if wrong else right
            console.say("", *table(checks), "", verdict)
            outcome = evolve(outcome, code=Exit.UNEXPECTED if wrong else Exit.OK)
    if json:
        print_json(outcome.as_dict())
    return outcome.code


def faults_for(people: int) -> str:
    """Return the faults: bursts at a third and at half of the run, and a few by chance all the way."""
    throttle, expire = max(2, people * 3 // 10), max(3, people * 45 // 100)
    return f"429@{throttle}+4:retry=1,expire@{expire},500:2%,drop:0.5%,drop-after:0.5%"


@contextmanager
def running_sandbox(*, seed: int, faults: str, latency_ms: float = _LATENCY_MS) -> Iterator[dict[str, str]]:
    """Run a sandbox and yield the environment that leads to it.

    It has a session of its own, so that Ctrl-C reaches us only and requests under way can end.

    Raises:
        UsageError: It did not start.
    """
    import shlex
    import subprocess
    import sys

    command = [sys.executable, "-m", "airmeet_async", "sandbox", "--port", "0", "--until-stdin-closes"]
    command += ["--seed", str(seed), "--faults", faults, "--latency", str(latency_ms)]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", start_new_session=True
    ) as process:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            exports = takewhile(lambda line: line.startswith("export "), process.stdout)
            environ = dict(shlex.split(line)[1].split("=", 1) for line in exports) | {"AIRMEET_TOKEN_CACHE": "off"}
            if "AIRMEET_URI" not in environ:
                said = (process.communicate()[1].strip() or "no output").splitlines()[-1]
                raise UsageError(f"the sandbox did not start: {said.removeprefix('error: ')}")
            yield environ
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _ask(environ: Mapping[str, str], what: str) -> Any:
    """Return the sandbox's own view of what has happened."""
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    connection = HTTPConnection(urlsplit(environ["AIRMEET_URI"]).netloc, timeout=_SECONDS)
    try:
        connection.request("GET", f"/_sandbox/{what}")
        return jsonlib.loads(connection.getresponse().read())
    finally:
        connection.close()


@frozen
class StagedCheck:
    """One line of the comparison: the number that must come out, the one that did, and what the latter means."""

    what: str
    staged: int
    found: int
    note: str = ""

    @property
    def is_right(self) -> bool:
        return self.staged == self.found


def audit(
    plan: "Staged",
    report: "BulkReport",
    statistics: Mapping[str, Any],
    people: Sequence[Mapping[str, Any]],
    results: Path,
) -> list[StagedCheck]:
    """Compare what was staged with the outcome.

    Args:
        plan: What the generated list holds.
        report: Of the run.
        statistics: The sandbox's own count.
        people: Those who are in the event, as the sandbox knows them.
        results: The result file.
    """
    from airmeet_async import RowStatus

    def fired(kind: str) -> int:
        return sum(n for fault, n in statistics["faults"].items() if fault.startswith(kind))

    lost = sum(report.counts[status] for status in (RowStatus.FAILED, RowStatus.REJECTED, RowStatus.UNKNOWN))
    links = {person["email"]: person["entry_link"] for person in people}
    with results.open(encoding="utf-8-sig", newline="") as file:
        done = [row for row in csv.DictReader(file) if row["airmeet_status"] == "succeeded"]
    right = {row["email"] for row in done if links.get(row["email"]) == row["airmeet_entry_link"]}
    # A line that has another link than the sandbox gave is never as staged, whatever the number of right ones.
    right_links = len(right) if len(right) == len(done) else min(len(right), len(links) - 1)
    again = f"{fired('500')} and {fired('drop')} occurred, all retried"
    return [
        StagedCheck("rows read", plan.rows, report.rows_read),
        StagedCheck("people added", plan.valid, report.succeeded, "in the report"),
        StagedCheck("people in the event", plan.valid, len(links), "in the sandbox, each once"),
        StagedCheck("right entry links", plan.valid, right_links, f"in {results}"),
        StagedCheck("duplicates not sent", plan.duplicates, report.counts[RowStatus.DUPLICATE]),
        StagedCheck("invalid rows not sent", plan.invalid, report.counts[RowStatus.INVALID]),
        StagedCheck("invitations mailed", 0, statistics["world"]["mails"], "in the sandbox"),
        StagedCheck("tokens renewed", fired("expire"), report.token_refreshes, "one per expiry"),
        StagedCheck("rate-limited (429)", fired("429"), report.throttled, "waited as asked, then retried"),
        StagedCheck("rows lost to errors and drops", 0, lost, again),
    ]


def table(checks: Sequence[StagedCheck]) -> list[str]:
    """Return the comparison as lines; what is wrong is marked."""
    lines = [f"  {'verified against the sandbox':<30}{'expected':>8}{'found':>8}"]
    for check in checks:
        mark = "  " if check.is_right else "! "
        lines.append(f"{mark}{check.what:<30}{check.staged:>8,}{check.found:>8,}  {check.note}".rstrip())
    return lines


def sandbox(
    *,
    port: int = 8900,
    host: str = "127.0.0.1",
    rate_limit: float | None = None,
    faults: str = "",
    seed: int = 0,
    latency: float = 0.0,
    sets: Annotated[tuple[str, ...], Parameter(name="--set", negative="", show_default=False)] = (),
    switches: Flag = False,
    until_stdin_closes: Annotated[bool, Parameter(negative="", show=False)] = False,
) -> int:
    """Run a simulated Airmeet on this machine until Ctrl-C, and print the environment variables to use it.

    For example:
      airmeet sandbox
      airmeet sandbox --rate-limit 20 --faults "500:2%,drop:1%,expire@500"
      airmeet sandbox --set unknown_attendee_status=404 --set replay_mails=yes

    Faults, with commas between; each is a kind, a time and options:
      429, 503, ...   that status, and the request is not carried out
      500-after       it is carried out first; 200html, 502html: a web page
      drop, hang      no answer; drop-after, hang-after: carried out first
      partial         half of the answer
      slow            a late answer; expire: all tokens end
      :5% @500 @100+5 /1000
                      by chance, the 500th, five from the 100th, every 1000th
      :retry=2        with Retry-After; of slow, :0.5s says how slow
      :on=OPERATION   only attendees.add, auth and so on; on=all: any request
      :body=TEXT      only requests with this text in them

    Args:
        port: The port; 0 takes any free port.
        host: The address to listen on. Outside of a container, leave it.
        rate_limit: Reply 429 above this many requests per second.
        faults: Faults to simulate, such as "500:2%,drop:1%"; see above.
        seed: Seed of the random faults, tokens and links.
        latency: Milliseconds before each reply.
        sets: NAME=VALUE: how it behaves where Airmeet's behaviour is not known. May be repeated.
        switches: List the names, their values and what they change, and end.
        until_stdin_closes: End when the parent process closes our standard input, or dies.
    """
    try:
        from airmeet_async.sandbox import Faults, World, describe_switches, parse_switches
        from airmeet_async.sandbox.server import environment, is_loopback, run

        if switches:
            for one in describe_switches():
                print_data(f"{one.name}={one.default}  ({one.values})")
                print_data("\n".join(wrapped(one.meaning, "    ", "    ")))
            return Exit.OK
        world = World(parse_switches(sets), seed=seed)

        def show(url: str) -> None:
            if not until_stdin_closes:
                Console().say("a simulated Airmeet; paste these lines into another shell, and stop it here with Ctrl-C")
            print_data("\n".join(environment(world, url)))

        trouble = Faults.parse(faults, seed=seed, rate_limit=rate_limit)
        if not is_loopback(host):
            Console().say(
                f"warning: with --host {host}, everybody who can reach this machine can read and change what is in the "
                "sandbox; put no real people into it"
            )
        options = {"port": port, "host": host, "latency": latency / 1000, "on_ready": show}
        run(world, trouble, until_stdin_closes=until_stdin_closes, **options)
    except ImportError:
        raise UsageError(needs_extra("the sandbox", "sandbox")) from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError(
            f"port {port} of {host} cannot be used ({what}); choose another --port, or 0 for any free port"
        ) from None
    return Exit.OK
