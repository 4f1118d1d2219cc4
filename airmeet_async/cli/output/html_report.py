"""Write the report page of a run (``--report FILE.html``): one HTML file that loads nothing and runs no script.

Rules of this file:

1. Text from a file or a server stays text: Jinja2 escapes it, `clean` removes secrets and control characters, and no
   table cell begins a formula, since spreadsheets open HTML, too.
2. E-mail addresses are masked in all of the page, its JSON included, unless ``--report-emails`` is given. That includes
   cells that should have been an address and are none.
3. Personal links are never part of what is collected.
4. Its place is checked before anything is sent, and the page appears there as a whole or not at all.
5. What is collected during a run is bounded, whatever its length.
"""

import math
import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from attrs import field, frozen

from airmeet_async.bulk.report import OTHER_NAME, BulkReport, RowResult, RowStatus, place_of
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.output.progress import TROUBLE
from airmeet_async.cli.output.summary import describe_status, wording_of
from airmeet_async.errors import ConfigError
from airmeet_async.formatting import duration
from airmeet_async.optional_imports import install_command
from airmeet_async.private_files import NewFile, check_target
from airmeet_async.protocol.redact import clean, mask_email
from airmeet_async.tables import guard

_MARK = b'content="airmeet-async report"'  # tells a report page from any other file
_MOST_SAMPLES, _MOST_CAUSES, _MOST_ROWS = 240, 100, 20
_LONGEST = 500

# The look-behind keeps the search linear: it begins only where a word does.
_WORD = r"[^\s@\uff20<>\"'(),;:=\[\]{}]"
_EMAIL = re.compile(rf"(?<!{_WORD}){_WORD}++(?:[@\uff20]{_WORD}*+)+")
_NO_EMAIL = re.compile(r"['\"](?P<cell>[^'\"].*?)['\"]? is not an e-mail address")  # see `validation`; it may be cut
_HARMLESS = re.compile(r"name@example\.com|.?\*{3}@.?\*{3}|…")  # the example in our messages; what is masked already
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)  # seconds between two times


def is_available() -> bool:
    """Whether the packages for report pages are installed."""
    return find_spec("jinja2") is not None


@frozen
class Sample:
    """The numbers of a run at one moment, each since its start; `allowed` are requests per second, None: no limit."""

    at_s: float = 0.0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    token_refreshes: int = 0
    failed: int = 0
    paused_s: float = 0.0
    allowed: float | None = None


class RunHistory:
    """What a page shows beyond the report: the run over time, and rows that did not succeed."""

    samples: list[Sample]

    def __init__(self) -> None:
        self.samples = [Sample()]
        self._interval = 1.0
        self._counts = Counter[str]()
        self._rows: dict[str, list[RowResult]] = {}

    def record(self, report: BulkReport, allowed: float | None, *, paused: bool = False) -> None:
        """Take the numbers of this moment; call it often."""
        last = self.samples[-1]
        at = max(report.elapsed_s, last.at_s)
        failed = sum(report.counts[status] for status in TROUBLE)
        paused_s = last.paused_s + (at - last.at_s if paused else 0.0)
        counted = (report.attempts, report.retries, report.throttled, report.token_refreshes, failed)
        if len(self.samples) > 1 and last.at_s - self.samples[-2].at_s < self._interval:
            self.samples.pop()  # the last one moves along until it is an interval away from the one before
        self.samples.append(Sample(at, *counted, paused_s, allowed))
        if len(self.samples) > _MOST_SAMPLES:
            del self.samples[1:-1:2]
            self._interval *= 2

    def add(self, result: RowResult) -> None:
        """Take one row's result."""
        is_other_name = result.error is not None and result.error.code == OTHER_NAME
        if result.status not in TROUBLE and not is_other_name:
            return
        code = result.error.code if result.error else result.status.value
        if code not in self._rows and len(self._rows) >= _MOST_CAUSES:
            code = "other"
        self._counts[code] += 1
        rows = self._rows.setdefault(code, [])
        if len(rows) < _MOST_ROWS:
            rows.append(result)

    @property
    def causes(self) -> list[tuple[str, int, Sequence[RowResult]]]:
        """Each code with the number of its rows and the first of them; those of most rows first."""
        return [(code, n, self._rows[code]) for code, n in self._counts.most_common()]

    @property
    def steps(self) -> list[tuple[Sample, Sample]]:
        """Begin and end of each piece of the run. A short last one counts to the one before: its rate says nothing."""
        samples = self.samples
        if len(samples) > 2 and samples[-1].at_s - samples[-2].at_s < self._interval / 2:
            samples = [*samples[:-2], samples[-1]]
        return [(one, other) for one, other in pairwise(samples) if other.at_s > one.at_s]


@frozen(kw_only=True)
class ReportPage:
    """The content of a page.

    Attributes:
        operation: Such as ``attendees.add``.
        done: What a row is that Airmeet has done, see `describe_done`.
        source: The input file's name; empty where there is none.
        event: Its name or its id.
        outcome: What came of all rows, in one line, as the summary says it.
        facts: The ``--json`` report.
        emails: Addresses are shown.
        transport: What has sent the requests, and the package of the event loop.
    """

    operation: str
    done: str = "succeeded"
    source: str = ""
    event: str
    outcome: str = ""
    report: BulkReport
    history: RunHistory = field(factory=RunHistory)
    settings: Mapping[str, str] = field(factory=dict)
    command: str = ""
    facts: Mapping[str, Any] = field(factory=dict)
    emails: bool = False
    transport: tuple[str, str] = ("", "")


def render(page: ReportPage) -> str:
    """Return the page as HTML."""
    from jinja2 import Environment, StrictUndefined

    template = files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    text = partial(_text, emails=page.emails)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"text": text, "cell": lambda value: guard(text(value)), "duration": duration}
    report, steps, versions = page.report, page.history.steps, _versions(*page.transport)
    now = datetime.now().astimezone()
    words = wording_of(page.operation)
    machine = {**page.facts, "command": page.command, "versions": versions, "settings": dict(page.settings)}
    return environment.from_string(template).render(
        page=page,
        report=report,
        title=f"{words.title}: {Path(page.source).name}" if page.source else words.title,
        when=f"{now.day} {now:%B %Y, %H:%M %Z}",
        place="Line" if page.source else "Row",
        statuses=[
            (status.value, n, 100 * n / (report.rows_read or 1), describe_status(report, status, words, page.done))
            for status, n in report.counts.items()
            if n or status is RowStatus.SUCCEEDED
        ],
        causes=[_cause(page, *cause) for cause in page.history.causes],
        speed=_speed(steps),
        tokens=[duration(end.at_s) for start, end in steps if end.token_refreshes > start.token_refreshes],
        paused=page.history.samples[-1].paused_s,
        versions=versions,
        machine=_each_text({**machine, "timeline": [_as_dict(*step) for step in steps]}, text),
    )


def _text(raw: str, longest: int = _LONGEST, *, emails: bool) -> str:
    """Make foreign text fit to be shown."""
    raw = raw[: 8 * longest]  # masked before it is cut to its length, for half an address is one, too
    if not emails:
        raw = _NO_EMAIL.sub(lambda found: found[0].replace(found["cell"], _mask(found["cell"])), raw)
        raw = _EMAIL.sub(lambda found: _mask(found[0]), raw)
    return clean(raw, longest)


def _mask(address: str) -> str:
    return address if _HARMLESS.fullmatch(address) else mask_email(address.replace("\uff20", "@"))


def _cause(page: ReportPage, code: str, n: int, results: Sequence[RowResult]) -> dict[str, Any]:
    """Return a cause with the reason that all its rows share, if they do but for their keys.

    Keys that were meant as an address and are none are masked here; `_text` sees to all others.
    """
    masked = not page.emails and page.operation.startswith(("attendees.", "speakers."))
    rows, reasons = list[dict[str, Any]](), set[str]()
    for result in results:
        key = _mask(result.key) if masked and result.key else result.key
        known = re.escape(result.key) if result.key else "(?!)"
        before, *between = re.split(rf"(?i)(?<!\w){known}(?!\w)", result.error.message if result.error else "")
        rows.append({
            "place": place_of(result), "key": key, "message": key.join([before, *between]), "attempts": result.attempts,
        })  # fmt: skip
        reasons.add("…".join([before, *between]))
    return {"code": code, "n": n, "rows": rows, "reason": reasons.pop() if len(reasons) == 1 else ""}


def _versions(transport: str, loop: str) -> dict[str, str]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("httpx", "anyio"))
    return {
        "airmeet-async": f"{version('airmeet-async')}, sending over the {transport} transport, on {loop}",
        "Python": f"{platform.python_version()} ({sys.implementation.name}), {packages}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _as_dict(start: Sample, end: Sample) -> dict[str, Any]:
    """Return one piece of the run as it is in the page's JSON."""
    counted = ("requests", "retries", "throttled", "token_refreshes", "failed")
    return {
        "start_s": round(start.at_s, 3),
        "end_s": round(end.at_s, 3),
        **{name: getattr(end, name) - getattr(start, name) for name in counted},
        "allowed_rate": None if end.allowed is None else round(end.allowed, 2),
        "paused_s": round(end.paused_s - start.paused_s, 3),
    }


def _each_text(value: Any, text: Callable[..., str]) -> Any:
    """Mask all texts of a JSON value."""
    if isinstance(value, str):
        return text(value, 2000)
    if isinstance(value, Mapping):
        return {name: _each_text(one, text) for name, one in value.items()}
    return [_each_text(one, text) for one in value] if isinstance(value, list) else value


def _speed(steps: Sequence[tuple[Sample, Sample]]) -> dict[str, Any] | None:
    """Return what the charts show; all numbers beside them are those of the lines, not of other clocks."""
    if not steps or not steps[-1][1].requests:
        return None
    end = steps[-1][1].at_s
    allowed = [after.allowed for _, after in steps]
    limits = [rate for rate in allowed if rate is not None]
    every = next((step for step in _STEPS if end <= 6 * step), 86400 * math.ceil(end / 86400 / 6))
    return {
        "sent": _plot(steps, [_rates(steps, "requests"), allowed]),
        "trouble": _plot(steps, [_rates(steps, "throttled"), _rates(steps, "retries")]),
        "limits": " to ".join(dict.fromkeys(f"{rate:,.3g}" for rate in (min(limits), max(limits)))) if limits else "",
        "step": duration(end / len(steps)),
        "end": end,
        "times": [(duration(at), 100 * at / end) for at in range(0, int(end) + 1, every)],
        "held": [
            (1000 * start.at_s / end, 1000 * (after.at_s - start.at_s) / end)
            for start, after in steps
            if after.paused_s - start.paused_s > (after.at_s - start.at_s) / 2
        ],
    }


def _rates(steps: Sequence[tuple[Sample, Sample]], name: str) -> list[float | None]:
    return [(getattr(end, name) - getattr(start, name)) / (end.at_s - start.at_s) for start, end in steps]


def _plot(steps: Sequence[tuple[Sample, Sample]], lines: Sequence[Sequence[float | None]]) -> dict[str, Any]:
    """Return the corners of lines in a box of 1000 by 100, which the page stretches, and the labels beside it."""
    peaks = [max((height or 0.0 for height in line), default=0.0) for line in lines]
    step = next(n * 10.0**e for e in range(-3, 12) for n in (1, 2, 5) if max(peaks) <= 4 * n * 10.0**e)
    marks = [step * number for number in range(max(1, math.ceil(max(peaks) / step)) + 1)]
    end = steps[-1][1].at_s
    corners = [
        " ".join(
            f"{1000 * at / end:.1f},{100 - 100 * height / marks[-1]:.2f}"
            for (start, after), height in zip(steps, line, strict=True)
            if height is not None
            for at in (start.at_s, after.at_s)
        )
        for line in lines
    ]
    peak = f"{peaks[0]:,.0f}" if peaks[0] >= 100 else f"{peaks[0]:,.1f}"
    return {"lines": corners, "heights": [(f"{mark:,.6g}", 100 * mark / marks[-1]) for mark in marks], "peak": peak}


def open_report_file(path: Path, others: Iterable[Path] = ()) -> NewFile:
    """Open the private file of a page; *others* are files of the same run, which it must not replace.

    Raises:
        UsageError: It would replace one of them, or a package is missing.
        ConfigError: It cannot be written.
    """
    if not is_available():
        raise UsageError(f"--report needs jinja2: {install_command('report')}")
    if any(os.path.realpath(path) == os.path.realpath(other) for other in others):
        raise UsageError(f"--report {path} is another file of this run; choose a different name")
    check_target(path, lambda head: _MARK in head, "a report page", name="report.html")
    return NewFile(path.parent)


def write_report_file(file: NewFile, path: Path, page: ReportPage) -> None:
    """Write the page, and give the file its name; an earlier page in its place is kept as ``….bak``.

    Raises:
        ConfigError: It cannot be written. What there is of it is kept.
    """
    try:
        file.write(render(page).encode(errors="backslashreplace"))
        file.put(path, backup=True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); the page is in {file.keep()}") from None
