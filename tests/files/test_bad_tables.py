"""Files that are not fine: each fault is found before anything is sent, and its message says where and what to do."""

import os
from pathlib import Path

import pytest

from airmeet_async.bulk.tables import open_table
from airmeet_async.errors import InputError

HEAD = "email,first,last\n"
MANY = "".join(f"p{number}@x.de,Al,Fo\n" for number in range(500))
TWICE = 'a quote is written twice ("")'

# Content, the line and the column that are blamed, and what the message says.
BAD_CSV = {
    "empty": ("", None, None, ["is empty", "first line must name the columns"]),
    "blank lines alone": ("\n\n", None, None, ["is empty"]),
    "a header alone": (HEAD, None, None, ["has no rows"]),
    "Latin-1": (
        (HEAD + "a@x.de,Al,Fo\nb@x.de,René,Fo\n").encode("latin-1"),
        3,
        "first",
        ["byte 0xE9 is not UTF-8", "save it as UTF-8", "--encoding latin-1"],
    ),
    "Latin-1 in the header": ("email,prénom\na,b\n".encode("latin-1"), 1, None, ["cell 2", "0xE9"]),
    "Latin-1 deep in a cell": (
        HEAD.encode() + b'"a\nb","c\nd\xe9",e\n',
        4,
        "first",
        ["byte 0xE9"],
    ),
    "half a UTF-16 character": (b"\xff\xfea\x00\n\x00b", 2, None, ["not valid utf-16", "--encoding"]),
    "UTF-16 without a mark": (HEAD.encode("utf-16-le"), 1, None, ["NUL", "save it as UTF-8", "--encoding utf-16"]),
    "NUL": (HEAD + "a@x.de,A\0l,Fo\n", 2, None, ["NUL"]),
    "a workbook": (b"PK\x03\x04rest", None, None, ["Excel workbook", "CSV UTF-8"]),
    "a column twice": ("email,first,email\n1,2,3\n", 1, "email", ["columns 1 and 3", "rename one"]),
    "too many cells": (HEAD + "a@x.de,Al,Fo\nb@x.de,Li, Bo,x\n", 3, None, ["4 cells", "header has 3", "double quotes"]),
    "data below no name": ("email,,last\na,,b\nc,here,d\n", 3, None, ['column 2 holds "here"', "name or delete"]),
    "too many columns": (",".join(f"c{n}" for n in range(10_000)) + "\n1\n", 1, None, ["10,000 columns", "2,000"]),
    "a quote never closed": (HEAD + 'a@x.de,Al,Fo\nb@x.de,"Bo,Li\nc@x.de,A,B\n', 3, "first", ["never closed", TWICE]),
    "a quote never closed, deep in a row": (
        HEAD + 'a@x.de,"x\ny","Fo\nc@x.de,A,B\n',
        3,
        "last",
        ["never closed"],
    ),
    "text behind a closing quote": (HEAD + 'b@x.de,"Bo" Li,x\n', 2, "first", ["closed on line 2 with text", TWICE]),
    "a stray quote and a good one": (
        HEAD + 'b@x.de,"Bo,Li\nc@x.de,A,B\nd@x.de,"C, c",D\n',
        2,
        "first",
        ["closed on line 4 with text"],
    ),
    "a stray quote that swallows 500 rows": (
        HEAD + 'a@x.de,"Al,Fo\n' + MANY + 'z@x.de,Bo",Li\n',
        2,
        "first",
        ["swallows what look like rows", "from line 3 on", TWICE, ".jsonl"],
    ),
    "a stray quote that swallows one row": (
        HEAD + 'a@x.de,Al,"Fo\nb@x.de,Bo,Li"\n',
        2,
        "last",
        ["swallows", "line 3"],
    ),
    "a stray quote in the first cell": (HEAD + '"a@x.de,Al,Fo\nb@x.de,Bo,Li"\n', 2, "email", ["swallows", "line 3"]),
    "a stray quote in a short row": (
        HEAD + 'a@x.de,"Al\nb@x.de,Bo,Li\nc@x.de,Cy",Mo\n',
        2,
        "first",
        ["swallows", "line 3"],
    ),
    "a stray quote behind a good cell of two lines": (
        HEAD + '"a\n@x.de","Al,Fo\nb@x.de,Bo,Li\nc@x.de,Cy",Mo\n',
        3,
        "first",
        ["swallows", "line 4"],
    ),
    "a stray quote where nobody has an address": (
        "booth,city,tags\n" + 'B1,"Bonn,x\nB2,Kiel,y\nB3,Ulm",z\n',
        2,
        "city",
        ["swallows", "line 3"],
    ),
    "a stray quote in a list of addresses": ('email\n"a@x.de\nb@x.de\nc@x.de"\n', 2, "email", ["swallows", "line 3"]),
    "a quote that swallows more than a cell may hold": (
        HEAD + 'a@x.de,"Al,Fo\n' + "p@x.de,Al\n" * 20_000,
        2,
        "first",
        ["longer than 131,072 characters", TWICE],
    ),
    "a long cell": (HEAD + "a@x.de,Al," + "x" * 131_073 + "\n", 2, None, ["longer than 131,072 characters"]),
    "an endless line": (HEAD + "x" * 5_000_000, 2, None, ["longer than 4,194,304 characters"]),
}

BAD_JSON = {
    "empty": ("", None, None, ["has no rows"]),
    "not JSON": ('{"a": 1}\n{"a" 1}\n', 2, None, ["character 6: not JSON", "one JSON object"]),
    "an array around the rows": ('[\n{"a": 1}\n]\n', 1, None, ["not JSON", "jq -c '.[]'"]),
    "an array in a line": ('["a"]\n', 1, None, ["not an object", "one JSON object"]),
    "a text": ('"a"\n', 1, None, ["not an object"]),
    "NaN": ('{"a": NaN}\n', 1, None, ["NaN is not JSON"]),
    "an object in an object": ('{"a": {"b": 1}}\n', 1, "a", ["nested JSON"]),
    "a list in a list": ('{"a": [["b"]]}\n', 1, "a", ["nested JSON"]),
    "a truth value in a list": ('{"a": [true]}\n', 1, "a", ["nested JSON"]),
    "too deep": ("[" * 200_000 + "\n", 1, None, ["not JSON"]),
    "a key twice": ('{"a": 1}\n{"a": 1, "b": 2, "a": 3}\n', 2, "a", ["stands twice", "take one away"]),
    "an empty key": ('{"": 1}\n', 1, None, ["key is empty"]),
    "Latin-1": (b'{"a": "Ren\xe9"}\n', 1, None, ["character 11", "0xE9", "--encoding latin-1"]),
    "NUL": ('{"a": "\0"}\n', 1, None, ["NUL"]),
    "a long value": ('{"a": "' + "x" * 131_073 + '"}\n', 1, "a", ["longer than 131,072"]),
    "keys that are values": ("".join(f'{{"k{n}": 1}}\n' for n in range(2001)), 2001, None, ["2,000 different keys"]),
}


def refused(path: Path, **options: str) -> InputError:
    with pytest.raises(InputError) as caught:
        open_table(path, **options)
    return caught.value


def check(path: Path, content: str | bytes, line: int | None, column: str | None, said: list[str]) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    error = refused(path)
    assert (error.path, error.line, error.column) == (str(path), line, column)
    where = str(path) + (f", line {line}" if line else "") + (f', column "{column}"' if column else "")
    assert str(error).startswith(where + ": ")
    for fragment in said:
        assert fragment in str(error)
    assert len(str(error)) < len(str(path)) + 400


@pytest.mark.parametrize(("content", "line", "column", "said"), BAD_CSV.values(), ids=BAD_CSV)
def test_a_bad_csv_file_is_refused(tmp_path, content, line, column, said):
    """The error names file, line and column, and contains the fix."""
    check(tmp_path / "people.csv", content, line, column, said)


@pytest.mark.parametrize(("content", "line", "column", "said"), BAD_JSON.values(), ids=BAD_JSON)
def test_a_bad_file_of_json_lines_is_refused(tmp_path, content, line, column, said):
    """The error names file, line and key or position, and contains the fix."""
    check(tmp_path / "people.jsonl", content, line, column, said)


def test_a_path_that_is_no_readable_file_is_refused(tmp_path):
    """Missing, a directory, a pipe, a strange name: nothing waits, and the path is in the message."""
    os.mkfifo(tmp_path / "pipe.csv")
    reasons = {
        "missing.csv": "No such file",
        ".": "is a directory",
        "pipe.csv": "not a regular file",
        "nul\0.csv": "check the path",
    }
    for name, reason in reasons.items():
        path = tmp_path / name
        error = refused(path)
        assert reason in str(error)
        assert str(error).startswith(f"{path}: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path):
    """The system's reason is passed on."""
    path = tmp_path / "people.csv"
    path.touch(mode=0)
    assert "Permission denied" in str(refused(path))


@pytest.mark.parametrize("name", ["people.numbers", "people", "people.pdf"])
def test_an_unknown_ending_is_refused(tmp_path, name):
    """The message lists the endings that are known."""
    path = tmp_path / name
    path.touch()
    assert "supported are .csv, .txt, .tsv, .jsonl, .ndjson" in str(refused(path))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"encoding": "klingon"}, "unknown encoding klingon; try --encoding utf-8"),
        ({"encoding": "zip"}, "unknown encoding zip"),
        ({"delimiter": ";;"}, "--delimiter ';'"),
        ({"delimiter": ""}, "must be one character"),
        ({"delimiter": '"'}, "must be one character"),
        ({"delimiter": "\n"}, "must be one character"),
        ({"kind": "xml"}, "unknown kind xml"),
    ],
)
def test_an_option_that_cannot_work_is_refused(tmp_path, options, said):
    """A wrong encoding, delimiter or kind is as clear as a wrong file."""
    path = tmp_path / "people.csv"
    path.write_text("a\n1\n")
    assert said in str(refused(path, **options))


def test_a_stray_encoding_names_itself(tmp_path):
    """Where another encoding was asked for, latin-1 is not praised."""
    path = tmp_path / "people.csv"
    path.write_bytes(b"a\n\x81\n")
    message = str(refused(path, encoding="cp1252"))
    assert "byte 0x81 is not CP1252" in message
    assert "pass another --encoding" in message
