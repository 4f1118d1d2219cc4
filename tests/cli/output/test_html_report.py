"""The report page: it says what a run was, is safe to pass on, and can be read in any window."""

import json
import re
import stat
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import evolve

from airmeet_async import BulkReport, FailureGroup, RowError, RowResult, RowStatus, StopReason
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.output import html_report
from airmeet_async.cli.output.html_report import (
    ReportPage,
    RunHistory,
    open_report_file,
    render,
    write_report_file,
)
from airmeet_async.cli.output.summary import RunOutcome
from airmeet_async.cli.runner import write_page
from airmeet_async.errors import ConfigError
from airmeet_async.optional_imports import install_command
from airmeet_async.protocol.validation import check_email
from tests.support.browser import CHROMIUM, Page

HOSTILE = '<img src="https://example.com/x" onerror=alert(1)>"\x1b[31m\u202e'
BAD = "ada.lovelace at example.org"


def why(address):
    problem = check_email(address)
    assert problem is not None
    return problem.message


def failed(line, key, code="http_422", message="no such person", *, status=RowStatus.REJECTED, attempts=1):
    return RowResult(line - 2, line, key, status, attempts, error=RowError(code, message))


def history(*results, seconds=30, per_second=8.0):
    """A run that was looked at four times a second and paused for three seconds from the tenth on."""
    found = RunHistory()
    for look in range(1, seconds * 4 + 1):
        now, counts = look / 4, dict.fromkeys(RowStatus, 0)
        report = BulkReport("job", 0, counts, attempts=int(now * per_second), throttled=int(now > 10), elapsed_s=now)
        found.record(evolve(report, token_refreshes=1), 10.0, paused=10 < now <= 13)
    for result in results:
        found.add(result)
    return found


REPORT = BulkReport(
    "abcd", 10, dict.fromkeys(RowStatus, 0) | {RowStatus.SUCCEEDED: 7, RowStatus.REJECTED: 2, RowStatus.INVALID: 1},
    attempts=240, retries=2, throttled=1, token_refreshes=1, elapsed_s=30.0, rate_mean=8.0, rate_peak=99.0,
    latency_ms={"p50": 80.0, "p90": 90.0, "p99": 120.0, "max": 130.0}, warned_rows=3,
    warnings=(FailureGroup("will_be_cut", "Airmeet will shorten city", 3, (4, 5, 6)),),
)  # fmt: skip
PAGE = ReportPage(
    operation="attendees.add",
    source="/srv/lists/people.csv",
    event="8f0c1a2e",
    outcome="7 of 9 registered · 2 refused · 1 left out",
    report=REPORT,
    history=history(
        failed(3, "ada@example.com"),
        failed(4, "bob@example.com", message="no such person: bob@example.com"),
        failed(9, BAD, "invalid_email", why(BAD), status=RowStatus.INVALID, attempts=0),
    ),
    settings={"event": "8f0c1a2e", "pace": "at most 10 requests per second"},
    command="airmeet register 8f0c1a2e people.csv --no-invite",
    facts={**REPORT.as_dict(), "invites_unverified": 1, "results_path": "people-results.csv", "failed_path": "l.csv"},
    transport=("fast", "uvloop"),
)


class Read(HTMLParser):
    """The elements and texts of a page, which must be well nested."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.attributes = [], [], []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in {"meta", "link", "img"}:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self._open[-1] if self._open else "", data))

    @property
    def visible(self):
        return " ".join(" ".join(text for tag, text in self.texts if tag not in {"style", "script", "title"}).split())

    @property
    def json(self):
        [data] = [text for tag, text in self.texts if tag == "script"]
        return json.loads(data)


def test_people_come_before_machinery():
    """What failed and whom it concerns is said before charts, latencies and versions."""
    said = [
        "Event 8f0c1a2e", "Registration: people.csv", "7 of 9 registered · 2 refused · 1 left out",
        "1 row : the invitation may not have been mailed", "3 rows (will_be_cut), lines 4, 5, 6: Airmeet will",
        "refused by Airmeet",
        "Rows that did not succeed", "people-results.csv", "l.csv", "http_422", "Line", "invalid_email", "Line 9",
        "Speed", "Steps of 1 s: at most 8.0 requests per second; limit: 10", "Tokens fetched: 1", "half (median)",
        "How it was run", "airmeet register 8f0c1a2e people.csv --no-invite",
        "sending over the fast transport, on uvloop",
    ]  # fmt: skip
    text = Read(render(PAGE)).visible.replace("1 row:", "1 row :")

    found = [text.find(one) for one in said]
    assert dict(zip(said, found, strict=True)) == dict(zip(said, sorted(found), strict=True))
    assert -1 not in found


def test_the_page_loads_nothing_and_runs_nothing():
    page = render(PAGE)
    read = Read(page)

    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert [value for tag, _, value in read.attributes if tag == "script"] == ["application/json", "airmeet-report"]
    assert not [entry for entry in read.attributes if entry[1].startswith("on") or entry[1] in {"src", "srcset"}]
    assert [value for _, name, value in read.attributes if name == "href"] == ["data:,"]
    assert re.findall(r"url\(|@import", page) == []


@pytest.mark.parametrize("emails", [True, False])
def test_text_from_files_and_servers_is_text(emails):
    page = evolve(
        PAGE, source=HOSTILE.replace("/", ""), event=HOSTILE, command=HOSTILE, settings={"job": HOSTILE},
        emails=emails, history=history(failed(3, HOSTILE, HOSTILE, HOSTILE)), facts={"x": f"</script>{HOSTILE}"},
        report=evolve(REPORT, stop_reason=StopReason.FAILURES, stop_message=HOSTILE),
    )  # fmt: skip
    html = render(page)
    read = Read(html)

    assert (read.tags.count("img"), read.tags.count("script")) == (0, 1)
    assert (html.count("\x1b"), html.count("\u202e")) == (0, 0)
    assert read.json["x"].startswith("</script><img")


def test_no_cell_is_a_formula_for_a_spreadsheet_that_opens_the_page():
    for text in ("=1+1", "+1", "-7+1", "@sum(a1)", "|calc", "＝1+1", "＋1", "－8", "＠sum"):
        varied = (failed(3, text, text, text), failed(4, "x", text, "another"))
        shared = (failed(5, text, "same", text + "1"), failed(6, "y", "same", text + "1"))
        page = evolve(
            PAGE, operation="booths.create", history=history(*varied, *shared), settings={"job": text}, emails=True
        )
        cells = [cell for tag, cell in Read(render(page)).texts if text in cell and tag != "script"]
        assert len(cells) == 6, cells
        assert all(cell.startswith("'") for cell in cells), cells


def test_addresses_are_masked_everywhere_unless_they_are_asked_for():
    """Also those that are none: in the tables, in the stop's reason, and in the JSON for machines."""
    long = f"{'x' * 90} {BAD}"
    message = why(BAD)
    report = evolve(REPORT, stop_reason=StopReason.FAILURES, stop_message=f"20 rows failed; the last one: {message}")
    page = evolve(
        PAGE,
        source="people.csv",
        command="airmeet block 8f0c bob@example.com",
        report=report,
        history=history(failed(9, BAD.upper(), "invalid_email", message), failed(8, "bob＠example.com")),
        facts={"failures": [{"message": message}, {"message": why(long)}], "stop_message": message},
    )
    hidden, shown = render(page), render(evolve(page, emails=True))

    assert re.findall(r"(?i)lovelace|bob|x{5}|example\.org", hidden) == []
    assert "a***@***" in Read(hidden).json["failures"][0]["message"]
    assert "expected something like name@example.com" in Read(hidden).visible
    assert BAD.upper() in Read(shown).visible
    assert Read(shown).json["failures"][0]["message"] == message
    assert Read(shown).json["command"].endswith("bob@example.com")


def test_keys_that_are_no_addresses_are_shown():
    page = evolve(PAGE, operation="sessions.create", history=history(failed(3, "Opening of the day")))

    assert "Opening of the day" in Read(render(page)).visible


def test_no_personal_link_and_no_token_gets_there():
    link = "https://www.airmeet.com/e/1?code=abcdefgh"
    rows = history(failed(1, link, message=f"see {link}"))

    assert "abcdefgh" not in render(evolve(PAGE, emails=True, command=f"airmeet register {link}", history=rows))


def test_a_reason_that_all_rows_of_a_cause_share_is_said_once():
    page = render(evolve(PAGE, history=history(*(failed(n, f"p{n}@example.com") for n in range(3, 60)))))

    assert page.count("no such person") == 1
    assert "57 rows" in page
    assert "and 37 more" in Read(page).visible
    assert page.count("***@e***") == 20


def test_a_run_without_requests_has_a_page_without_charts():
    empty = BulkReport("job", 0, dict.fromkeys(RowStatus, 0))
    read = Read(render(ReportPage(operation="attendees.add", event="8f0c", report=empty)))

    assert "svg" not in read.tags
    assert "Speed" not in read.visible


def test_a_history_is_bounded_and_loses_nothing():
    for seconds in (1, 59, 400, 5000):
        samples = history(seconds=seconds).samples
        assert 2 <= len(samples) <= 240, seconds
        assert len(samples) >= min(seconds, 100), seconds
        assert all(one.at_s < other.at_s for one, other in pairwise(samples)), seconds
        assert (samples[-1].at_s, samples[-1].requests) == (seconds, 8 * seconds)
        assert samples[-1].paused_s == pytest.approx(min(3.0, max(0.0, seconds - 10)))

    crowd = history(*(failed(n, f"p{n}@example.com", f"c{n % 150}") for n in range(2, 3000)))
    assert len(crowd.causes) <= 101
    assert sum(n for _, n, _ in crowd.causes) == 2998
    assert max(len(rows) for _, _, rows in crowd.causes) == 20


def test_the_timeline_for_machines_adds_up():
    timeline = Read(render(PAGE)).json["timeline"]

    assert (timeline[0]["start_s"], timeline[-1]["end_s"]) == (0, 30)
    assert [sum(step[name] for step in timeline) for name in ("requests", "token_refreshes", "paused_s")] == [240, 1, 3]
    assert all(one["end_s"] == other["start_s"] for one, other in pairwise(timeline))


def test_the_caption_has_the_peak_of_the_curve():
    """A burst in the last instants is no rate; and no other clock's peak is named beside the line."""
    rows = history()
    rows.record(BulkReport("job", 0, dict.fromkeys(RowStatus, 0), attempts=260, elapsed_s=30.01), 10.0)
    html = render(evolve(PAGE, history=rows))
    [line] = re.findall(r'<div class="plot sent">.*?<polyline class="one" points="([^"]*)"', html, re.DOTALL)
    top = re.findall(r'<span class="height" style="bottom: 100.0%" aria-hidden="true">(\d+)', html)[0]
    peak = max((100 - float(point.split(",")[1])) / 100 * float(top) for point in line.split())

    [said] = re.findall(r"<figcaption>Steps of 1 s: at most ([\d.]+) requests", html)
    assert peak == pytest.approx(float(said), abs=0.05)
    assert peak < 99


def test_a_page_is_private_and_an_earlier_one_is_kept(tmp_path):
    path = tmp_path / "run.html"
    for event in ("first", "second"):
        with open_report_file(path) as file:
            write_report_file(file, path, evolve(PAGE, event=event))
    with open_report_file(path):  # a run that never began leaves the page
        pass

    assert "Event second" in path.read_text()
    assert "Event first" in (tmp_path / "run.html.bak").read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {left.name for left in tmp_path.iterdir()} == {"run.html", "run.html.bak"}


def test_another_file_is_not_replaced(tmp_path):
    (tmp_path / "other.html").write_text("<p>my own")

    with pytest.raises(ConfigError, match="exists and is not a report page; choose another name"):
        open_report_file(tmp_path / "other.html")
    with pytest.raises(UsageError, match=r"--report .* is another file of this run; choose"):
        open_report_file(tmp_path / "x" / ".." / "results.csv", (tmp_path / "results.csv",))
    with pytest.raises(ConfigError, match="no file can be created there"):
        open_report_file(tmp_path / "nowhere" / "run.html")


def test_a_page_that_cannot_be_made_does_not_take_the_outcome_along(tmp_path):
    """The run is done: its counts and files are told all the same."""

    class Broken(RunHistory):
        @property
        def steps(self):
            raise ZeroDivisionError

    path = tmp_path / "run.html"
    with open_report_file(path) as file:
        page = evolve(PAGE, history=Broken())
        outcome = write_page(file, path, RunOutcome(report=REPORT, code=3, results="r.csv"), page)

    assert (outcome.code, outcome.results, outcome.page) == (1, "r.csv", None)
    assert "run.html: the report could not be written (unexpected: ZeroDivisionError" in str(outcome.trouble)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_finds_no_place_is_kept(tmp_path):
    path = tmp_path / "run.html"
    with open_report_file(path) as file, pytest.raises(ConfigError, match=r"the page is in .*\.kept"):
        path.mkdir()
        write_report_file(file, path, PAGE)

    [kept] = tmp_path.glob(".airmeet-*.kept")
    assert "7 of 9" in kept.read_text()


def test_a_missing_package_is_named_before_anything_is_sent(monkeypatch):
    monkeypatch.setattr(html_report, "find_spec", lambda name: None)

    with pytest.raises(UsageError, match=re.escape(f"--report needs jinja2: {install_command('report')}")):
        open_report_file(Path("run.html"))


# The contrast of each text against the nearest background that is painted, as WCAG 2 counts it.
CONTRASTS = """
(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => numbers(colour).slice(0, 3).map(n => n / 255)
    .map(n => n <= 0.03928 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4)
    .reduce((sum, n, at) => sum + n * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((numbers(colour)[3] ?? 1) === 1) return colour;
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    const [more, less] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
    found.push([(more + 0.05) / (less + 0.05), walker.currentNode.data.trim()]);
  }
  return found;
})()
"""
# Elements that reach beyond the window, hide a part of themselves, or have letters under 11 pixels.
CUT = """
[...document.querySelectorAll("main *")].filter(one => {
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  return box.width && (box.left < 0 || box.right > innerWidth || parseFloat(style.fontSize) < 11
    || (style.overflowX !== "visible" && one.scrollWidth > one.clientWidth));
}).map(one => one.outerHTML.slice(0, 90))
"""
POLICY = re.compile('<meta http-equiv="Content-Security-Policy".*?>')
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")


def in_browser(test):
    return pytest.mark.slow(pytest.mark.real_time(needs_chromium(test)))


@pytest.fixture(scope="module")
def browser():
    with Page() as page:
        yield page


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "run.html"
    rows = history(
        *(failed(n * 1000, f"{'long' * 12}{n}@example.com") for n in range(1, 30)),
        failed(4, HOSTILE, HOSTILE, "word" * 90, attempts=5),
        failed(5, "x", HOSTILE, HOSTILE),
    )
    path.write_text(render(evolve(PAGE, history=rows, emails=True)), encoding="utf-8")
    return path


@in_browser
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_nothing_is_cut_in_a_window_of_any_width(browser, file, width):
    browser.media()
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    browser.open(file)

    assert browser.find("document.documentElement.scrollWidth") <= width
    assert browser.find(CUT) == []
    assert browser.find("document.querySelectorAll('.plot svg').length") == 2


@in_browser
def test_no_request_leaves_the_page_and_the_console_is_silent(browser, file):
    """And the check sees both: a picture is asked for without the policy, and complained of with it."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(file)
    assert (browser.requests, browser.complaints) == ([file.as_uri()], [])

    whole = file.read_text(encoding="utf-8").replace("<footer>", '<img src="file:///nowhere.png"><footer>')
    file.write_text(POLICY.sub("", whole), encoding="utf-8")
    browser.open(file)
    assert "file:///nowhere.png" in browser.requests
    browser.complaints.clear()
    file.write_text(whole, encoding="utf-8")
    browser.open(file)
    assert "Content Security Policy" in str(browser.complaints)


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(browser, file, scheme):
    browser.media(scheme=scheme)
    browser.open(file)
    contrasts = browser.find(CONTRASTS)

    assert len(contrasts) > 80
    assert [text for contrast, text in contrasts if contrast < 4.5] == []


@in_browser
def test_dark_is_dark_and_paper_is_white(browser, file):
    browser.open(file)
    seen = []
    for scheme, media in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
        browser.media(scheme=scheme, media=media)
        seen.append(browser.find("getComputedStyle(document.body).backgroundColor"))
    pages = len(re.findall(rb"/Type ?/Page\b", browser.pdf(scheme="dark")))

    assert seen == ["rgb(252, 251, 248)", "rgb(22, 23, 26)", "rgb(255, 255, 255)"]
    assert 1 <= pages <= 5


@in_browser
def test_who_does_not_see_the_page_is_told_all_of_it(browser, file):
    """Charts have a text, tables a name, and headings go down by one level."""
    browser.media()
    browser.open(file)
    nodes = [node for node in browser.ask("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
    levels = browser.find("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => +one.tagName[1])")

    assert [name.partition(" ")[0] for role, name in named if role == "image"] == ["Requests", "Below,"]
    assert len([name for role, name in named if role == "table" and name]) == 4
    assert all(name for role, name in named if role == "table")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
