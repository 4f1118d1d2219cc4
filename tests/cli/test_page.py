"""The report page: whole, self-contained, and safe to look at and to pass on."""

import json
import re
import stat
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from attrs import evolve

from airmeet_async import BulkReport, RowStatus, StopReason
from airmeet_async.cli.cases import Case, Cause
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.page import Told, render
from airmeet_async.cli.page_file import PageFile
from airmeet_async.cli.runner import Outcome, _write, verdict
from airmeet_async.cli.timeline import Slot
from airmeet_async.errors import ConfigError

HOSTILE = '<img src=x onerror=alert(1)>"\x1b[31m\u202e'
COUNTS = dict.fromkeys(RowStatus, 0) | {RowStatus.SUCCEEDED: 8, RowStatus.REJECTED: 2}
REPORT = BulkReport(
    "abcd", 10, COUNTS, attempts=12, retries=2, throttled=1, token_refreshes=2, elapsed_s=3.0, rate_mean=4.0,
    rate_peak=6.0, latency_ms={"p50": 80.0, "p90": 90.0, "p99": 120.0, "max": 130.0},
)  # fmt: skip
TOLD = Told(
    title="Registration: people.csv",
    verdict="8 of 10 rows succeeded.",
    when="1 May 2026",
    place="Line",
    report=REPORT,
    slots=(Slot(0.0, 1.0, requests=5, allowed=5.0, tokens=1), Slot(1.0, 3.0, requests=7, allowed=5.0, throttled=1)),
    causes=[Cause("http_422", 2, [Case(3, "ada@example.com", "no such person: ada@example.com", 1)])],
    settings={"event": "8f0c"},
    versions={"Python": "3.11"},
    command="airmeet register 8f0c people.csv --no-invite",
    facts=REPORT.as_dict(),
)
VOID = frozenset(("meta", "link", "img", "br"))


class Read(HTMLParser):
    """What a page consists of. It must be well nested."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.attributes = [], [], []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self._open[-1] if self._open else "", data))

    @property
    def cells(self):
        return [text for tag, text in self.texts if tag in {"td", "th", "code"}]

    @property
    def summary(self):
        [data] = [text for tag, text in self.texts if tag == "script"]
        return json.loads(data)


def test_the_page_has_all_that_was_promised():
    read = Read(render(TOLD))
    text = " ".join(text for tag, text in read.texts if tag not in {"style", "script"})

    for promised in (
        "8 of 10 rows succeeded.", "What became of the rows", "Requests against what was allowed",
        "Throttling and retries", "Tokens fetched: 2 (after 1 s)", "half (median)", "120 ms", "http_422",
        "airmeet register 8f0c people.csv --no-invite", "8f0c", "3.11",
        "1 throttled answer in all, 2 requests sent again",
    ):  # fmt: skip
        assert promised in text
    assert read.tags.count("svg") == 2
    assert read.summary["counts"]["succeeded"] == 8
    assert [slot["requests"] for slot in read.summary["timeline"]] == [5, 7]


def test_it_asks_for_nothing_and_runs_nothing():
    page = render(TOLD)
    read = Read(page)

    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert [value for tag, name, value in read.attributes if tag == "script"] == ["application/json", "airmeet-report"]
    assert not [entry for entry in read.attributes if entry[1].startswith("on") or entry[1] in {"src", "srcset"}]
    assert [value for _, name, value in read.attributes if name == "href"] == ["data:,"]
    assert re.findall(r"url\(|@import", page) == []


def test_every_table_has_a_caption_and_every_heading_its_level():
    read = Read(render(TOLD))
    levels = [int(tag[1]) for tag in read.tags if re.fullmatch("h[1-6]", tag)]

    assert read.tags.count("caption") == read.tags.count("table") >= 4
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    labels = [value for tag, name, value in read.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == 2
    assert ("html", "lang", "en") in read.attributes


@pytest.mark.parametrize("emails", [True, False])
def test_hostile_text_is_text(emails):
    case = Case(3, HOSTILE, HOSTILE, 1)
    told = evolve(
        TOLD, title=HOSTILE, verdict=HOSTILE, command=HOSTILE, settings={"job": HOSTILE}, emails=emails, people=False,
        causes=[Cause(HOSTILE, 1, [case])], facts={"message": f"</script><script>{HOSTILE}"},
        report=evolve(REPORT, stop_reason=StopReason.FAILURES, stop_message=HOSTILE),
    )  # fmt: skip
    page = render(told)
    read = Read(page)

    assert "img" not in read.tags
    assert read.tags.count("script") == 1
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert read.summary["message"].startswith("</script><script><img")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum(a1)", "|calc", "＝1+1", "＋1", "－1", "＠sum"])
def test_no_cell_is_a_formula_for_a_spreadsheet_that_opens_the_page(text):
    told = evolve(
        TOLD, causes=[Cause(text, 1, [Case(2, text, text, 1)])], settings={"job": text}, people=False, emails=True
    )

    cells = [cell for cell in Read(render(told)).cells if text in cell]
    assert cells == [f"'{text}"] * 4


def test_addresses_are_masked_everywhere_unless_they_are_asked_for():
    told = evolve(
        TOLD,
        command="airmeet block 8f0c ada@example.com",
        facts={"failures": [{"message": "no such person: ada@example.com"}], "path": "ada＠example.com.csv"},
    )

    assert not re.search("ada|example", render(told))
    shown = Read(render(evolve(told, emails=True)))
    assert "ada@example.com" in shown.cells
    assert shown.summary["command"].endswith("ada@example.com")


def test_what_was_meant_as_an_address_is_masked_too_and_an_example_is_not():
    message = "'ada.example.com' is not an e-mail address; expected something like name@example.com"
    told = evolve(TOLD, causes=[Cause("invalid_email", 1, [Case(3, "ada.example.com", message, 0)])])

    assert "'a***@***' is not an e-mail address; expected something like name@example.com" in Read(render(told)).cells
    assert "ada.example.com" in Read(render(evolve(told, people=False))).cells


def test_no_personal_link_and_no_token_gets_there():
    link = "https://www.airmeet.com/e/1?code=abcdefgh"
    told = evolve(
        TOLD,
        emails=True,
        command=f"airmeet register 8f0c {link}",
        causes=[Cause("x", 1, [Case(1, link, f"see {link}", 1)])],
    )

    assert "abcdefgh" not in render(told)


def test_a_run_without_requests_has_a_page_without_charts():
    empty = BulkReport("job", 0, dict.fromkeys(RowStatus, 0))
    read = Read(render(Told(title="t", verdict="v", when="w", place="Line", report=empty)))

    assert "svg" not in read.tags
    assert "There is no such row." in str(read.texts)


def counted(**counts):
    found = dict.fromkeys(RowStatus, 0) | {RowStatus(name): n for name, n in counts.items()}
    return BulkReport("job", sum(found.values()), found)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (counted(succeeded=8), "8 of 8 rows succeeded, and nothing is left to do."),
        (counted(skipped=8), "0 of 8 rows succeeded, 8 were done before, and nothing is left to do."),
        (
            counted(succeeded=1, duplicate=1, skipped=1),
            "1 of 3 rows succeeded, 1 was done before, 1 is a duplicate, and nothing is left to do.",
        ),
        (counted(succeeded=1000, failed=2, unknown=1), "1,000 of 1,003 rows succeeded, 3 did not succeed."),
        (counted(unprocessed=4), "0 of 4 rows succeeded, 4 were not reached."),
        (counted(), "0 of 0 rows succeeded."),
    ],
)
def test_the_verdict_is_a_sentence(report, said):
    assert verdict(report) == said


def test_a_page_is_private_and_an_earlier_one_is_kept(tmp_path):
    path = tmp_path / "run.html"
    for told in (TOLD, evolve(TOLD, verdict="Another run.")):
        with PageFile(path) as file:
            file.write(partial(render, told))

    assert "Another run." in path.read_text()
    assert "8 of 10 rows succeeded." in (tmp_path / "run.html.bak").read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {left.name for left in tmp_path.iterdir()} == {"run.html", "run.html.bak"}


def test_a_run_that_never_began_leaves_the_earlier_page(tmp_path):
    path = tmp_path / "run.html"
    with PageFile(path) as file:
        file.write(lambda: render(TOLD))
    with PageFile(path):
        pass

    assert [left.name for left in tmp_path.iterdir()] == ["run.html"]
    assert "8 of 10" in path.read_text()


def test_another_file_is_not_replaced(tmp_path):
    (tmp_path / "other.html").write_text("<p>my own")
    results = tmp_path / "results.csv"

    with pytest.raises(ConfigError, match="exists and is not a report page; choose another name"):
        PageFile(tmp_path / "other.html")
    with pytest.raises(UsageError, match=r"--report .* is another file of this run; choose"):
        PageFile(tmp_path / "x" / ".." / "results.csv", (None, results))
    with pytest.raises(ConfigError, match="no file can be created there"):
        PageFile(tmp_path / "nowhere" / "run.html")


def test_a_page_that_cannot_be_made_does_not_take_the_outcome_along(tmp_path):
    """The run is done: its counts and files are told all the same."""

    def broken(_):
        raise ZeroDivisionError

    with PageFile(tmp_path / "run.html") as file:
        outcome = _write(file, Outcome(REPORT, 3, "r.csv", None), broken)

    assert (outcome.code, outcome.results, outcome.page) == (1, "r.csv", None)
    assert "run.html: cannot be made (unexpected: ZeroDivisionError" in str(outcome.trouble)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("hidden", ["jinja2", "pygal"])
def test_a_missing_package_is_named_before_anything_is_sent(hidden):
    script = (
        f"import sys; sys.modules[{hidden!r}] = None\n"
        "from pathlib import Path; from airmeet_async.cli.page_file import PageFile\n"
        "try: PageFile(Path('run.html'))\nexcept ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == f"--report needs {hidden}: pip install 'airmeet-async[report]'"


def test_a_page_that_finds_no_place_is_kept(tmp_path):
    with PageFile(tmp_path / "run.html") as file, pytest.raises(ConfigError, match=r"the page is in .*\.kept"):
        (tmp_path / "run.html").mkdir()
        file.write(lambda: render(TOLD))

    [kept] = tmp_path.glob(".airmeet-*.kept")
    assert "8 of 10" in kept.read_text()
