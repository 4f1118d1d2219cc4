"""Export files: whole or not at all, private, and harmless in a spreadsheet."""

import csv
import errno
import json
import stat
from pathlib import Path

import pytest

from airmeet_async import ConfigError
from airmeet_async.cli.commands.export import ExportFile
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.list_columns import Line

COLUMNS = ("email", "n")


def line(email, n=1, **extra):
    return Line({"email": email, "n": n}, extra)


def write(path: Path, *lines: Line, **options):
    with ExportFile(path, COLUMNS, marks=COLUMNS, **options) as file:
        for one in lines:
            file.add(one)


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_csv_has_the_columns_and_no_formula(tmp_path):
    path = tmp_path / "x.csv"
    write(path, line("=cmd()", extra=1), line('a "b", c\nd', None), line("\0"))

    assert rows(path) == [["email", "n"], ["'=cmd()", "1"], ['a "b", c\nd', ""], ["\ufffd", "1"]]


def test_raw_leaves_formulas_as_they_are(tmp_path):
    write(tmp_path / "x.csv", line("=cmd()"), line("'=cmd()"), raw=True)

    assert [row[0] for row in rows(tmp_path / "x.csv")] == ["email", "=cmd()", "'=cmd()"]


@pytest.mark.parametrize("name", ["x.jsonl", "x.NDJSON"])
def test_json_lines_are_exact_and_hold_everything(tmp_path, name):
    write(tmp_path / name, line("=Zoë\0", 1.5, badge=[1, None]), line("\ud800"))

    first, second = (json.loads(one) for one in (tmp_path / name).read_text(encoding="utf-8").splitlines())
    assert first == {"email": "=Zoë\0", "n": 1.5, "badge": [1, None]}
    assert second["email"] == "\ud800"


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_only_the_owner_can_read_it_and_an_earlier_one_is_replaced(tmp_path, name):
    path = tmp_path / name
    write(path, line("a@example.com"))
    path.chmod(0o644)
    write(path, line("b@example.com"))

    assert "b@example.com" in path.read_text()
    assert "a@example.com" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("name", "content"), [("x.csv", "email,first_name\na,b\n"), ("x.jsonl", '{"email": 1}\n')])
def test_another_file_is_never_replaced(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)

    with pytest.raises(ConfigError, match="not an export of this list"):
        write(path)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [(name, content)]


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "x.csv").symlink_to(tmp_path / "elsewhere.csv")

    with pytest.raises(ConfigError, match="symbolic link"):
        write(tmp_path / "x.csv")


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt()])
def test_what_fails_on_the_way_leaves_the_earlier_one(tmp_path, error):
    path = tmp_path / "x.csv"
    write(path, line("a@example.com"))

    with pytest.raises(type(error)), ExportFile(path, COLUMNS, marks=COLUMNS) as file:
        file.add(line("b@example.com"))
        raise error

    assert rows(path)[1:] == [["a@example.com", "1"]]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    class Full:
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            pass

    with pytest.raises(ConfigError, match="No space left"), ExportFile(tmp_path / "x.csv", COLUMNS, marks=()) as file:
        file._file.close()
        file._file = Full()  # type: ignore[assignment]
        file.add(line("a@example.com"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x", "x.xlsx", "-", "x.csv.gz"])
def test_the_ending_must_say_what_is_written(tmp_path, name):
    with pytest.raises(UsageError, match=r"use \.csv, \.jsonl"):
        write(tmp_path / name)
