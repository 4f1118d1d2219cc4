"""Cells that a spreadsheet would run, and the marks by which programs say that something is a text."""

from hypothesis import given
from hypothesis import strategies as st

from airmeet_async.tables.cells import guard, unguard
from airmeet_async.tables.table import open_table

DANGEROUS = [
    "=1", "+1", "-1", "@x", "|x", "＝1", "＋1", "－1", "＠x", "\tx", "\rx", "\nx", " =1", "'=1", '"=1', " ' \"@", "-",
    "'ana@example.com", "'0049",
]  # fmt: skip
HARMLESS = ["", "x", "O'Brien", "'s-Hertogenbosch", "1-2", "a=b", " x", "'", "''x", "a\tb", "é", "ana@example.com"]


def test_a_formula_is_guarded(subtests):
    """Whatever a spreadsheet would run, or we would take for a mark, gets an apostrophe, once more for each round."""
    for text in DANGEROUS:
        with subtests.test(repr(text)):
            assert guard(text) == "'" + text
            assert guard(guard(text)) == "''" + text
            assert unguard(guard(text)) == text


def test_harmless_text_is_left_alone(subtests):
    """Names keep their own apostrophes, there and back."""
    for text in HARMLESS:
        with subtests.test(repr(text)):
            assert guard(text) == unguard(text) == text


_ODD = st.text(st.sampled_from(" '\"=+-@|\t\r\n＝＠xé,;.0a"), max_size=8)


@given(_ODD | st.text())
def test_guards_come_off(text):
    """Taking the guard away gives the value, for any text."""
    assert unguard(guard(text)) == text


@given(_ODD)
def test_a_guarded_cell_starts_no_formula(text):
    """After blanks and quotes a guarded cell starts with an apostrophe or with nothing dangerous."""
    cell = guard(text)
    bare = cell.lstrip(" \"'")
    assert cell.startswith("'") or not bare.startswith(tuple("=+-@|\t\r\n＝＋－＠"))


# A row of four cells: address, first name, last name, telephone.
MARKED = {
    "a telephone number": ("a@x.de,Ana,West,'+49 170", ["a@x.de", "Ana", "West", "+49 170"]),
    "a number with zeros": ("a@x.de,Ana,West,'0049170", ["a@x.de", "Ana", "West", "0049170"]),
    "an address, and so every text": ("'a@x.de,'Ana,West,", ["a@x.de", "Ana", "West", ""]),
    "a Dutch town is no mark": ("a@x.de,Ana,'s-Hertogenbosch,", ["a@x.de", "Ana", "'s-Hertogenbosch", ""]),
    "a Dutch name is no mark": ("a@x.de,Ana,'t Hooft,", ["a@x.de", "Ana", "'t Hooft", ""]),
    "a name that was marked twice": ("''a@x.de,Ana,West,", ["'a@x.de", "Ana", "West", ""]),
    "a formula of a text": ('="a@x.de",="Ana",West,="00"', ["a@x.de", "Ana", "West", "00"]),
    "the same in quotes": ('"=""a@x.de""","=""A, na""",West,', ["a@x.de", "A, na", "West", ""]),
    "a formula of nothing": ('a@x.de,="",West,', ["a@x.de", "", "West", ""]),
    "another formula stays": ("a@x.de,=A1,West,", ["a@x.de", "=A1", "West", ""]),
}


def test_marks_of_other_programs_are_taken_away(subtests, tmp_path):
    for case, (line, expected) in MARKED.items():
        with subtests.test(case):
            path = tmp_path / "people.csv"
            path.write_text(f"email,first,last,phone\n{line}\n")

            assert [list(row.values()) for _, row in open_table(path)] == [expected]


def test_a_file_of_ours_without_formulas_needs_no_word(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("email,our_status\nana@x.de,ok\n")

    assert open_table(path, is_own=lambda names: "our_status" in names).check().notices == ()


def test_in_a_file_of_ours_only_our_own_guards_are_taken_away(tmp_path):
    """There ="Ana" and 'ana@x.de are what somebody meant, since we guard formulas and leave texts as they are."""
    path = tmp_path / "results.csv"
    path.write_text("email,note,our_status\n'ana@x.de,\"'=1\",ok\n''ana@x.de,=\"A\",ok\n")

    read = [row["note"] for _, row in open_table(path, is_own=lambda names: "our_status" in names)]
    assert read == ["=1", '="A"']
    assert "written by airmeet" in open_table(path, is_own=lambda names: "our_status" in names).check().notices[0]
