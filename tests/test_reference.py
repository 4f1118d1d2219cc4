"""The tables in the documents say what the code does."""

from airmeet_async.protocol.endpoints import ENDPOINTS
from tests.reference import DOCS, api_table, error_table, stale


def test_the_tables_are_fresh():
    """`python -m tests.reference` writes them."""
    assert list(stale()) == []


def test_every_operation_has_its_line():
    """In the table, and so in the document."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")

    assert len(api_table()) == len(ENDPOINTS) + 2
    for row in ENDPOINTS.values():
        assert f"`{row.method} {row.path}`" in text


def test_each_documented_status_has_an_error_of_its_own_kind():
    """Nine classes at least, each with a sentence."""
    classes = {line.split("|")[2].strip() for line in error_table()[2:]}

    assert len(classes) >= 9
    assert all(len(line.split("|")[3].strip()) > 10 for line in error_table()[2:])
