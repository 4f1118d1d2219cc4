"""The examples in the documents run, against a sandbox."""

import subprocess
import sys

import pytest

from tests.documents import ROOT, documents
from tests.snippets import examples

BROKEN = {
    "python": "```python\nassert await client.airmeets.list() == []\n```",
    "a file": '```python title="app.py"\nfrom airmeet_async import Unicorn\n```',
    "a test": "```python\ndef test_sandbox(airmeet_sandbox):\n    assert airmeet_sandbox.registrations()\n```",
    "a command": "```console\n$ airmeet register nothing people.csv --no-invite\n```",
    "an exit code": "```console\n$ airmeet check people.csv  # exit code 5\n```",
}
WITH_EXAMPLES = [path for path in documents(ROOT) if any(not one.why for one in examples(path))]


def test_few_examples_are_not_run_and_say_why():
    left_out = [one.why for path in documents(ROOT) for one in examples(path) if one.why]

    assert len(left_out) < 10
    assert all(why.startswith(("needs ", "it runs until ")) for why in left_out)


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", BROKEN)
def test_what_does_not_run_is_found(tmp_path, case):
    (tmp_path / "page.md").write_text(f"# T\n\n{BROKEN[case]}\n", encoding="utf-8")
    command = [sys.executable, "-m", "tests.snippets", str(tmp_path / "page.md")]

    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 1


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_document_run(path):
    command = [sys.executable, "-m", "tests.snippets", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
