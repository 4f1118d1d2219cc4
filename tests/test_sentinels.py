"""The leak check can fail: each way out is tried with a secret in it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LEAKY_TESTS = """
import logging
import sys

import pytest

from tests.sentinels import *

logger = logging.getLogger("deep.down")

def test_stdout(): print(SENTINEL_TOKEN)
def test_stderr(): print(SENTINEL_SECRET_KEY, file=sys.stderr)
def test_log(): logger.debug("key %s", SENTINEL_ACCESS_KEY)
def test_log_extra(): logger.debug("request", extra={"token": SENTINEL_TOKEN})
def test_log_traceback():
    try: raise ValueError(SENTINEL_TOKEN)
    except ValueError: logger.exception("oh")
def test_entry_link(): print(SENTINEL_LINK)

@pytest.fixture
def chatty(): print(SENTINEL_TOKEN)
def test_fixture(chatty): pass

@pytest.mark.shows_links
def test_key_beside_a_link_that_may_be_shown(): print(SENTINEL_LINK, SENTINEL_TOKEN)
"""

CLEAN_TESTS = """
@pytest.mark.shows_links
def test_link_that_may_be_shown(): print(SENTINEL_LINK)
def test_other_output(): print("SENTINEL, code=1")
"""


@pytest.mark.slow
def test_each_leak_fails_its_test(pytester, capsys):
    """A secret in stdout, stderr, a log record or its hidden parts is found, and no innocent accused."""
    pytester.makeconftest("from tests.conftest import *\nfrom tests.conftest import _no_secret_is_logged\n")
    pytester.makepyprojecttoml(
        f"[tool.pytest]\nlog_level = 'DEBUG'\npythonpath = ['{ROOT}']\nmarkers = ['shows_links', 'real_time']\n"
    )
    pytester.makepyfile(LEAKY_TESTS + CLEAN_TESTS)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    capsys.readouterr()  # the inner run talks about secrets, which is what it is for
    accused = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", result.stdout.str(), re.MULTILINE))
    assert accused == set(re.findall(r"def (test_\w+)", LEAKY_TESTS))
