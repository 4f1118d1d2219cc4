"""Build the documentation's site into build/site, offline, and check it. `make docs` runs this.

The pages are copied to build/pages first. There, what a page links to outside of docs/ is a picture beside it or an
address of the repository.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

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


def main() -> int:
    """Build and check, and say with the exit code whether all is well."""
    copy_pages()
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean", "--strict"]
    built = subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, check=False).returncode
    return built


if __name__ == "__main__":
    sys.exit(main())
