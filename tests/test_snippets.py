"""The examples in the documents run, against a sandbox."""

import subprocess
import sys

import pytest

from tests.documents import ROOT, documents
from tests.snippets import examples

WITH_EXAMPLES = [path for path in documents(ROOT) if any(not one.why for one in examples(path))]


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_document_run(path):
    command = [sys.executable, "-m", "tests.snippets", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
