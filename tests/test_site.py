"""The documentation's site builds, is whole, and loads nothing from outside."""

import re
import subprocess
import sys

import pytest

import airmeet_async
import airmeet_async.testing
from docs.build import DOCS, ROOT, SITE, navigation
from tests.support.browser import CHROMIUM, Page

# Whatever is wider than the window, and does not scroll by itself.
CUT = """
[...document.querySelectorAll('article *')].filter(one => {
  const box = one.getBoundingClientRect();
  if (box.width === 0 || box.right <= innerWidth + 1) return false;
  for (let up = one.parentElement; up; up = up.parentElement)
    if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX)) return false;
  return true;
}).map(one => one.textContent.slice(0, 60))
"""


def test_every_public_name_is_in_the_reference():
    text = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("reference/*.md"))
    shown = set(re.findall(r"^::: airmeet_async\.(?:testing\.)?(\w+)$", text, re.MULTILINE))

    assert {*airmeet_async.__all__, *airmeet_async.testing.__all__} - shown == set()


def test_every_page_is_in_the_navigation():
    assert navigation() == {page.relative_to(DOCS).as_posix() for page in DOCS.glob("**/*.md")}


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.timeout(180)
def test_the_site_builds_without_a_warning_and_nothing_is_cut(subtests):
    done = subprocess.run([sys.executable, "-m", "docs.build"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if CHROMIUM is None:
        pytest.skip("no chromium to look at it with")
    with Page() as page:
        for path in sorted(navigation()):
            page.open(SITE / path.replace(".md", ".html"))
            for width in (1280, 400):
                page.ask(
                    "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
                )
                with subtests.test(path=path, width=width):
                    assert page.find(CUT) == []
        assert page.complaints == []
        assert [one for one in page.requests if not one.startswith(("file:", "data:"))] == []
