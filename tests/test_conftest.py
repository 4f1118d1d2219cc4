"""What watches all tests can fail: a secret in each way out, and time that a quick test must not take."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BAD_TESTS = """
import logging
import sys
import time

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

def work():
    end = time.process_time() + 0.2
    while time.process_time() < end: pass
def test_busy(): work()
async def test_busy_later(): work()
"""

GOOD_TESTS = """
@pytest.mark.shows_links
def test_link_that_may_be_shown(): print(SENTINEL_LINK)
def test_other_output(): print("SENTINEL, code=1")

@pytest.mark.slow
def test_busy_and_slow(): work()
@pytest.mark.real_time
async def test_on_the_real_clock(): work()
"""


@pytest.mark.slow
def test_each_bad_test_fails_and_no_good_one(pytester, capsys):
    """A secret in stdout, stderr, a log record or its hidden parts; and a slow test that is not marked so."""
    pytester.makeconftest(
        "import tests.conftest\nfrom tests.conftest import *\nfrom tests.conftest import _no_secret_is_logged\n"
        "tests.conftest._QUICK_SECONDS = 0.1\n"
    )
    pytester.makepyprojecttoml(
        f"[tool.pytest]\nlog_level = 'DEBUG'\npythonpath = ['{ROOT}']\nanyio_mode = 'auto'\n"
        "markers = ['shows_links', 'real_time', 'slow']\n"
    )
    pytester.makepyfile(BAD_TESTS + GOOD_TESTS)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    capsys.readouterr()  # the inner run talks about secrets, which is what it is for
    accused = set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", result.stdout.str(), re.MULTILINE))
    assert accused == set(re.findall(r"def (test_\w+)", BAD_TESTS))
