"""The input of a command: which rows are taken from it, and every kind of it registered whole."""

import io
import signal
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airmeet_async import InputError
from airmeet_async.cli.console import Console
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.input_file import FileChoice, open_people, parse_columns, spooled
from airmeet_async.sandbox import community
from tests.support.command import Sandbox
from tests.tables.workbooks import book, ods

LINES = [
    "email,first_name,last_name,Shirt",
    "a@example.com,Ada,Ay,M",
    "no address,Bob,Bee,L",
    "A@Example.com,Ada,Ay,M",
    f"c@example.com,Cyd,{'x' * 40},S",
]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("\n".join(LINES), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 600])
async def test_a_limit_takes_rows_from_the_top(path, limit):
    people = open_people(FileChoice(path=path, options={"limit": limit}), Console())

    rows = [line for _, lines in people.table.chunks(2) for line in lines]

    assert people.table.rows == len(rows) == min(limit, 4)
    assert rows == [2, 3, 4, 5][:limit]


def test_columns_are_read():
    """Also that a column is not to be used."""
    found = parse_columns(["email=E = mail", " city =Ort", "County="])

    assert found == {"email": "E = mail", "city": "Ort", "County": None}


@pytest.mark.parametrize("texts", [["email"], ["=x"], ["="], ["email=a", "email=b"]])
def test_columns_that_cannot_be_read_are_refused(texts):
    with pytest.raises(UsageError, match="--map"):
        parse_columns(texts)


def test_a_file_that_is_not_there_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv"):
        open_people(FileChoice(path=str(tmp_path / "nowhere.csv")), Console())


EVENT = community.SUMMIT
HEADER = ["email", "first_name", "last_name"]
WIN = "\N{LATIN SMALL LETTER E WITH ACUTE}"


def people(n):
    return [[f"person-{number}@example.com", "Ada", f"Number {number}"] for number in range(n)]


def in_excel(path, n):
    book(path, {"Notes": [["call the caterer"], ["x"]], "Guests": [HEADER, *people(n)]})


def in_parquet(path, n):
    columns = map(list, zip(*people(n), strict=True))
    pq.write_table(pa.table(dict(zip(HEADER, columns, strict=True))), path)


def in_libreoffice(path, n):
    ods(path, [HEADER, *people(n)])


def csv_of(n):
    return "\n".join(map(",".join, [HEADER, *people(n)]))


KINDS = {
    "Excel": (in_excel, "people.xlsx", ("--sheet", "Guests")),
    "Parquet": (in_parquet, "people.parquet", ()),
    "LibreOffice": (in_libreoffice, "people.ods", ()),
}


@pytest.mark.slow
@pytest.mark.parametrize(("make", "name", "words"), KINDS.values(), ids=KINDS)
def test_a_file_is_registered_whole_and_gone_on_with_after_a_stop(airmeet, make, name, words):
    """Ctrl-C in the middle, then the same command: everybody once, and the results have everybody's link."""
    make(airmeet.folder / name, 60)
    command = ("register", EVENT, name, "--no-invite", "--progress", "none", *words)
    sandbox = Sandbox()
    sandbox.signal(signal.SIGINT, after=8)
    there = airmeet.at(sandbox)
    stopped = there(*command, "--rate", "60")
    before = sandbox.adds
    done = there(*command, "--json")
    links = {person.email: person.entry_link for person in sandbox.world.people(EVENT)}
    adds = sandbox.adds

    assert (stopped.code, done.code, adds) == (130, 0, 60)
    assert f"{before}  added before: left out" in done.err
    assert {row["email"]: row["airmeet_entry_link"] for row in airmeet.rows()} == links
    assert list(airmeet.rows()[0])[:3] == HEADER


@pytest.mark.real_time
async def test_standard_input_is_registered_and_leaves_no_copy(airmeet, serving):
    airmeet.people(20)
    shell = ("sh", "-c", 'cat people.csv | "$0" "$@"')
    (airmeet.folder / "tmp").mkdir()
    async with serving() as pretend:
        there = airmeet.at(pretend.url)
        there.environ["TMPDIR"] = str(airmeet.folder / "tmp")
        with there.started("register", EVENT, "-", "--no-invite", "--json", before=shell) as running:
            done = await running.end()
        adds = pretend.world.statistics().adds

    assert (done.code, done.json["results_path"], adds) == (0, "stdin-results.csv", 20)
    assert "stdin: 20 rows" in done.err
    assert len(airmeet.rows("stdin-results.csv")) == 20
    assert not [path for path in (airmeet.folder / "tmp").rglob("*") if path.is_file()]


def test_standard_input_is_kept_where_nobody_can_put_another_list_in_its_place(tmp_path, monkeypatch):
    """Also where TMPDIR is a folder that others can write."""
    shared, state = tmp_path / "shared", tmp_path / "state"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    monkeypatch.setenv("HOME", str(state))  # macOS knows no XDG
    for mode, is_there in ((0o700, True), (0o1777, True), (0o777, False)):
        shared.chmod(mode)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"email\na@example.com\n")))

        path = Path(spooled(Console()))

        assert path.is_relative_to(shared if is_there else state)
        assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.real_time
async def test_standard_input_is_private_while_it_is_needed_and_gone_after_ctrl_c(airmeet, serving):
    airmeet.people(60)
    temporary = airmeet.folder / "tmp"
    temporary.mkdir()
    async with serving() as pretend:
        there = airmeet.at(pretend.url)
        there.environ["TMPDIR"] = str(temporary)
        command = ("register", EVENT, "-", "--no-invite", "--rate", "60", "--progress", "none")
        with there.started(*command, given="people.csv") as running:
            await pretend.sees(lambda world: world.statistics().adds >= 8)
            modes = [oct(path.stat().st_mode & 0o777) for path in temporary.rglob("*.part")]
            running.send(signal.SIGINT)
            stopped = await running.end()

    assert (stopped.code, modes, list(temporary.rglob("*.part"))) == (130, ["0o600"], [])


@pytest.mark.parametrize("again", ["by the job", "by the same rows"])
def test_a_stopped_run_of_standard_input_is_gone_on_with(airmeet, again):
    """Its rows are in the journal; and the same rows once more are known by their content."""
    rows = csv_of(60)
    command = ("register", EVENT, "-", "--no-invite", "--progress", "none")
    sandbox = Sandbox()
    sandbox.signal(signal.SIGINT, after=8)
    there = airmeet.at(sandbox)
    there(*command, "--rate", "60", given=rows)
    listed = (there("runs", "--json")).json
    words = ("resume", listed[0]["job"]) if again == "by the job" else command
    done = there(*words, "--json", given=rows)
    adds = {person.email for person in sandbox.world.people(EVENT)}

    assert (listed[0]["file"], done.code, done.json["rows_read"], len(adds)) == ("stdin", 0, 60, 60)
    assert done.json["earlier_counts"]["succeeded"] > 0
    assert len(airmeet.rows("stdin-results.csv")) == 60


WRONG = {
    "nothing": ("", (), 5, "stdin: is empty; pipe in rows"),
    "a broken row": ("email,first_name,last_name\na@x.de,A,B,C\n", (), 5, "stdin, line 2: 4 cells"),
    "a missing column": ("email,first_name\na@x.de,A\n", (), 5, "stdin: no column for last_name"),
    "another format": ('{"email": "a@x.de"}\n', ("--format", "xlsx"), 5, "stdin: is plain text by its content"),
    "a format that is none": ("a\nb\n", ("--format", "xml"), 2, "--format"),
    "a header on no line": ("email\na@x.de\n", ("--header", "0"), 5, "lines are counted from 1"),
    "a header below the end": ("email\na@x.de\n", ("--header", "9"), 5, "stdin: has no line 9"),
    "a sheet of a text": ("a\nb\n", ("--sheet", "2"), 5, "--sheet 2 does not apply to csv"),
}


@pytest.mark.parametrize(("text", "words", "code", "said"), WRONG.values(), ids=WRONG)
def test_wrong_standard_input_is_refused_by_its_name(airmeet, text, words, code, said):
    """Nobody is shown the name of the file in which it is kept."""
    done = airmeet("register", EVENT, "-", "--no-invite", *words, given=text)

    assert (done.code, said in done.err, ".part" in done.err) == (code, True, False)


@pytest.mark.slow
def test_every_command_with_a_file_takes_a_sheet_and_standard_input(airmeet):
    in_excel(airmeet.folder / "people.xlsx", 3)
    in_libreoffice(airmeet.folder / "people.ods", 3)
    there = airmeet.at(Sandbox())
    checked = there("check", "people.xlsx", "--sheet", "Guests")
    there("register", EVENT, "people.ods", "--no-invite")
    compared = there("reconcile", EVENT, "people.xlsx", "--sheet", "2", "--json")
    blocked = there("block", EVENT, "-", "--yes", "--json", given=csv_of(3))

    assert (checked.code, "3  can be registered" in checked.err) == (0, True)
    assert compared.json["agree"] == 3
    assert (blocked.code, blocked.json["counts"]["succeeded"]) == (0, 3)


def test_several_sheets_are_listed_with_the_option_to_type(airmeet):
    in_excel(airmeet.folder / "people.xlsx", 3)
    done = airmeet("check", "people.xlsx")

    assert (done.code, done.out) == (5, "")
    assert '2 sheets have rows: "Notes", "Guests"; choose one: --sheet Guests' in done.err


def test_encodings_are_proposed_and_none_is_guessed(airmeet):
    (airmeet.folder / "people.csv").write_bytes(f"email;first_name;last_name\na@x.de;Ren{WIN};Li\n".encode("cp1252"))
    done = airmeet("check", "people.csv")
    told = airmeet("check", "people.csv", "--encoding", "cp1252")

    assert (done.code, told.code) == (5, 0)
    assert f"Ren{WIN}   as Windows-1252 (cp1252)" in done.err
    assert "--encoding cp1252" in done.err


def test_somebody_at_a_terminal_is_asked_for_the_encoding(airmeet):
    """One question for each way in which the cell reads, the likeliest first; a no to all is no."""
    (airmeet.folder / "people.csv").write_bytes(f"email;first_name;last_name\na@x.de;Ren{WIN};Li\n".encode("cp1252"))
    yes = airmeet("check", "people.csv", typed="y\n")
    second = airmeet("check", "people.csv", typed="n\ny\n")
    no = airmeet("check", "people.csv", typed="n\n" * 9)

    assert f'Is "Ren{WIN}" right (cp1252)? [y/N]' in yes.err
    assert (yes.code, second.code, no.code) == (0, 0, 5)
    assert second.err.count("right (") == 2
    assert "none of these encodings" in no.err


def test_a_line_0_that_was_typed_is_not_passed_over(path):
    with pytest.raises(InputError, match="--header 0 is not a line"):
        open_people(FileChoice(path=path, options={"header": 0}), Console())
