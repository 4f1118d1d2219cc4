"""When a cell of several lines is really several rows, and when it is not."""

import pytest

from airmeet_async.bulk.table_quotes import Blame, swallowed

# Header cells, the record, and the line that gives it away, None where the record is innocent.
CASES = {
    "an inner line is a row with an address": (3, ["x", "l1\nb@x.de,Bo,Li\nl3", "y"], 1),
    "an inner line is an address alone": (3, ["a@x.de", "cc\nb@x.de\nthanks", "y"], None),
    "an inner line begins with an address": (4, ["a", "cc\nb@x.de,Bo\nthanks", "y", "z"], None),
    "an inner line has as many cells as prose": (3, ["a@x.de", "l1\nred, green, blue\nl3", "y"], None),
    "an inner line has a number": (3, ["a@x.de", "l1\n1,000,000\nl3", "y"], None),
    "the last line repeats the first": (3, ["a@x.de", "Al", "Fo\nb@x.de,Bo,Li"], 1),
    "the last line is an address of another kind": (3, ["a@x.de", "Al", "Street\nIL,62701,US"], None),
    "the last line ends the record": (3, ["l1\nl2", "b@x.de", "y"], None),
    "a second cell of several lines": (2, ["l1\nl2", "a@x.de,b\nl4"], None),
    "the second cell is guilty": (3, ["l1\nl2", "a@x.de,b\nl4,c@x.de", "d"], 2),
    "short rows with addresses": (9, ["a@x.de", "Al\nb@x.de,Bo\nc@x.de", "Cy"], 1),
    "short rows with addresses elsewhere": (9, ["a@x.de", "Al\nBo,b@x.de\nl3", "Cy"], None),
    "short rows without addresses": (9, ["a", "b\nc,d\ne", "f"], None),
    "short rows that are prose": (9, ["a@x.de", "Al\nb@x.de, Bo\nl3", "Cy"], None),
    "no address anywhere, three columns": (3, ["a", "b,c\nd,e,f\ng", "h,i"], 1),
    "no address anywhere, but prose": (3, ["a", "b,c\nd, e, f\ng", "h,i"], None),
    "no address anywhere, two columns": (2, ["a", "b\nc,d"], None),
    "one column of addresses": (1, ["a@x.de\nb@x.de"], 1),
    "one column of texts": (1, ["one\ntwo\nthree"], None),
    "a first column of addresses": (3, ["a@x.de\nb@x.de\nc@x.de", "Al", "Fo"], None),
    "all on one line": (3, ["a@x.de", "b@x.de,Bo,Li", "c"], None),
}


@pytest.mark.parametrize(("width", "record", "evidence"), CASES.values(), ids=CASES)
def test_a_cell_is_guilty_when_its_lines_read_as_rows(width, record, evidence):
    """Rows are told from prose by their number of cells, their addresses, and the blanks behind commas."""
    found = swallowed(record, ",", width)
    assert (None if found is None else found.evidence) == evidence


def test_the_blame_names_the_cell_and_where_it_opens():
    """Both count from the record's start."""
    assert swallowed(["l1\nl2", "a@x.de,b\nl4,c@x.de", "d"], ",", 3) == Blame(cell=1, line=1, evidence=2)
