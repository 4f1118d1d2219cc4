"""No secret, and nothing of one machine, is in the project's files."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.documents import ROOT

SKIPPED = {".git", ".venv", "build", "dist", "node_modules", "__pycache__"}

SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    "a path of somebody's home": re.compile(r"(?:/home|/Users)/(?!user\b|me\b|you\b|name\b)[a-z][\w.-]*/"),
}


def project_files(root: Path) -> list[Path]:
    """Return the files of the project: those git knows, or all where there is no git."""
    listing = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, capture_output=True, text=True, check=False)
    if done.returncode == 0 and (root / ".git").exists():
        paths = [root / name for name in done.stdout.split("\0") if name]
    else:
        paths = [path for path in root.rglob("*") if not SKIPPED & set(path.relative_to(root).parts)]
    return [path for path in paths if path.is_file()]


def secrets_in(text: str) -> list[str]:
    return [name for name, pattern in SECRETS.items() if pattern.search(text)]


def test_no_secret_is_in_the_tree():
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in project_files(ROOT)}

    assert {str(path): found for path, text in texts.items() if (found := secrets_in(text))} == {}
    assert texts


def test_the_lock_names_no_address():
    """Whoever installs decides on the package index; the lists name packages, versions and hashes."""
    for path in (ROOT / "requirements").glob("*.txt"):
        lines = path.read_text(encoding="utf-8").splitlines()
        odd = [line for line in lines if re.search(r"://|^-|@ |\bfile:|--(?!hash=)\w", line)]

        assert odd == [], path.name
        assert any("--hash=sha256:" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-----BEGIN PRIVATE " + "KEY-----\n" + "A" * 64, "a private key"),
        ("token: " + ".".join(["eyJ" + "a" * 12, "eyJ" + "b" * 12, "c" * 30]), "a signed token"),
        ("open('/ho" + "me/alice/list.csv')", "a path of somebody's home"),
    ],
)
def test_a_secret_is_found(text, name):
    assert secrets_in(text) == [name]
