"""Parquet files: what `open_table` makes of them."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airmeet_async.errors import InputError
from airmeet_async.optional_imports import install_command
from airmeet_async.tables.table import open_table
from tests.support.source_rows import batches
from tests.tables.workbooks import package as zipped
from tests.tables.workbooks import parts, sheet, texts


def write(path, columns, **options):
    pq.write_table(pa.table(columns), path, **options)
    return path


def rows(path):
    return [row for batch in batches(open_table(path)) for row in batch]


VALUES = {
    "a text stays as it is": (pa.array([" 007 "]), " 007 "),
    "a category is its text": (pa.array(["Ana"]).dictionary_encode(), "Ana"),
    "a whole number": (pa.array([12]), "12"),
    "a whole number among fractions has no point": (pa.array([12.0]), "12"),
    "a fraction": (pa.array([0.5]), "0.5"),
    "an exact number keeps its digits": (pa.array([Decimal("1.50")]), "1.50"),
    "a truth value is in capitals": (pa.array([True]), "TRUE"),
    "a day": (pa.array([dt.date(2026, 3, 1)]), "2026-03-01"),
    "a moment keeps its zone": (
        pa.array([dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC)]),
        "2026-03-01T09:30:00+00:00",
    ),
    "a moment to the nanosecond": (pa.array([1_772_357_400_000_000_001], pa.timestamp("ns")), "2026-03-01T09:30:00"),
    "a time of day": (pa.array([dt.time(9, 5)]), "09:05:00"),
}


def test_values_are_texts(subtests, tmp_path):
    for case, (array, text) in VALUES.items():
        with subtests.test(case):
            assert [row.data for row in rows(write(tmp_path / "x.parquet", {"a": array}))] == [{"a": text}]


def test_null_and_nan_are_no_value(tmp_path):
    path = write(tmp_path / "x.parquet", {"email": ["a@x.de", None], "n": [float("nan"), 1.0]})
    table = open_table(path).check()

    assert (table.columns, table.rows) == (("email", "n"), 2)
    assert table.notices == ("line numbers are rows of the file, from 1",)
    assert [(row.line, row.data) for row in rows(path)] == [(1, {"email": "a@x.de"}), (2, {"n": "1"})]


def test_row_groups_are_one_table(tmp_path):
    path = write(tmp_path / "x.parquet", {"n": list(range(1234))}, row_group_size=100)

    assert [row.data["n"] for row in rows(path)] == [str(n) for n in range(1234)]


def encrypted(path):
    path.write_bytes(b"PARE" + bytes(100) + b"PARE")


def cut(path):
    write(path, {"a": ["x"] * 1000})
    path.write_bytes(path.read_bytes()[:-20])


def flipped(path):
    write(path, {"a": [str(n) for n in range(5000)]}, compression="zstd")
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)


def not_utf_8(path):
    write(path, {"a": pa.array([b"Ren\xe9"]).cast(pa.binary()).view(pa.string())})


def twice(path):
    pq.write_table(pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["a", "a"]), path)


BAD = {
    "a list": (lambda path: write(path, {"tags": [["x"]]}), "tags", ["holds list", "convert it to text"]),
    "a structure": (lambda path: write(path, {"who": [{"a": 1}]}), "who", ["holds struct"]),
    "bytes": (lambda path: write(path, {"photo": [b"x"]}), "photo", ["holds binary"]),
    "a column twice": (twice, "a", ["two columns", "rename one"]),
    "too many columns": (lambda path: write(path, {f"c{n}": [1] for n in range(2001)}), None, ["2,001 columns"]),
    "no rows": (lambda path: write(path, {"a": pa.array([], pa.string())}), None, ["has no rows"]),
    "a text that is not UTF-8": (not_utf_8, "a", ["cannot be read", "utf-8"]),
    "a long text": (lambda path: write(path, {"a": ["x" * 131_073]}), "a", ["line 1", "longer than 131,072"]),
    "encryption": (encrypted, None, ["encrypted"]),
    "a file that was cut off": (cut, None, ["damaged"]),
    "flipped bits": (flipped, None, ["damaged"]),
    "plain text": (lambda path: path.write_text("a,b\n1,2\n"), None, ["plain text", "people.csv"]),
}


def test_a_bad_parquet_file_is_refused(subtests, tmp_path):
    """The error names the file and the column, and contains the fix."""
    for case, (make, column, said) in BAD.items():
        with subtests.test(case):
            path = tmp_path / "people.parquet"
            make(path)
            with pytest.raises(InputError) as caught:
                table = open_table(path).check()
                table.judge(table.columns)

            assert (caught.value.path, caught.value.column) == (str(path), column)
            assert [word for word in said if word not in str(caught.value)] == []


def test_a_parquet_file_that_is_called_csv_says_what_it_is(tmp_path):
    path = write(tmp_path / "people.csv", {"a": ["x"]})

    with pytest.raises(InputError, match=r"is a Parquet file by its content, not csv; rename it to people\.parquet"):
        table = open_table(path).check()
        table.judge(table.columns)


@pytest.mark.slow
def test_without_its_package_the_extra_is_named(tmp_path):
    path = write(tmp_path / "people.parquet", {"a": ["x"]})
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from airmeet_async.tables import open_table\n"
        "from airmeet_async.errors import ConfigError\n"
        f"try: open_table({str(path)!r})\nexcept ConfigError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert install_command("parquet") in done.stdout


_WATCH = """
import sys
from airmeet_async.tables import open_table
if sys.argv[1].endswith(".parquet"):
    import pyarrow.parquet

def peak():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))) // 1024

before = peak()
table = open_table(sys.argv[1])
print(sum(len(rows) for rows, _ in table.chunks()), peak() - before)
"""


def people(n):
    return [(f"person-{number}@example.com", f"Ada{number % 997}", f"Lovelace {number}") for number in range(n)]


def in_parquet(path, n):
    write(path, dict(zip(("email", "first", "last"), map(list, zip(*people(n), strict=True)), strict=True)))


def in_excel(path, n):
    body = "".join(texts(number, *person) for number, person in enumerate(people(n), 2))
    zipped(path, parts(sheet(texts(1, "email", "first", "last") + body)))


def in_excel_by_reference(path, n):
    """Write texts apart from the cells, as Excel does."""
    found = [text for person in people(n) for text in person]
    body = "".join(
        f'<row r="{row + 2}">' + "".join(f'<c t="s"><v>{row * 3 + cell}</v></c>' for cell in range(3)) + "</row>"
        for row in range(n)
    )
    shared = "<sst>" + "".join(f"<si><t>{text}</t></si>" for text in found) + "</sst>"
    head = texts(1, "email", "first", "last")
    zipped(path, parts(sheet(head + body), xl__sharedStrings=shared))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("make", "name", "limit"),
    [(in_parquet, "x.parquet", 96), (in_excel, "x.xlsx", 64), (in_excel_by_reference, "y.xlsx", 64)],
)
def test_a_hundred_thousand_rows_are_read_in_flat_memory(tmp_path, make, name, limit):
    """What pyarrow takes at the start is the most of it; a whole sheet in memory would be 50 MiB and more."""
    make(tmp_path / name, 100_000)
    done = subprocess.run([sys.executable, "-c", _WATCH, tmp_path / name], capture_output=True, text=True, check=True)
    n, mib = map(int, done.stdout.split())

    assert n == 100_000
    assert mib <= limit


def long_text_in_a_dictionary(path):
    """Write one text of a megabyte that all rows share: some kilobytes that would unfold to gigabytes."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), ["x" * 1_000_000])
    write(path, {"email": ["a@x.de"] * 5000, "note": text})


def texts_in_a_dictionary(path):
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * 131_000])
    write(path, {"note": text}, compression="zstd")


def texts_by_their_difference(path):
    text = "x" * 131_000
    write(path, {"note": [text] * 700}, use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY", compression="zstd")


BOMBS = {
    "one text in all rows": (long_text_in_a_dictionary, "longer than 131,072|a text of"),
    "the longest text that passes in all rows": (texts_in_a_dictionary, "its texts are more than"),
    "texts written by their difference": (texts_by_their_difference, "its texts are more than"),
}


@pytest.mark.slow
def test_a_small_file_does_not_unfold_to_gigabytes(subtests, tmp_path):
    for case, (make, said) in BOMBS.items():
        with subtests.test(case):
            path = tmp_path / "x.parquet"
            make(path)
            with pytest.raises(InputError, match=said):
                table = open_table(path).check()
                table.judge(table.columns)


def test_a_batch_ends_where_its_texts_are_many(tmp_path):
    path = write(tmp_path / "x.parquet", {"note": ["x" * 100_000] * 100})

    assert max(len(batch) for batch in batches(open_table(path), 500)) <= 42
