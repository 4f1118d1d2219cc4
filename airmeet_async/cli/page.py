"""The page of ``--report``: what a run was, as one HTML file that needs neither network nor scripts.

Whatever came from a file or a server is shown as text: HTML is escaped by the template, control characters and
secrets by `clean`, what a spreadsheet would take for a formula by `guard`; and e-mail addresses are masked, unless they
are asked for. No personal link gets here.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from attrs import evolve, field, frozen

from airmeet_async.bulk.report import BulkReport, RowStatus
from airmeet_async.bulk.table_cells import counted, guard
from airmeet_async.cli.cases import Case, Cause
from airmeet_async.cli.charts import ALLOWED, RETRIES, SENT, THROTTLED, Line, chart
from airmeet_async.cli.output.summary import MEANINGS
from airmeet_async.cli.timeline import Slot
from airmeet_async.formatting import duration
from airmeet_async.protocol.redact import clean, mask_email

MARK = b'content="airmeet-async report"'
"""What tells such a page from any other file."""

_NAME = r"[^\s@\uff20<>\"'(),;:=\[\]{}]+"
_EMAIL = re.compile(f"{_NAME}[@\uff20]{_NAME}")
_HARMLESS = re.compile(r"name@example\.com|.?\*{3}@.?\*{3}")  # the example of our messages, and what is masked already
_LONGEST = 500


@frozen(kw_only=True)
class Told:
    """What a page tells.

    Attributes:
        title: What the run was, in a few words.
        verdict: What came of it, in a sentence.
        when: When it was.
        place: What a row's number is: a line of the file, or a row.
        people: Its key is an address, or should have been one.
        report: Its sums.
        slots: How it went over time.
        causes: Rows that did not succeed.
        settings: How it was run: names and values.
        versions: Of what.
        command: What was typed.
        facts: The summary for machines.
        emails: Show addresses.
    """

    title: str
    verdict: str
    when: str
    place: str
    people: bool = True
    report: BulkReport
    slots: Sequence[Slot] = ()
    causes: Sequence[Cause] = ()
    settings: Mapping[str, str] = field(factory=dict)
    versions: Mapping[str, str] = field(factory=dict)
    command: str = ""
    facts: Mapping[str, Any] = field(factory=dict)
    emails: bool = False


def missing_packages() -> list[str]:
    """Return which packages a page cannot be made without."""
    return [name for name in ("jinja2", "pygal") if find_spec(name) is None]


def render(told: Told) -> str:
    """Return the page."""
    from jinja2 import Environment, StrictUndefined

    template = files("airmeet_async.cli").joinpath("page.html.jinja").read_text(encoding="utf-8")
    text = _Text(emails=told.emails)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"text": text, "cell": lambda value: guard(text(value)), "duration": duration}
    return environment.from_string(template).render(
        told=told,
        report=told.report,
        causes=[(cause.code, cause.n, [_row(case, told, text) for case in cause.cases]) for cause in told.causes],
        statuses=_statuses(told.report),
        pace=_pace(told),
        trouble=_trouble(told),
        tokens=[duration(slot.end) for slot in told.slots if slot.tokens],
        paused=sum(slot.paused_s for slot in told.slots),
        summary=_summary(told, text),
    )


class _Text:
    """Makes foreign text fit to be shown."""

    def __init__(self, *, emails: bool) -> None:
        self._emails = emails

    def __call__(self, text: str, longest: int = _LONGEST) -> str:
        # Masked before it is cut, for half an address is one, too.
        return clean(text if self._emails else _EMAIL.sub(_mask, text[: 8 * longest]), longest)


def _mask(found: re.Match[str]) -> str:
    return found[0] if _HARMLESS.fullmatch(found[0]) else mask_email(found[0].replace("\uff20", "@"))


def _row(case: Case, told: Told, text: _Text) -> Case:
    """Return a row with its texts as they are shown. What was meant as an address is masked, too."""
    key, message = case.key, case.message
    if told.people and not told.emails and key:
        masked = mask_email(key)
        key, message = masked, message.replace(key, masked)
    return evolve(case, key=guard(text(key)), message=guard(text(message)))


@frozen
class _Share:
    """One status in the bar and the table of the outcome."""

    name: str
    n: int
    percent: float
    meaning: str


def _statuses(report: BulkReport) -> list[_Share]:
    """Return the statuses that came up."""
    total = report.rows_read or 1
    return [
        _Share(status.value, n, 100 * n / total, MEANINGS[status] or "Airmeet has them")
        for status, n in report.counts.items()
        if n or status is RowStatus.SUCCEEDED
    ]


@frozen
class _Drawing:
    """A chart with its text."""

    svg: str
    alt: str
    lines: int


def _pace(told: Told) -> _Drawing | None:
    """Draw the requests against those that were allowed."""
    if not told.report.attempts:
        return None
    report, limits = told.report, [slot.allowed for slot in told.slots if slot.allowed is not None]
    alt = (
        f"Requests per second over {duration(report.elapsed_s)}: {report.rate_mean:,.1f} on average, at most "
        f"{report.rate_peak:,.0f}"
    )
    alt += f"; allowed were {_between(limits)}" if limits else "; there was no limit"
    return _drawing(told, (SENT, ALLOWED) if limits else (SENT,), alt)


def _between(rates: Sequence[float]) -> str:
    least, most = f"{min(rates):,.3g}", f"{max(rates):,.3g}"
    return least if least == most else f"{least} to {most}"


def _trouble(told: Told) -> _Drawing | None:
    """Draw throttled answers and retries, if there were any."""
    report = told.report
    if not (report.throttled or report.retries):
        return None
    alt = (
        f"Per second over {duration(report.elapsed_s)}: {counted(report.throttled, 'throttled answer')} in all, "
        f"{counted(report.retries, 'request')} sent again"
    )
    return _drawing(told, (THROTTLED, RETRIES), alt)


def _drawing(told: Told, lines: Sequence[Line], alt: str) -> _Drawing:
    return _Drawing(chart(told.slots, lines, alt), alt, len(lines))


def _summary(told: Told, text: _Text) -> Any:
    """Return what machines read: the report, and the run over time."""
    facts = {**told.facts, "command": told.command, "versions": dict(told.versions), "settings": dict(told.settings)}
    return _each_text({**facts, "timeline": [slot.as_dict() for slot in told.slots]}, text)


def _each_text(value: Any, text: _Text) -> Any:
    if isinstance(value, str):
        return text(value, 2000)
    if isinstance(value, Mapping):
        return {name: _each_text(one, text) for name, one in value.items()}
    return [_each_text(one, text) for one in value] if isinstance(value, list) else value
