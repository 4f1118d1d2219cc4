"""Build the documentation's site into build/site, offline and strict, and check it. `make docs` runs this.

1. The pages are copied to build/pages. There, a link that leaves docs/ leads to the repository, and a picture from
   elsewhere lies beside the page.
2. zensical makes the site; a warning of it is an error.
3. No page may load anything from outside, or link to a page or a heading that is not there.
4. docs/llms.txt, the list of pages for language models, has all of them.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
DOCS, PAGES, SITE = ROOT / "docs", ROOT / "build" / "pages", ROOT / "build" / "site"
REPOSITORY = "https://github.com/airmeet-async/airmeet-async/blob/main/"

_LINK = re.compile(r"(?P<picture>!?)(?P<text>\[[^\]]*\])\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")


def copy_pages() -> None:
    """Copy docs/ to build/pages, with links that hold there."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS, PAGES, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for page in sorted(PAGES.glob("**/*.md")):
        source = DOCS / page.relative_to(PAGES)

        def relocate(link: re.Match[str], page: Path = page, source: Path = source) -> str:
            target = Path(os.path.normpath(source.parent / link["target"]))
            if ":" in link["target"] or target.is_relative_to(DOCS):
                return link.group()
            if not link["picture"]:
                return f"{link['text']}({REPOSITORY}{target.relative_to(ROOT)}{link['anchor'] or ''})"
            shutil.copy(target, PAGES / target.name)
            return f"!{link['text']}({os.path.relpath(PAGES / target.name, page.parent)})"

        page.write_text(_LINK.sub(relocate, page.read_text(encoding="utf-8")), encoding="utf-8")


def navigation() -> set[str]:
    """Return the path of each page of the navigation."""

    def walk(entries: list[Any]) -> Iterator[str]:
        for entry in entries:
            for target in entry.values():
                yield from walk(target) if isinstance(target, list) else [target]

    return set(walk(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]))


class _Links(HTMLParser):
    """What a page links to, what it loads, and what its parts are called."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.names |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") not in {"canonical", "prev", "next"}:
            self.loaded.append(found.get("href", ""))
        elif "src" in found:
            self.loaded.append(found["src"])


@cache
def _read(page: Path) -> _Links:
    links = _Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


def problems() -> Iterator[str]:
    """Name what is wrong with the site."""
    pages = navigation()
    for page in sorted(DOCS.glob("**/*.md")):
        if (name := page.relative_to(DOCS).as_posix()) not in pages:
            yield f"docs/{name} is not in the navigation (zensical.toml)"
    for page in sorted(SITE.glob("**/*.html")):
        if page.name == "404.html":  # its links begin at the root of a server
            continue
        found = _read(page)
        where = page.relative_to(SITE)
        yield from (f"{where} loads {one} from outside" for one in found.loaded if urlsplit(one).netloc)
        for link in [*found.links, *found.loaded]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                yield f"{where} links to {link}, which is not there"
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in _read(target).names:
                yield f"{where} links to {link}, which has no such heading"
    listed = re.findall(r"\]\(([^)]+)\)", (DOCS / "llms.txt").read_text(encoding="utf-8"))
    yield from (f"llms.txt links to {link}, which is not there" for link in listed if not (SITE / link).exists())
    for path in pages - {link.replace(".html", ".md") for link in listed}:
        yield f"docs/{path} is not in docs/llms.txt"


def main() -> int:
    """Build and check, and say with the exit code whether all is well."""
    copy_pages()
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean", "--strict"]
    environ = {**os.environ, "NO_COLOR": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if built.returncode:
        print(built.stdout, built.stderr, sep="")
        return built.returncode
    for page in PAGES.glob("**/*.md"):  # for readers of llms.txt
        shutil.copy(page, SITE / page.relative_to(PAGES))
    found = list(problems())
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(list(SITE.glob('**/*.html')))} pages in build/site, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
