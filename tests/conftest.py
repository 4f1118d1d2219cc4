"""What all tests share: virtual time, no secret in any output, and two tiers.

A test is `slow` if it takes more than 0.25 s, starts a process or opens a socket; `make quick` runs the others. A test
on the real clock is slow, too. So that the quick tier stays quick, a test of it that takes more than a second fails.
"""

import logging
import os
import signal
import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from airmeet_async.testing import VirtualTimeLoop
from tests.sentinels import leaks

pytest_plugins = ["pytester"]

_QUICK_SECONDS = 2.0


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Virtual time, unless the test is marked `real_time`."""
    if request.node.get_closest_marker("real_time"):
        return "asyncio", {}
    return "asyncio", {"loop_factory": VirtualTimeLoop}


def pytest_configure() -> None:
    """Let Ctrl-C reach the runs that are tested: a shell starts what it puts into the background without it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _table_of_characters() -> None:
    """Let hypothesis make its table of characters, once for each checkout: no single test is to pay for it."""
    st.text().validate()


def _slowdown() -> float:
    """Return how many times longer a fixed piece of work takes now than on the machine the limit was made for."""
    start = time.process_time()
    for _ in range(1_000_000):
        pass
    return (time.process_time() - start) / 0.02


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count tests on the real clock among the slow ones."""
    for item in items:
        if item.get_closest_marker("real_time"):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a test that is slow and not marked so: by its processor time, for a machine that is not busy."""
    start = sum(os.times()[:4])  # with that of child processes
    result = yield
    seconds = sum(os.times()[:4]) - start
    if seconds > _QUICK_SECONDS and not pyfuncitem.get_closest_marker("slow"):
        seconds /= max(1.0, _slowdown())
    if seconds > _QUICK_SECONDS and not pyfuncitem.get_closest_marker("slow"):
        pytest.fail(f"took {seconds:.1f} s of processor time: make it quicker, or mark it slow", pytrace=False)
    return result


class _LeakCatcher(logging.Handler):
    """Look at all that a log record carries, also what no format shows."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        facts = f"{self.format(record)} {record.__dict__!r}"
        self.found.update(f"{name} in a record of logger {record.name!r}" for name in leaks(facts))


@pytest.fixture(autouse=True)
def _no_secret_is_logged() -> Iterator[None]:
    catcher = _LeakCatcher()
    logging.getLogger().addHandler(catcher)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(catcher)
    if catcher.found:
        pytest.fail(f"leaked {', '.join(sorted(catcher.found))}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that printed a secret, or one whose warnings and logs show it."""
    report = yield
    shows_links = item.get_closest_marker("shows_links") is not None
    for title, text in report.sections:
        found = leaks(text, links_allowed=shows_links) if title.endswith(report.when or "") else []
        if found and not report.failed:
            report.outcome = "failed"
            report.longrepr = f"leaked {', '.join(found)} in: {title}"
    return report
