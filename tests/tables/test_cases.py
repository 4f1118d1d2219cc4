"""Files that real people had, each read rightly or refused for the right reason; ``cases/`` has invented people."""

import shutil
from pathlib import Path

import pytest

from airmeet_async.errors import EncodingError, InputError
from airmeet_async.tables.table import open_table

CASES = Path(__file__).parent / "cases"
ANA = ["ana@example.com", "Ana", "Lovelace"]
BOB = ["bob@example.com", "Bob", "Stone"]
EMAILS = {"email", "e-mail", "email address", "email adress", "メールアドレス"}


def names_email(cells):
    return any(cell.casefold() in EMAILS for cell in cells)


def rows(name, **options):
    return [(line, list(row.values())) for line, row in open_table(CASES / name, is_header=names_email, **options)]


def notices(name, **options):
    return " | ".join(open_table(CASES / name, is_header=names_email, **options).check().notices)


# The rows that are right, each with the line at which a person finds it.
READ = {
    "a blank before each quote": ("space-before-quotes.csv", [(2, [*ANA, "Acme"]), (3, [*BOB, "Beta"])]),
    "a blank before a quote, and the delimiter within": (
        "space-quote-comma-inside.csv", [(2, ["ana@example.com", "Ana", "Doe, Jr.", "Acme"])],
    ),
    "an apostrophe before each text": ("leading-apostrophe.csv", [(2, ["ana@example.com", "Ana", "-"])]),
    "texts as formulas": ("excel-text-formula-wrapper.csv", [(2, [*ANA, "0049151"])]),
    "one of them marked as text": (
        "same-person-twice.csv", [(2, ANA), (3, ANA), (4, ["ａｎａ@example.com", "Ana", "Lovelace"]),
                                  (5, ["ana@EXAMPLE.com", "Ana", "Lovelace"])],
    ),
    "whole lines in quotes": ("whole-line-quoted.csv", [(2, ANA), (3, ["bob@example.com", "Bob", "Stone, Jr."])]),
    "a title above": ("title-row-above.csv", [(4, ANA)]),
    "notes above": (
        "linkedin-notes.csv",
        [(5, ["Ana", "Lovelace", "https://x.example", "ana@example.com", "Acme", "CEO", "01 Jan 2026"])],
    ),
    "the numbers of pandas in front": ("pandas-index.csv", [(2, ANA), (3, BOB)]),
    "two columns that nobody uses have one name": ("duplicate-unused-header.csv", [(2, [*ANA, "a", "b"])]),
    "a column of objects that nobody uses": (
        "json-nested-unused.jsonl", [(1, ["ana@example.com", "Ana", "L"]), (2, ["bob@example.com", "Bob", "S"])],
    ),
    "a JSON array": ("people.json", [(1, ["ana@example.com", "Ana", "L"])]),
    "parts with backslashes": ("xlsx-backslash-names.xlsx", [(2, ANA)]),
    "texts in a part of another case": ("xlsx-shared-strings-case.xlsx", [(2, ANA)]),
    "a part that is no XML and that nobody reads": ("xlsx-unused-part-not-xml.xlsx", [(2, ANA)]),
    "a button whose drawing is no XML": ("xlsx-vml-button-br.xlsx", [(2, ANA), (3, BOB)]),
    "an error in a column that nobody uses": ("xlsx-na-in-unused-column.xlsx", [(2, [*ANA, "ok"]), (3, [*BOB, ""])]),
    "a title above, in Excel": ("xlsx-title-row-above.xlsx", [(4, ANA), (5, BOB)]),
    "numbers as their formats show them": (
        "xlsx-number-formats.xlsx", [(2, [*ANA, "02139", "02139-1234", "06 12 34 56 78", "+4915112345"]),
                                     (3, [*BOB, "060-0001", "M-0042", "0.5", "1E+16"])],
    ),
    "filtered rows of an old workbook": ("xls-filtered.xls", [(2, ANA), (3, BOB)]),
    "a number without its zeros": ("ods-leading-zeros.ods", [(2, [*ANA, "2139"])]),
}  # fmt: skip


def test_a_file_is_read_rightly(subtests):
    for case, (name, expected) in READ.items():
        with subtests.test(case):
            assert rows(name) == expected


def test_a_sheet_that_is_named_is_read(subtests):
    """Whatever the case of its part's name, and whatever is wrong with the other sheets."""
    for name, sheet, expected in [
        ("xlsx-error-on-other-sheet.xlsx", "guests", [(2, ANA), (3, BOB)]),
        ("xlsx-first-sheet-case-mismatch-second-read.xlsx", "Guests", [(2, ANA), (3, BOB)]),
        ("xlsx-first-sheet-case-mismatch-second-read.xlsx", 2, [(2, ["cyd@example.com", "Cyd", "West"])]),
    ]:
        with subtests.test(repr(name)):
            assert rows(name, sheet=sheet) == expected


# What is said of a file, and why that matters.
SAID = {
    "marks are taken away": ("leading-apostrophe.csv", '3 cells marked as text by an apostrophe or by ="…"'),
    "quotes around lines are taken away": ("whole-line-quoted.csv", "each line is in one pair of quotes"),
    "lines above are left out": ("title-row-above.csv", "are on line 3; lines 1 to 2 above ignored"),
    "rows above are left out": ("xlsx-title-row-above.xlsx", "are on line 3; lines 1 to 2 above ignored"),
    "a column without a name is left out": ("pandas-index.csv", "column 1 has no name in the header and is ignored"),
    "filters of .xls are not seen": ("xls-filtered.xls", "does not show hidden rows, filtered rows"),
    "formats of .ods are not seen": ("ods-leading-zeros.ods", "column D has numbers, which are read without their"),
}


def test_what_was_decided_is_said(subtests):
    for case, (name, said) in SAID.items():
        with subtests.test(case):
            assert said in notices(name)


REFUSED = {
    "NUL in a text": ("utf8-one-nul-inside.csv", 2, ["NUL character", "delete it"]),
    "a password": ("ods-encrypted.ods", None, ["protected by a password", "save it without one"]),
    "two sheets, one with an error": (
        "xlsx-error-on-other-sheet.xlsx", None, ["2 sheets have rows", '"Guests", "Summary"', "sheet='Guests'"],
    ),
    "two sheets, one of another case": (
        "xlsx-first-sheet-case-mismatch-second-read.xlsx", None, ['"Guests", "Declined"', "sheet='Guests'"],
    ),
}  # fmt: skip


def test_a_file_is_refused_for_the_right_reason(subtests):
    for case, (name, line, said) in REFUSED.items():
        with subtests.test(case):
            with pytest.raises(InputError) as caught:
                rows(name)

            assert caught.value.line == line
            assert [word for word in said if word not in str(caught.value)] == []


JUDGED = {
    "an error": ("xlsx-na-in-unused-column.xlsx", "Invoice", 'line 3, column "Invoice": holds the error "#N/A"'),
    "an object": ("json-nested-unused.jsonl", "address", 'line 1, column "address": holds nested JSON'),
    "a name twice": ("duplicate-unused-header.csv", "Notes", "columns 4 and 5 have this name"),
}


def test_cells_are_judged_only_where_their_column_is_used(subtests):
    for case, (name, column, said) in JUDGED.items():
        with subtests.test(case):
            table = open_table(CASES / name).check()
            table.judge(["email", "first_name", "last_name"])
            with pytest.raises(InputError, match=said):
                table.judge(["email", column])


# How the first cell that the candidates read differently is right, and in which encoding.
ENCODINGS = {
    "German from DOS": ("enc-german-dos-cp850.csv", 2, "Jörg", "cp850"),
    "Hungarian": ("enc-hungarian-cp1250.csv", 3, "Fűzfa", "cp1250"),
    "Japanese": ("enc-japanese-cp932.csv", 2, "太郎", "cp932"),
    "Latin-1, then UTF-8": ("enc-latin1-first-utf8-later-short.csv", 2, "Jürgen", "cp1252"),
}


def test_an_encoding_is_proposed_with_a_cell_and_not_guessed(subtests):
    for case, (name, line, text, encoding) in ENCODINGS.items():
        with subtests.test(case):
            with pytest.raises(EncodingError) as caught:
                rows(name)

            assert caught.value.line == line
            assert dict(caught.value.candidates)[encoding] == text
            assert text in str(caught.value)
            assert len(set(dict(caught.value.candidates).values())) > 1


def test_the_advice_leads_on(subtests):
    for name, line, text, encoding in list(ENCODINGS.values())[:3]:
        with subtests.test(repr(name)):
            assert text in str(dict(rows(name, encoding=encoding))[line])


def test_a_file_that_mixes_encodings_is_refused_with_the_line():
    """Every byte is a letter in cp1252; that it is two letters of UTF-8 gives it away."""
    with pytest.raises(InputError, match=r'line 3, column "first_name": is UTF-8 here \("Zoë"\) and cp1252 elsewhere'):
        rows("enc-latin1-first-utf8-later-short.csv", encoding="cp1252")


def test_the_content_counts_and_not_the_name(tmp_path):
    """A workbook under another workbook's name is read, and that is said."""
    path = tmp_path / "people.xls"
    shutil.copy(CASES / "xlsx-title-row-above.xlsx", path)
    table = open_table(path, is_header=names_email).check()

    assert table.notices[0] == "an Excel workbook (.xlsx) by its content, despite its name"
    assert table.rows == 2
