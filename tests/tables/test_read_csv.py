"""Where a CSV file names its columns, which delimiter it has, and what may stand around a quote."""

import pytest

from airmeet_async.errors import InputError
from airmeet_async.tables.table import open_table
from tests.support.source_rows import batches

HEAD = "email,first,last\n"


def names_email(cells):
    return "email" in [cell.casefold() for cell in cells]


def opened(folder, text, **options):
    path = folder / "people.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_table(path, is_header=names_email, **options)


# What stands above the header, and the notice about it.
ABOVE = {
    "a title": ("Guests of the gala\n", "line 1 above"),
    "a title as wide as the table": ("Guests of the gala,,\n", "line 1 above"),
    "a title and an empty line": ("Guests\n\n", "lines 1 to 2 above"),
    "comments": ("# made by x\n# on 2026-01-01\n", "lines 1 to 2 above"),
    "a group header": (",Name,\n", "line 1 above"),
    "facts with commas": ("Event:,Gala\nDate:,1 May, 2026\nBy:,Ana\n", "lines 1 to 3 above"),
    "a note in quotes": ('"Some addresses, as you see, are missing."\n', "line 1 above"),
    "a note of two lines": ('"Dear all,\nhere they are"\n', "lines 1 to 2 above"),
    "a title with a stray quote": ('6" bags, for all\n', "line 1 above"),
    "other delimiters": ("a;b;c;d\n", "line 1 above"),
    "29 lines": ("x\n" * 29, "lines 1 to 29 above"),
    "Excel's delimiter": ("sep=,\nGuests\n", "line 2 above"),
}  # fmt: skip


def test_the_header_is_found_below_other_lines(subtests, tmp_path):
    for case, (above, said) in ABOVE.items():
        with subtests.test(case):
            table = opened(tmp_path, above + HEAD + "a@x.de,Al,Fo\n").check()
            line = above.count("\n") + 1

            assert table.columns == ("email", "first", "last")
            assert [at for at, _ in table] == [line + 1]
            assert f"the column names are on line {line}; {said} ignored" in table.notices
            assert table.reading == {"header": str(line)}


def test_a_header_further_below_is_not_sought(tmp_path):
    """The first line counts then, and whoever matches the columns will say what is missing."""
    assert opened(tmp_path, "x\n" * 30 + "email\na@x.de\n").columns == ("x",)


def test_a_row_that_says_email_is_no_header(tmp_path):
    """It has an address of its own."""
    text = "Mail,Reach me by\na@x.de,Email\n"

    assert opened(tmp_path, text).columns == ("Mail", "Reach me by")


def test_the_line_of_the_header_can_be_said(tmp_path):
    """It overrules what would be found, and skips what cannot be read above."""
    text = '"never closed\n' + HEAD + "email,vorname,name\na@x.de,Al,Fo\n"
    table = opened(tmp_path, text, header=3)

    assert table.columns == ("email", "vorname", "name")
    assert [line for line, _ in table] == [4]
    assert table.notices == ()
    assert table.reading == {"header": "3"}


def test_a_report_of_zoom_has_its_table_below_the_lists_of_hosts(tmp_path):
    hosts = "".join(f"h{n}@x.de,Host\n" for n in range(60))
    text = (
        "Attendee Report\nReport Generated:,x\nTopic,Webinar ID\nGala,1\nHost Details\nEmail,Name\n" + hosts
        + "Attendee Details\nAttended,First Name,Email\nYes,Ana,ana@x.de\n"
    )  # fmt: skip
    table = opened(tmp_path, text)

    assert table.columns == ("Attended", "First Name", "Email")
    assert [row["Email"] for _, row in table] == ["ana@x.de"]


DELIMITED = {
    "semicolons below a title with commas": ("Gala, Berlin, 2026\nemail;first\na@x.de;Al\n", ["a@x.de", "Al"]),
    "tabs below a title": ("Gala; or not\nemail\tfirst\na@x.de\tAl\n", ["a@x.de", "Al"]),
    "a column's name full of commas": ('email;"a, b, c, d"\na@x.de;Al\n', ["a@x.de", "Al"]),
    "one column": ("email\na@x.de\n", ["a@x.de"]),
    "lines in one pair of quotes, with semicolons": ('"email;first"\n"a@x.de;""Al;x"""\n', ["a@x.de", "Al;x"]),
    "a blank before quotes, with semicolons": ('email; "first"\na@x.de; "Al; x"\n', ["a@x.de", "Al; x"]),
    "a blank before quotes, with tabs": ('email\t "first"\na@x.de\t "Al\tx"\n', ["a@x.de", "Al\tx"]),
    "a blank before the first quote": (' "email", "first"\n "a@x.de",   "Al"\n', ["a@x.de", "Al"]),
}


def test_the_delimiter_is_the_one_that_cuts_the_header(subtests, tmp_path):
    for case, (text, expected) in DELIMITED.items():
        with subtests.test(case):
            assert [list(row.values()) for _, row in opened(tmp_path, text)] == [expected]


def test_a_line_that_is_not_in_quotes_like_the_others_is_refused(subtests, tmp_path):
    for line in ["b@x.de,Bo", '"b@x.de\nBo"']:
        said = "line 3: is not in one pair of quotes like the lines above"
        with subtests.test(repr(line)), pytest.raises(InputError, match=said):
            opened(tmp_path, f'"email,first"\n"a@x.de,Al"\n{line}\n').check()


def test_a_tab_before_a_quote_is_refused(tmp_path):
    """Otherwise the name would be sent with its quotes."""
    with pytest.raises(InputError, match='line 2, column "first": there is a space before the quote'):
        opened(tmp_path, 'email,first\na@x.de,\t"Al"\n').check()


def test_the_second_column_of_a_name_can_be_told_from_the_first(tmp_path):
    table = opened(tmp_path, "email,Email,email\na@x.de,b@x.de,c@x.de\n").check()

    assert table.columns == ("email", "Email", "email (2)")
    table.judge(["Email", "email (2)"])
    with pytest.raises(InputError, match=r'line 1, column "email": columns 1 and 3 have this name'):
        table.judge(["email"])


def test_what_is_read_twice_is_the_same_and_may_be_read_by_two_at_once(tmp_path):
    table = opened(tmp_path, HEAD + "a@x.de,Al,Fo\nb@x.de,Bo,Li\n")

    assert [one == other for one, other in zip(table, table, strict=True)] == [True, True]


def test_no_more_than_the_limit_is_read(tmp_path):
    table = opened(tmp_path, HEAD + "a@x.de,Al,Fo\n" * 5, limit=2).check()

    assert table.rows == 2
    assert [len(batch) for batch in batches(table, 1)] == [1, 1]
