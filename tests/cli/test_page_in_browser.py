"""The report page in a real browser: it asks for nothing, complains of nothing, and can be read by everybody."""

import re

import pytest
from attrs import evolve

from airmeet_async.cli.cases import Case, Cause
from airmeet_async.cli.page import render
from tests.cli.test_page import TOLD
from tests.support.browser import CHROMIUM, Page

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: apt-get install chromium)"),
]

HOSTILE = "<script>fetch('https://example.com/a')</script><img src=https://example.com/b onerror=alert(1)>"
POLICY = re.compile('<meta http-equiv="Content-Security-Policy".*?>')
BACKGROUND = "getComputedStyle(document.body).backgroundColor"

# The contrast of each text against the nearest background that is painted, as WCAG 2 counts it.
CONTRASTS = """
(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => numbers(colour).slice(0, 3).map(n => n / 255)
    .map(n => n <= 0.03928 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4)
    .reduce((sum, n, at) => sum + n * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((numbers(colour)[3] ?? 1) === 1) return colour;
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, style = getComputedStyle(element);
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    const ink = element.closest("svg") ? style.fill : style.color;
    const [more, less] = [light(ink), light(behind(element))].sort((a, b) => b - a);
    found.push([(more + 0.05) / (less + 0.05), walker.currentNode.data.trim()]);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def page():
    with Page() as page:
        yield page


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "run.html"
    told = evolve(TOLD, causes=[*TOLD.causes, Cause(HOSTILE, 1, [Case(4, HOSTILE, HOSTILE, 1)])], people=False)
    path.write_text(render(told), encoding="utf-8")
    return path


def test_no_request_leaves_the_page_and_the_console_is_silent(page, file):
    page.requests.clear()
    page.complaints.clear()
    page.open(file)

    assert page.requests == [file.as_uri()]
    assert page.complaints == []
    assert page.find("document.querySelectorAll('main section').length") == 6


def test_the_check_above_sees_requests_and_complaints(page, file):
    """A picture is asked for without the policy, and complained of with it."""
    page.requests.clear()
    whole = file.read_text(encoding="utf-8").replace("<footer>", '<img src="file:///nowhere.png"><footer>')
    file.write_text(POLICY.sub("", whole), encoding="utf-8")
    page.open(file)
    assert "file:///nowhere.png" in page.requests

    page.complaints.clear()
    file.write_text(whole, encoding="utf-8")
    page.open(file)
    assert "Content Security Policy" in str(page.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(page, file, scheme):
    page.media(scheme=scheme)
    page.open(file)
    contrasts = page.find(CONTRASTS)

    assert len(contrasts) > 80
    assert [text for contrast, text in contrasts if contrast < 4.5] == []


def test_dark_is_dark_and_paper_is_white(page, file):
    page.open(file)
    seen = []
    for scheme, media in (("light", "screen"), ("dark", "screen"), ("dark", "print")):
        page.media(scheme=scheme, media=media)
        seen.append(page.find(BACKGROUND))

    assert seen == ["rgb(252, 251, 248)", "rgb(22, 23, 26)", "rgb(255, 255, 255)"]


def test_it_can_be_printed(page, file):
    page.open(file)
    printed = page.pdf(scheme="dark")

    assert printed.startswith(b"%PDF-")
    assert 1 <= len(re.findall(rb"/Type ?/Page\b", printed)) <= 4


def test_who_does_not_see_it_is_told_all_of_it(page, file):
    """Charts have a text, tables a name, and there is one heading of the first level."""
    page.open(file)
    nodes = page.ask("Accessibility.getFullAXTree")["nodes"]
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node.get("ignored")
    ]

    assert [name.partition(" ")[0] for role, name in named if role == "image"] == ["Requests", "Per"]
    assert all(name for role, name in named if role == "table")
    assert len([name for role, name in named if role == "heading"]) == 9


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_a_narrow_window_does_not_scroll_sideways(page, file, width):
    page.media()
    page.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    page.open(file)

    assert page.find("document.documentElement.scrollWidth") <= width
