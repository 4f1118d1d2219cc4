"""Every file that we write reads back equal: in register, import and reconcile."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async.bulk.input.column_names import RESULT_COLUMNS, is_own_header
from airmeet_async.bulk.input.sources import open_file
from airmeet_async.cli.commands.reconcile import _COLUMNS as DIFFERENCES
from airmeet_async.cli.list_formats import BOOTH_VISITS, LISTS, ExportFile
from airmeet_async.protocol.models import CustomField, FieldValue, Participant
from airmeet_async.sandbox import community
from tests.protocol.samples import same_every_time
from tests.support.command import Sandbox

FIRST, SECOND = community.WITH_FIELDS, community.SUMMIT
ODD = [
    "'+49 30 1234", "'-Ana", "-Ana", "+49 30 1234", "=1+1", "'=1+1", '="Ana"', "@home", "'Ana'", "''", "'",
    "'ana@example.com", "NULL",
    "NaN", "#N/A", "0042", "a;b", 'say "hi"', "two\nlines", "cell,comma", "｜x", "Null", "O'Neil",
]  # fmt: skip
# Texts of the signs that guards and marks are about.
TEXTS = st.text(st.sampled_from(" '\"=+-@;,|\t\n1aNé" + "｜＝"), max_size=6) | st.sampled_from(ODD)
HEADERS = {
    **{name: tuple(form.columns) for name, form in LISTS.items()},
    "booth": tuple(BOOTH_VISITS.columns),
    "differences": DIFFERENCES,
    "results": ("email", "name", *RESULT_COLUMNS),
}


@pytest.mark.parametrize("name", HEADERS)
def test_our_own_header_is_known(name):
    """With and without links; and a list that only looks like it is not ours."""
    columns = HEADERS[name]
    without = tuple(column for column in columns if column not in {"joining_link", "download_link"})

    assert is_own_header(columns)
    assert is_own_header(without)
    assert is_own_header((*without, "custom:Size")) or name == "results"
    assert not is_own_header(without[:-1]) or name in {"participants", "recordings", "results", "sessions"}


@pytest.mark.slow
@same_every_time
@given(
    columns=st.sampled_from([*HEADERS.values()]),
    rows=st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=4),
)
def test_each_file_reads_back_equal(columns, rows, tmp_path_factory):
    """Guards, marks of other programs, words for nothing, quotes and line ends, cell by cell."""
    path = tmp_path_factory.mktemp("own") / "own.csv"
    written = [dict.fromkeys(columns, "x") | dict(zip(columns[:2], row, strict=True)) for row in rows]
    with ExportFile(path, columns, marks=columns) as file:
        for row in written:
            file.add(row)

    table = open_file(path, None)
    table.use(columns)
    assert [dict(row) for chunk, _ in table.chunks() for row in chunk] == written


FORMS = LISTS["participants"].with_fields([CustomField("f1", "=Size"), CustomField("f2", "'-")])


def test_a_header_with_guards_reads_back_equal(tmp_path):
    """A registration field may be called like a formula."""
    path = tmp_path / "own.csv"
    person = Participant("a@example.com", "-Ana", fields=(FieldValue("f1", "=L"), FieldValue("f2", "'+1")))
    with ExportFile(path, FORMS.columns, marks=FORMS.columns) as file:
        for row in FORMS.rows(person):
            file.add(row)

    table = open_file(path)
    ((again,),) = [chunk for chunk, _ in table.chunks()]

    assert (again["name"], again["custom:=Size"], again["custom:'-"]) == ("-Ana", "=L", "'+1")


@pytest.mark.slow
def test_results_and_exports_come_back_as_the_people_who_went_in(airmeet):
    """Results are registered elsewhere as the same people; an export of either agrees with its event."""
    names = [text for text in ODD if text == text.strip() and "\n" not in text]
    fields = ("email", "first_name", "last_name", "city")
    people = [dict(zip(fields, (f"p{n}@example.com", *[text] * 3), strict=True)) for n, text in enumerate(names)]
    airmeet.file("people.jsonl", *(json.dumps(person | {"Company size": "=9"}) for person in people))
    sandbox = Sandbox()
    sandbox.world.events[SECOND].custom_fields = sandbox.world.events[FIRST].custom_fields
    there = airmeet.at(sandbox)

    assert there("register", FIRST, "people.jsonl", "--no-invite").code == 0
    assert there("register", SECOND, "people-results.csv", "--no-invite").code == 0
    kept, again = ([person.details for person in sandbox.world.people(event)] for event in (FIRST, SECOND))
    assert kept == again
    assert len(kept) == len(names)
    for event in (FIRST, SECOND):
        assert there("export", event, "participants", "-o", f"{event}.csv").code == 0
        done = there("reconcile", event, f"{event}.csv", "--json")
        assert (done.code, done.json["differences"], done.json["agree"]) == (0, [], len(names)), done.err
    done = there("register", FIRST, f"{SECOND}.csv", "--no-invite", "--split-name", "--dry-run", "--json")
    assert done.json["custom_fields"] == {
        "Company size": "custom:Company size",
        "T-shirt size": "custom:T-shirt size",
    }
