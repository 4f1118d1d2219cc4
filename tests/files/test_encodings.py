"""Texts that are not UTF-8: guessed where somebody sees the guess, and never otherwise."""

import pytest

from airmeet_async.bulk.table_text import GUESS
from airmeet_async.bulk.tables import open_table
from airmeet_async.errors import InputError

HEAD = "email,first,last\n"

NAMES = {
    "French": ("cp1252", "prénom,nom\nFrançois,Lefèvre\n"),
    "German": ("cp1252", "Vorname,Nachname\nJörg,Müller-Strauß\n"),
    "Spanish": ("cp1252", "nombre,apellido\nIñaki,Núñez\n"),
    "a single name": ("cp1252", HEAD + "a@x.de,Zoë,Li\n"),
    "French from an old Mac": ("mac_roman", "prénom,nom\nFrançois,Lefèvre\n"),
    "Polish": ("cp1250", "imię,nazwisko\nŁukasz,Wiśniewski\nMałgorzata,Żółć\n"),
    "Turkish": ("cp1254", "ad,soyad\nGülşah,Yılmaz\nİbrahim,Çağlar\n"),
    "Russian": ("cp1251", "имя,фамилия\nИван,Петров\nОльга,Иванова\n"),
    "Japanese": ("cp932", "名前,会社\n山田太郎,東京電力\n鈴木花子,日本電気\n"),
    "Korean": ("cp949", "이름,회사\n김철수,삼성전자\n"),
}


@pytest.mark.parametrize(("encoding", "text"), NAMES.values(), ids=NAMES)
def test_a_guess_reads_names_and_shows_one(tmp_path, encoding, text):
    """The notice has the first cell that a wrong guess would spoil, and the option that overrules it."""
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode(encoding))
    table = open_table(path, encoding=GUESS)
    first = next(cell for cell in text.replace("\n", ",").split(",") if not cell.isascii())

    assert [list(row.data.values()) for batch in table.batches() for row in batch] == [
        line.split(",") for line in text.splitlines()[1:]
    ]
    assert f"read as {encoding}, which is a guess: line" in table.notices[0]
    assert f'has "{first}"' in table.notices[0]
    assert "--encoding cp125" in table.notices[0]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_known_without_its_mark(tmp_path, encoding):
    path = tmp_path / "people.csv"
    path.write_bytes((HEAD + "a@x.de,Łukasz,山田\n").encode(encoding))
    table = open_table(path, encoding=GUESS)

    assert next(table.batches())[0].data == {"email": "a@x.de", "first": "Łukasz", "last": "山田"}
    assert table.notices == ("UTF-16 text without a byte order mark, by its every other byte",)


def test_one_bad_byte_in_utf_8_is_no_other_encoding(tmp_path):
    """A text that has shown that it is UTF-8 is damaged, and the place is told."""
    path = tmp_path / "people.csv"
    path.write_bytes((HEAD + "a@x.de,Zoë,Li\n").encode() + b"b@x.de,Ren\xe9,Li\n")

    with pytest.raises(InputError, match=r'line 3, column "first": byte 0xE9 is not UTF-8'):
        open_table(path, encoding=GUESS)


def test_nothing_is_guessed_unless_it_is_asked_for(tmp_path):
    """In a program nobody would see the notice."""
    path = tmp_path / "people.csv"
    path.write_bytes((HEAD + "b@x.de,René,Li\n").encode("cp1252"))

    with pytest.raises(InputError, match="--encoding latin-1"):
        open_table(path)


def test_texts_for_no_value_are_taken_as_such_and_told(tmp_path):
    """NaN is nobody's name; NULL may be."""
    path = tmp_path / "people.csv"
    path.write_text(HEAD + "a@x.de,NaN,Li\nb@x.de,Bo,NULL\nc@x.de,nan,Null\nd@x.de,Nancy,NaN\n")
    table = open_table(path)

    assert [list(row.data.values())[1:] for batch in table.batches() for row in batch] == [
        ["", "Li"],
        ["Bo", "NULL"],
        ["", "Null"],
        ["Nancy", ""],
    ]
    assert table.notices == (
        '2 cells with "NaN", taken as empty (first line 2, column "first")',
        '1 cell with "NULL", sent as it stands; empty such cells if nothing is meant (line 3, column "last")',
        '1 cell with "nan", taken as empty (line 4, column "first")',
        '1 cell with "Null", sent as it stands; empty such cells if nothing is meant (line 4, column "last")',
    )
