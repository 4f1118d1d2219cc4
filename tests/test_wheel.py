"""What ships: Python files, types, templates and data that are listed, and no file that lies about in the folder."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import airmeet_async

ROOT = Path(__file__).parent.parent
STRAY = (
    ".env",
    "cli/.env.local",
    "client/private.pem",
    "notes.txt",
    "bulk/customers.csv",
    "tables/keys",
    ".idea/x.json",
)
DATA = {"py.typed", "cli/output/report.html.j2", "bulk/input/column_names.toml"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel and a source distribution of a folder with stray files in it."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    (folder / "LICENSE").write_text("a license\n")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(airmeet_async.__path__[0], folder / "airmeet_async", ignore=ignore)
    for name in STRAY:
        path = folder / "airmeet_async" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("AIRMEET_SECRET_KEY=x\n")
    (folder / "docs").mkdir()
    (folder / "docs" / ".env").write_text("AIRMEET_SECRET_KEY=x\n")
    command = [sys.executable, "-m", "hatchling", "build", "-d", "dist"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def shipped(names):
    return {name.partition("airmeet_async/")[2] for name in names if "airmeet_async/" in name}


@pytest.mark.slow
def test_the_wheel_has_the_modules_and_the_data_that_is_listed(built):
    wheel = zipfile.ZipFile(next(built.glob("dist/*.whl")))
    source = {str(path.relative_to(built / "airmeet_async")) for path in (built / "airmeet_async").rglob("*.py")}

    assert shipped(wheel.namelist()) == source | DATA


@pytest.mark.slow
def test_the_source_distribution_has_no_stray_file(built):
    with tarfile.open(next(built.glob("dist/*.tar.gz"))) as archive:
        names = archive.getnames()

    assert not [name for name in names for stray in STRAY if name.endswith(f"airmeet_async/{stray}")]
    assert not [name for name in names if Path(name).name.startswith(".env")]
    assert {f"{name}" for name in DATA} <= shipped(names)


@pytest.mark.slow
def test_links_and_pictures_work_on_the_page_of_an_index(built):
    """There is no folder beside it."""
    wheel = zipfile.ZipFile(next(built.glob("dist/*.whl")))
    metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    links = re.findall(r"\]\(([^)\s]+)\)", metadata)
    assert links
    assert [link for link in links if not re.match("https://|#", link)] == []
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", metadata)
    assert all(picture.startswith("https://raw.githubusercontent.com/") for picture in pictures)
    for name, url in project["urls"].items():
        assert f"Project-URL: {name}, {url}" in metadata
