"""Texts that are not UTF-8: proposals with a cell, and never a guess."""

import codecs

import pytest

from airmeet_async.errors import EncodingError, InputError
from airmeet_async.tables.cells import command_line_option
from airmeet_async.tables.table import open_table
from airmeet_async.tables.text_file import CANDIDATES

HEAD = "email,first,last\n"


def put(folder, text, encoding, name="people.csv"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def refusal(path, **options):
    with pytest.raises(EncodingError) as caught:
        open_table(path, **options).check()
    return caught.value


# The encoding of a file, and its names.
NAMES = {
    "French": ("cp1252", "François,Lefèvre"),
    "a single name": ("cp1252", "Zoë,Li"),
    "French from an old Mac": ("mac-roman", "François,Lefèvre"),
    "German from DOS": ("cp850", "Jörg,Müller"),
    "Polish": ("cp1250", "Łukasz,Żółć"),
    "Japanese": ("cp932", "太郎,山田"),
}


def test_the_right_reading_is_among_those_that_are_proposed(subtests, tmp_path):
    """With the cell in which the candidates differ most; and to follow the advice gives that text."""
    for case, (encoding, names) in NAMES.items():
        with subtests.test(case):
            path = put(tmp_path, f"{HEAD}a@x.de,Al,Fo\nb@x.de,{names}\n", encoding)
            error = refusal(path)
            text = dict(error.candidates)[encoding]

            assert error.line == 3
            assert error.column in ("first", "last")
            assert text in names.split(",")
            assert f"    {text} " in str(error)
            rows = [row for _, row in open_table(path, encoding=encoding)]
            assert rows[1][error.column] == text


def test_what_charset_normalizer_takes_it_for_is_proposed_too(tmp_path):
    path = put(tmp_path, HEAD + "a@x.de,Иван,Петров\nb@x.de,Ольга,Иванова\n", "cp1251")
    names = [name for name, _ in refusal(path).candidates]

    assert "cp1251" in names
    assert 1 <= len(set(names) - set(CANDIDATES)) <= 4


def test_candidates_that_do_not_fit_are_not_proposed(tmp_path):
    """0x81 is no letter of cp1252."""
    error = refusal(put(tmp_path, HEAD + "a@x.de,Jü,Li\n", "cp850"))

    assert "cp1252" not in dict(error.candidates)


def test_the_option_is_written_as_it_is_typed(tmp_path):
    path = put(tmp_path, HEAD + "a@x.de,Zoë,Li\n", "cp1252")

    assert "encoding='cp1252'; if none is" in str(refusal(path))
    assert "--encoding cp1252; if none is" in str(refusal(path, spell=command_line_option))


def test_the_place_is_told_whatever_the_text_is(subtests, tmp_path):
    for name, text, line, column in [
        ("people.csv", "email,prénom\na,b\n", 1, None),
        ("people.csv", HEAD + '"a\nb","c\ndé",e\n', 4, "first"),
        ("people.csv", '"email;first"\n"a@x.de;René"\n', 2, "first"),
        ("people.jsonl", '{"email": "a@x.de"}\n{"n": ["x", "René"]}\n', 2, "n"),
        ("people.jsonl", '{"prénom": "x"}\n', 1, None),
        ("people.json", '[\n{"a": "x",\n "n": "René"}]\n', 2, "n"),
    ]:
        with subtests.test(repr(name)):
            error = refusal(put(tmp_path, text, "cp1252", name), is_header=lambda cells: "email" in cells)

            assert (error.line, error.column) == (line, column)


def test_one_bad_byte_in_utf_8_is_told_with_a_line_that_is_sound(tmp_path):
    """Then the file is rather damaged, or put together from two."""
    path = tmp_path / "people.csv"
    path.write_bytes((HEAD + "a@x.de,Zoë,Li\n").encode() + b"b@x.de,Ren\xe9,Li\n")
    error = refusal(path)

    assert error.line == 3
    assert 'Line 2 is UTF-8 ("Zoë")' in str(error)


def test_a_byte_that_is_not_in_the_encoding_that_was_said_is_told(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes(HEAD.encode() + b"b@x.de,Ren\x81,Li\n")
    with pytest.raises(InputError, match='line 2, column "first": byte 0x81 is not cp1252; use another encoding'):
        open_table(path, encoding="cp1252").check()


def test_utf_8_in_a_western_text_is_refused(subtests, tmp_path):
    for encoding in ["cp1252", "cp850", "mac-roman", "latin-1", "cp1250"]:
        with subtests.test(repr(encoding)):
            path = put(tmp_path, HEAD + "a@x.de,Al,Li\nb@x.de,Zoë,Größer\n", "utf-8")
            with pytest.raises(InputError, match=r'line 3, column "first": is UTF-8 here \("Zoë"\)'):
                open_table(path, encoding=encoding).check()


def test_katakana_that_happens_to_be_utf_8_is_read(tmp_path):
    """Two half-width letters of cp932 are often one letter of UTF-8."""
    path = put(tmp_path, HEAD + "a@x.de,ﾄｳ,山田\n", "cp932")

    assert [row["first"] for _, row in open_table(path, encoding="cp932")] == ["ﾄｳ"]


MARKED = {
    "UTF-8": (codecs.BOM_UTF8, "utf-8", ()),
    "UTF-16, little end first": (codecs.BOM_UTF16_LE, "utf-16-le", ("UTF-16 text, from its byte order mark",)),
    "UTF-16, big end first": (codecs.BOM_UTF16_BE, "utf-16-be", ("UTF-16 text, from its byte order mark",)),
    "UTF-32, little end first": (codecs.BOM_UTF32_LE, "utf-32-le", ("UTF-32 text, from its byte order mark",)),
    "UTF-16 without a mark": (b"", "utf-16-le", ((
        "UTF-16 text without a byte order mark, detected from its zero bytes"
    ),)),
    "UTF-16 without a mark, big end first": (
        b"", "utf-16-be", ("UTF-16 text without a byte order mark, detected from its zero bytes",),
    ),
}  # fmt: skip


def test_what_is_a_fact_needs_no_question(subtests, tmp_path):
    """A mark wins over what was said."""
    for case, (mark, encoding, notices) in MARKED.items():
        for said in [None, "cp1252"]:
            if said and not mark:  # then what was said counts
                continue
            with subtests.test(f"{case} {said}"):
                path = tmp_path / "people.csv"
                path.write_bytes(mark + (HEAD + "a@x.de,Łukasz,山田\n").encode(encoding))
                table = open_table(path, encoding=said).check()

                assert [list(row.values()) for _, row in table] == [["a@x.de", "Łukasz", "山田"]]
                assert table.notices == notices


def test_the_advice_to_say_utf_16_is_followed_without_a_mark(tmp_path):
    path = put(tmp_path, HEAD + "a@x.de,Łukasz,山田\n", "utf-16-le")

    assert [row["first"] for _, row in open_table(path, encoding="utf-16")] == ["Łukasz"]
