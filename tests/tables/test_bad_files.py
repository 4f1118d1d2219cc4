"""Files that are not fine: each fault is found before anything is sent, and its message says where and what to do."""

import bz2
import gzip
import lzma
import os
from pathlib import Path
from typing import Any

import pytest

from airmeet_async.errors import InputError
from airmeet_async.tables.cells import command_line_option
from airmeet_async.tables.table import open_table

HEAD = "email,first,last\n"
MANY = "".join(f"p{number}@x.de,Al,Fo\n" for number in range(500))
TWICE = 'write a quote twice ("")'

# Content, the line and the column that are blamed, and what the message says.
BAD_CSV: dict[str, Any] = {
    "empty": ("", None, None, ["is empty", "first line must name the columns"]),
    "blank lines alone": ("\n\n", None, None, ["is empty"]),
    "a header alone": (HEAD, None, None, ["has no rows"]),
    "half a UTF-16 character": (b"\xff\xfea\x00\n\x00b", 2, None, ["not valid utf-16", "another encoding"]),
    "NUL": (HEAD + "a@x.de,A\0l,Fo\n", 2, None, ["NUL", "delete it"]),
    "a workbook": (b"PK\x03\x04rest", None, None, ["workbook", "damaged", "CSV UTF-8"]),
    "a used column twice": ("email,first,email\n1,2,3\n", 1, "email", ["columns 1 and 3", "rename one"]),
    "too many cells": (HEAD + "a@x.de,Al,Fo\nb@x.de,Li, Bo,x\n", 3, None, ["4 cells", "header has 3", "double quotes"]),
    "data behind the last name": ("email,last,\na,b,\nc,d,here\n", 3, None, ['column 3 holds "here"', "name or"]),
    "too many columns": (",".join(f"c{n}" for n in range(10_000)) + "\n1\n", 1, None, ["10,000 columns", "2,000"]),
    "a quote never closed": (HEAD + 'a@x.de,Al,Fo\nb@x.de,"Bo,Li\nc@x.de,A,B\n', 3, None, ["never closed", TWICE]),
    "a quote never closed, deep in a row": (HEAD + 'a@x.de,"x\ny","Fo\nc@x.de,A,B\n', 2, None, ["never closed"]),
    "text behind a closing quote": (HEAD + 'b@x.de,"Bo" Li,x\n', 2, None, ["closed on line 2", TWICE]),
    "a blank behind a closing quote": (HEAD + 'b@x.de,"Bo" ,x\n', 2, None, ["line 2 and followed by a space"]),
    "a stray quote and a good one": (
        HEAD + 'b@x.de,"Bo,Li\nc@x.de,A,B\nd@x.de,"C, c",D\n', 2, None, ["line 4 and followed by a space"],
    ),
    "a stray quote that swallows 500 rows": (
        HEAD + 'a@x.de,"Al,Fo\n' + MANY + 'z@x.de,Bo",Li\n', 2, "first", ["502 lines", '"p0@x.de,Al,Fo"', TWICE],
    ),
    "a stray quote that swallows one row": (HEAD + 'a@x.de,Al,"Fo\nb@x.de,Bo,Li"\n', 2, "last", ["looks like a row"]),
    "a stray quote in the first cell": (HEAD + '"a@x.de,Al,Fo\nb@x.de,Bo,Li"\n', 2, "email", ["looks like a row"]),
    "a stray quote in a short row": (
        HEAD + 'a@x.de,"Al\nb@x.de,Bo,Li\nc@x.de,Cy",Mo\n', 2, "first", ["a cell of 3 lines"],
    ),
    "a stray quote, and the address stands last": (
        "first,last,email\n" + 'Al,"Fo,a@x.de\nBo,Li, b@x.de\nCy,Mo,c@x.de"\n', 2, "last", ["looks like a row"],
    ),
    "a stray quote behind a good cell of two lines": (
        HEAD + '"a\n@x.de","Al,Fo\nb@x.de,Bo,Li\nc@x.de,Cy",Mo\n', 3, "first", ["looks like a row"],
    ),
    "a stray quote with semicolons": (
        'email;first;last\na@x.de;"Al;Fo\nb@x.de;Bo;Li\nc@x.de;Cy";Mo\n', 2, "first", ["looks like a row"],
    ),
    "a quote that swallows more than a cell may hold": (
        HEAD + 'a@x.de,"Al,Fo\n' + "p@x.de,Al\n" * 20_000, 2, None, ["longer than 131,072 characters", TWICE],
    ),
    "a long cell": (HEAD + "a@x.de,Al," + "x" * 131_073 + "\n", 2, None, ["longer than 131,072 characters"]),
    "an endless line": (HEAD + "x" * 5_000_000, 2, None, ["longer than 4,194,304 characters"]),
}  # fmt: skip

BAD_JSON: dict[str, Any] = {
    "empty": ("", None, None, ["has no rows"]),
    "an empty array": ("[]", None, None, ["has no rows"]),
    "not JSON": ('{"a": 1}\n{"a" 1}\n', 2, None, ["character 6: not JSON", "one JSON object per line"]),
    "an array that is cut off": ('[\n{"a": 1},\n', 3, None, ["not closed"]),
    "an array that goes on": ('[{"a": 1}]\n{"a": 2}', 2, None, ["after the end of the array"]),
    "an array without a comma": ('[{"a": 1}\n{"a": 2}]', 2, None, ["a comma is missing"]),
    "an array of arrays": ('[["a"]]\n', 1, None, ["not an object", "array of objects"]),
    "a text": ('"a"\n', 1, None, ["not an object"]),
    "NaN": ('{"a": NaN}\n', 1, None, ["NaN is not JSON"]),
    "a used column with an object": ('{"a": {"b": 1}}\n', 1, "a", ["nested JSON"]),
    "a used column with a list in a list": ('{"a": [["b"]]}\n', 1, "a", ["nested JSON"]),
    "a used column with a truth value in a list": ('{"a": [true]}\n', 1, "a", ["nested JSON"]),
    "too deep": ("[" * 200_000 + "\n", 1, None, ["not JSON"]),
    "a key twice": ('{"a": 1}\n{"a": 1, "b": 2, "a": 3}\n', 2, "a", ["is twice", "remove one"]),
    "an empty key": ('{"": 1}\n', 1, None, ["key is empty"]),
    "NUL": ('{"a": "\0"}\n', 1, None, ["NUL"]),
    "a long value": ('{"a": "' + "x" * 131_073 + '"}\n', 1, "a", ["longer than 131,072"]),
    "keys that are values": ("".join(f'{{"k{n}": 1}}\n' for n in range(2001)), 2001, None, ["2,000 different keys"]),
}


def refused(path: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        table = open_table(path, **options).check()
        table.judge(table.columns)
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


def test_a_bad_csv_file_is_refused(subtests, tmp_path):
    """The error names file, line and column, and contains the fix."""
    for case, (content, line, column, said) in BAD_CSV.items():
        with subtests.test(case):
            check(tmp_path / "people.csv", content, line, column, said)


def test_a_bad_file_of_json_lines_is_refused(subtests, tmp_path):
    """The error names file, line and key or position, and contains the fix."""
    for case, (content, line, column, said) in BAD_JSON.items():
        with subtests.test(case):
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


def test_an_unknown_ending_is_refused(subtests, tmp_path):
    """The message lists the endings that are known."""
    for name in ["people.numbers", "people", "people.pdf"]:
        with subtests.test(repr(name)):
            path = tmp_path / name
            path.touch()
            assert "supported are .csv, .txt, .tsv, .jsonl, .ndjson" in str(refused(path))


def test_an_option_that_cannot_work_is_refused(subtests, tmp_path):
    """A wrong encoding, delimiter or kind is as clear as a wrong file."""
    cases: list[tuple[dict[str, Any], str]] = [
        ({"encoding": "klingon"}, "unknown encoding klingon; use one such as encoding='cp1252'"),
        ({"encoding": "idna"}, "unknown encoding idna"),
        ({"encoding": "utf-16"}, "is not UTF-16: it has neither a byte order mark nor zero bytes"),
        ({"encoding": "utf-32"}, "is not UTF-32"),
        ({"header": 3}, "has no line 3"),
        ({"header": 0}, "lines are counted from 1"),
        ({"sheet": "x"}, "sheet='x' does not apply to csv; omit it"),
        ({"encoding": "zip"}, "unknown encoding zip"),
        ({"delimiter": ";;"}, "delimiter=';'"),
        ({"delimiter": ""}, "must be one character"),
        ({"delimiter": '"'}, "must be one character"),
        ({"delimiter": "\n"}, "must be one character"),
        ({"format": "xml"}, "unknown format xml"),
    ]
    for options, said in cases:
        with subtests.test(repr(options)):
            path = tmp_path / "people.csv"
            path.write_text("a\n1\n")
            assert said in str(refused(path, **options))


def test_a_message_writes_options_as_its_reader_does(tmp_path):
    """In Python they are parameters, on the command line they are typed."""
    path = tmp_path / "people.csv"
    path.write_text("a\n1\n")

    assert "use delimiter=';' or delimiter='tab'" in str(refused(path, delimiter=""))
    assert "use --delimiter ';' or --delimiter tab" in str(refused(path, delimiter="", spell=command_line_option))


def test_a_message_names_the_file_as_its_owner_does(tmp_path):
    """What came from standard input lies in a private file whose path means nothing to anybody."""
    path = tmp_path / "people.csv"
    path.write_text("")
    error = refused(path, name="standard input")

    assert str(error).startswith("standard input: is empty")
    assert error.path == "standard input"


PACKED = {
    "gzip": (gzip.compress(b"a,b\n1,2\n"), "gunzip -k people.csv"),
    "bzip2": (bz2.compress(b"a,b\n1,2\n"), "bunzip2 -k people.csv"),
    "xz": (lzma.compress(b"a,b\n1,2\n"), "unxz -k people.csv"),
    "7z": (b"7z\xbc\xaf\x27\x1c", "7z x people.csv"),
}


def test_a_packed_file_is_to_be_unpacked_first(subtests, tmp_path):
    """The message has the command, whatever the file is called."""
    for case, (content, command) in PACKED.items():
        with subtests.test(case):
            for name in ("people.csv", "people.csv.gz"):
                path = tmp_path / name
                path.write_bytes(content)

                assert f"unpack it first ({command}" in str(refused(path))
