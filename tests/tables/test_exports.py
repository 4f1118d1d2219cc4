"""What other programs write, each read rightly, or refused with the place, the reason and a fix that works."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airmeet_async.errors import EncodingError, InputError
from airmeet_async.tables import open_frame, open_table
from tests.tables.workbooks import raw, texts

ANA = {"email": "ana@example.com", "first": "Ana", "last": "Lovelace"}
HEAD = "email,first,last\n"
TWO = {"email": ["ana@example.com", "bob@example.com"], "first": ["Ana", "Bob"], "last": ["Lovelace", "Stone"]}


def names_email(cells):
    return "email" in cells


def opened(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_table(path, is_header=names_email, **options).check()


def rows(table):
    return [dict(row) for _, row in table]


READ = {
    "names in single quotes": ("a.csv", HEAD + "ana@example.com,'Ana','Lovelace'\n", [ANA]),
    "everything in single quotes": (
        "a.csv", "'email','first','last'\n'ana@example.com','Ana','O''Neil'\n", [{**ANA, "last": "O'Neil"}],
    ),
    "a Dutch name": ("a.csv", HEAD + "ana@example.com,Ana,'t Hooft\n", [{**ANA, "last": "'t Hooft"}]),
    "a key twice that nobody uses": ("a.jsonl", json.dumps(ANA)[:-1] + ', "x": 1, "x": 2}', [{**ANA, "x": ""}]),
    "a key twice within a value": ("a.jsonl", json.dumps(ANA)[:-1] + ', "x": {"a": 1, "a": 2}}', [ANA]),
}  # fmt: skip


def test_an_export_is_read_rightly(subtests, tmp_path):
    for case, (name, content, expected) in READ.items():
        with subtests.test(case):
            table = opened(tmp_path / name, content)

            assert rows(table) == expected
            table.judge(["email", "first", "last"])


REFUSED = {
    "a header of two lines": (
        "a.csv", "id,email,name,\n,,First,Last\n1,ana@example.com,Ana,Lovelace\n", 2, ["column 4", "header=2"],
    ),
    "a title that could be a header": (
        "a.csv", "email\n\n" + HEAD + "ana@example.com,Ana,Lovelace\n", 3, ["3 cells", "header=3"],
    ),
    "a byte order mark that is wrong": (
        "a.csv", b"\xef\xbb\xbf" + HEAD.encode() + b"a@x.de,Zo\xeb,Li\n", 2, ["byte order mark", "save it again"],
    ),
    "a text with line breaks and an address": (
        "a.csv", HEAD + 'a@x.de,Ana,"1 Road\nTown,a@x.de"\n', 2, ["remove its line breaks"],
    ),
    "JSON that is called CSV": ("a.csv", json.dumps([ANA], indent=1), None, ["is JSON", "format='jsonl'"]),
    "rows within an object": ("a.json", json.dumps({"n": 1, "guests": [ANA]}), 1, ["guests", "save only that list"]),
    "only zero bytes": ("a.xlsx", bytes(5000), None, ["zero bytes", "copy it again"]),
    "no ending": ("people", HEAD, None, ["no ending", "format='csv'"]),
}  # fmt: skip


def test_an_export_is_refused_for_the_right_reason(subtests, tmp_path):
    for case, (name, content, line, said) in REFUSED.items():
        with subtests.test(case):
            with pytest.raises(InputError) as caught:
                opened(tmp_path / name, content)

            assert caught.value.line == line
            assert [word for word in said if word not in str(caught.value)] == []


def test_nothing_is_asked_that_changes_nothing(tmp_path):
    """A byte order mark wins over an encoding that is named."""
    with pytest.raises(EncodingError) as caught:
        opened(tmp_path / "a.csv", b"\xef\xbb\xbf" + HEAD.encode() + b"a@x.de,Zo\xeb,Li\n", encoding="cp1252")

    assert caught.value.candidates == ()


def test_a_key_that_stands_twice_is_refused_where_it_is_used(tmp_path):
    table = opened(tmp_path / "a.jsonl", '{"email": "ana@example.com", "first": "Ana", "first": "Bob"}')

    with pytest.raises(InputError, match='line 1, column "first": the key is twice'):
        table.judge(["email", "first"])


def test_an_apostrophe_in_front_is_told(tmp_path):
    table = opened(tmp_path / "a.csv", f"{HEAD}ana@example.com,'Ana,Lovelace\n")

    assert [notice for notice in table.notices if "with an apostrophe in front, read as it is" in notice]
    assert rows(table) == [{**ANA, "first": "'Ana"}]


def test_an_encoding_that_writes_escapes_or_has_no_zero_bytes_is_none(subtests, tmp_path):
    for name, said in [
        ("unicode_escape", "unknown encoding"),
        ("raw-unicode-escape", "unknown encoding"),
        ("charmap", "unknown encoding"),
        ("utf-16-le", "is not UTF-16-LE"),
        ("utf-32-be", "is not UTF-32-BE"),
    ]:
        with subtests.test(name), pytest.raises(InputError, match=said):
            opened(tmp_path / "a.csv", HEAD + "ana@example.com,Ana,Lovelace\n", encoding=name)


def test_all_cells_of_the_first_row_count_for_the_proposals(tmp_path):
    """The first name is letters in cp949, too; the last name is not."""
    pytest.importorskip("charset_normalizer")
    for name, content in [
        ("a.csv", "email,first,last\ni@x.de,Иван,Петров\n"),
        ("a.jsonl", '{"email": "i@x.de", "first": "Иван", "last": "Петров"}'),
    ]:
        with pytest.raises(EncodingError) as caught:
            opened(tmp_path / name, content.encode("cp866"))

        assert "cp949" not in dict(caught.value.candidates)
        assert dict(caught.value.candidates)["cp866"] == "Иван"


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("euc_jp", "太郎 花子 一郎 健 鈴木 佐藤"), ("gb18030", "小明 秀英 娜 张伟"), ("euc_kr", "민준 서연 지훈 수진"),
        ("iso8859-2", "Łukasz Žižka Šárka Dvořák Jiří Tomáš"), ("cp1254", "Işıl Çağrı Şükrü Doğan"),
        ("cp852", "Łukasz Žižka Šárka Dvořák"),
    ],
)  # fmt: skip
def test_the_right_encoding_of_a_short_list_is_among_the_proposals(tmp_path, encoding, names):
    pytest.importorskip("charset_normalizer")
    content = HEAD + "".join(f"{n}@x.de,{name},X\n" for n, name in enumerate(names.split()))
    with pytest.raises(EncodingError) as caught:
        opened(tmp_path / "a.csv", content.encode(encoding))

    assert caught.value.candidates
    assert set(names.split()).intersection(dict(caught.value.candidates).values())


def test_a_cell_of_a_frame_that_is_no_single_value_matters_only_where_it_is_used(subtests):
    """An array, which is neither true nor false, and bytes, which must not be sent as b'Ana'."""
    for case, cells in {
        "arrays": [np.array([1, 2]), np.array([])],
        "bytes": [b"Ana", b"Bob"],
        "lists": [["Ana"], ["Bob"]],
        "frames": [pd.DataFrame(TWO), None],
    }.items():
        with subtests.test(case):
            table = open_frame(pd.DataFrame({**TWO, "x": pd.Series(cells, dtype=object)})).check()

            assert rows(table)[0] == {"email": "ana@example.com", "first": "Ana", "last": "Lovelace"}
            table.judge(["email"])
            with pytest.raises(InputError, match='column "x": holds a value of type'):
                table.judge(["email", "x"])


def test_a_year_that_python_does_not_have_is_told():
    frame = pa.table({**TWO, "x": pa.array([2**62, 0], pa.timestamp("us"))})

    with pytest.raises(InputError, match="holds a value that cannot be read"):
        open_frame(frame).check()


def test_a_parquet_column_that_cannot_be_read_matters_only_where_it_is_used(subtests, tmp_path):
    for case, column in {
        "a far year": pa.array([2**62, 0], pa.timestamp("us")),
        "a far day": pa.array([2**30, 0], pa.int32()).cast(pa.date32()),
        "an unknown zone": pa.array([1, 2], pa.timestamp("us", "Mars/Base")),
    }.items():
        with subtests.test(case):
            pq.write_table(pa.table({**TWO, "x": column}), tmp_path / "a.parquet")
            table = open_table(tmp_path / "a.parquet", limit=1).check()

            assert rows(table) == [{"email": "ana@example.com", "first": "Ana", "last": "Lovelace"}]
            table.judge(["email"])
            with pytest.raises(InputError, match='column "x": holds a value that cannot be read'):
                table.judge(["email", "x"])


def test_texts_that_are_written_by_their_lengths_are_read(tmp_path):
    kinds = dict.fromkeys(TWO, "DELTA_LENGTH_BYTE_ARRAY")
    pq.write_table(pa.table(TWO), tmp_path / "a.parquet", use_dictionary=False, column_encoding=kinds)

    assert rows(open_table(tmp_path / "a.parquet")) == pd.DataFrame(TWO).to_dict("records")


def test_columns_without_a_name_are_known(tmp_path):
    table = opened(tmp_path / "a.csv", ",email,first\n7,ana@example.com,Ana\n")

    assert table.nameless == ('column 1 has no name in the header and is ignored (first line 2: "7")',)


def test_an_index_of_a_frame_is_told():
    """One that has a name was a column once."""
    table = open_frame(pd.DataFrame(TWO).set_index(["email", "first"])).check()

    assert table.nameless == ('the index "email" is left out', 'the index "first" is left out')
    assert table.notices == table.nameless
    assert open_frame(pd.DataFrame(TWO)).check().notices == ()


def test_dates_of_a_strict_workbook_are_days(tmp_path):
    cells = [f'<c t="d"><v>{text}</v></c>' for text in ("2026-03-01T00:00:00.000", "2026-03-01T09:30:00", "soon")]
    path = raw(tmp_path / "a.xlsx", texts(1, "email", "x", "y") + f'<row r="2">{"".join(cells)}</row>')

    assert rows(open_table(path)) == [{"email": "2026-03-01", "x": "2026-03-01T09:30:00", "y": "soon"}]
