"""What all tests share: virtual time, and no secret in any output."""

import logging
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from airmeet_async.testing import VirtualTimeLoop
from tests.sentinels import leaks

pytest_plugins = ["pytester"]


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Virtual time, unless the test is marked `real_time`."""
    if request.node.get_closest_marker("real_time"):
        return "asyncio", {}
    return "asyncio", {"loop_factory": VirtualTimeLoop}


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
