"""What a report counts, and how it looks in a notebook: as two tables, and as a data frame."""

import copy
import json
import pickle
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd  # noqa: F401 - now, or the first test that needs it is charged for a second of imports
import pyarrow as pa
import pytest
from attrs import evolve

from airmeet_async import Attendee, BulkReport, RowStatus, StopReason
from airmeet_async.bulk.report import FailureGroup, RowWarning, results_to_frame
from airmeet_async.bulk.statistics import CauseCounter
from airmeet_async.errors import ClientStateError, ConfigError
from airmeet_async.optional_imports import install_command
from tests.support.worlds import run, transport_of

COUNTS = dict.fromkeys(RowStatus, 0) | {RowStatus.SUCCEEDED: 1, RowStatus.REJECTED: 1}
REPORT = BulkReport("job", 2, COUNTS, attempts=3, retries=1, failures=(FailureGroup("http_422", "no", 1, (3,)),))
INSTALL = "pip install 'airmeet-async[dataframe]'"
HIDDEN = """
import sys
sys.modules.update(dict.fromkeys({hidden!r}))
from airmeet_async import BulkReport
from airmeet_async.errors import ConfigError
try:
    BulkReport("job", 0, {{}}, results=()).to_frame(backend={backend!r})
except ConfigError as error:
    print(error)
"""


class Cells(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_it_is_shown_as_two_tables():
    cells = Cells(REPORT._repr_html_())

    assert cells.tags.count("table") == cells.tags.count("caption") == 2
    assert "1 of 2 rows succeeded" in cells.texts
    assert cells.texts[-4:] == ["http_422", "1", "3", "no"]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "=1+1", "\x1b[31m", "x?code=abc"])
def test_foreign_text_is_text(text):
    report = evolve(
        REPORT, failures=(FailureGroup(text, text, 1, ()),), stop_reason=StopReason.FAILURES, stop_message=text
    )
    shown = report._repr_html_()

    assert "script" not in Cells(shown).tags
    assert not [word for word in ("\x1b", ">=1", "abc") if word in shown]


PEOPLE = (Attendee("ada@example.com", "Ada", "Ay"), Attendee("bad", "B", "Bee"))


def rows_of(frame, backend):
    if backend == "pandas":
        return frame.astype(object).where(frame.notna(), None).to_dict("records")
    return frame.to_dicts() if backend == "polars" else frame.to_pylist()


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
async def test_the_results_are_a_frame_with_a_row_for_each_row(backend):
    pytest.importorskip(backend)
    frame = (await run(transport_of(), PEOPLE)).to_frame(backend=backend)

    names = ("index", "line", "key", "status", "http_status", "code", "attempts", "ambiguous")
    assert type(frame).__module__.partition(".")[0] == backend
    assert [tuple(row[name] for name in names) for row in rows_of(frame, backend)] == [
        (0, None, "ada@example.com", "succeeded", 200, None, 1, False),
        (1, None, "bad", "invalid", None, "invalid_email", 0, False),
    ]


def test_a_column_has_its_type_also_where_it_is_empty():
    schema = evolve(REPORT, results=()).to_frame(backend="pyarrow").schema

    assert (schema.field("line").type, schema.field("error").type) == (pa.int64(), pa.string())


async def test_links_are_in_it_unless_they_are_left_out():
    report = await run(transport_of(), PEOPLE)
    links = report.to_frame(backend="pyarrow").column("entry_link").to_pylist()

    assert "entry_link" not in report.to_frame(backend="pyarrow", links=False).column_names
    assert [bool(link) for link in links] == [True, False]


async def test_the_columns_of_the_input_are_in_it():
    """As texts, also those of no use, of `Attendee` values, and of a name that the results have."""
    rows = [{"email": "ada@example.com", "first_name": "Ada", "last_name": "Ay", "seat": 7, "status": "vip"}]
    report = await run(transport_of(), [*rows, *PEOPLE[1:]])
    (first, second) = report.to_frame(backend="pyarrow").to_pylist()

    assert (first["seat"], first["input_status"], first["status"]) == ("7", "vip", "succeeded")
    assert (second["seat"], second["first_name"], second["custom_fields"]) == (None, "B", "{}")
    assert "first_name" not in report.to_frame(backend="pyarrow", columns=False).column_names
    assert results_to_frame(report.failed, backend="pyarrow").column("key").to_pylist() == ["bad"]


async def test_the_rows_that_failed_are_at_hand():
    """Not those that repeat somebody; of a streamed run there are none to give."""
    report = await run(transport_of(), [*PEOPLE, PEOPLE[0]])

    assert [(row.key, row.status) for row in report.failed] == [("bad", "invalid")]
    with pytest.raises(ClientStateError, match="was streamed"):
        _ = REPORT.failed


async def test_a_report_can_be_written_down():
    """With its rows, links and warnings if they are asked for; nothing of it is in a repr."""
    report = await run(
        transport_of(), [PEOPLE[0], {"email": "b@example.com", "first_name": "B" * 40, "last_name": "C"}]
    )
    written = json.loads(json.dumps(report.as_dict(results=True)))
    ada, bee = written["results"]

    assert "results" not in report.as_dict()
    assert (ada["status"], ada["invite"], ada["error"]) == ("succeeded", "not_asked", None)
    assert ada["entry_link"] == ada["value"]["entry_link"] == (report.results or ())[0].entry_link
    assert ada["row"] == PEOPLE[0].as_dict()
    assert [one["code"] for one in bee["warnings"]] == ["will_be_cut"]
    assert ada["entry_link"] not in repr(report) + repr(report.results)


def test_an_empty_run_has_an_empty_frame_with_the_same_columns():
    frame = evolve(REPORT, results=()).to_frame(backend="pyarrow")

    assert (frame.num_rows, frame.column_names[:4]) == (0, ["index", "line", "key", "status"])


def test_a_streamed_run_has_none():
    with pytest.raises(ClientStateError, match="was streamed; await the job instead"):
        REPORT.to_frame()


def test_an_unknown_kind_of_frame_is_named():
    with pytest.raises(ConfigError, match="backend must be one of pandas, polars, pyarrow, not 'excel'"):
        evolve(REPORT, results=()).to_frame(backend="excel")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hidden", "backend", "said"),
    [
        (["narwhals"], "pyarrow", f"with pyarrow also needs the extra `dataframe`: {install_command('dataframe')}"),
        (["pandas"], "pandas", f"needs pandas: {install_command('dataframe')} pandas"),
        (["pandas", "polars", "pyarrow"], None, f"needs pandas or polars: {install_command('dataframe')} pandas"),
    ],
)
def test_what_is_missing_is_named_with_what_to_install(hidden, backend, said):
    script = HIDDEN.format(hidden=hidden, backend=backend)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == f"to_frame() {said}"


def test_a_cause_is_what_messages_have_in_common_and_shows_its_first_row() -> None:
    counter = CauseCounter()
    for line, text in ((9, "nobody"), (4, "o'brien"), (7, "x@")):
        counter.add("invalid_email", f"{text!r} is not an e-mail address", line)
    counter.add("missing_field", "email is empty", 5)
    counter.add("missing_field", "first_name is empty", 6)

    assert [(group.code, group.n, group.sample_rows, group.message) for group in counter.groups()] == [
        ("invalid_email", 3, (4, 7, 9), '"o\'brien" is not an e-mail address'),
        ("missing_field", 1, (5,), "email is empty"),
        ("missing_field", 1, (6,), "first_name is empty"),
    ]


def test_causes_take_a_bounded_amount_of_memory() -> None:
    counter = CauseCounter()
    for n in range(5000):
        counter.add(f"code{n % 300}", "".join(chr(97 + int(digit)) for digit in str(n)), n)

    assert sum(group.n for group in counter.groups()) == 5000
    assert len(counter.groups()) <= 201
    assert all(len(group.sample_rows) <= 5 for group in counter.groups())


def test_a_warning_is_a_text_with_a_code_wherever_it_goes() -> None:
    warning = RowWarning("will_be_cut", "Airmeet will shorten city")

    for again in (copy.deepcopy(warning), pickle.loads(pickle.dumps(warning))):
        assert (again, again.code) == ("Airmeet will shorten city", "will_be_cut")


def test_it_is_one_line_in_a_traceback_and_a_few_for_people():
    stopped = evolve(REPORT, stop_reason=StopReason.FAILURES, stop_message="x?code=abc")

    assert repr(REPORT) == "BulkReport('job', rows_read=2, succeeded=1, rejected=1)"
    assert repr(stopped) == "BulkReport('job', rows_read=2, succeeded=1, rejected=1, stop_reason='failures')"
    assert str(REPORT) == "2 rows: 1 succeeded, 1 rejected\n  1  no"
    assert str(stopped).splitlines()[1] == "stopped early: x?code=***"
