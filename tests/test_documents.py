"""The documents are right, and the check that says so can fail."""

import re
import tomllib

import pytest

from tests.documents import ROOT, documents, problems

BROKEN = {
    "a link to nowhere": ("[x](missing.md)", "no such file: missing.md"),
    "a heading that is not there": ("[x](#beyond)", "no such heading: #beyond"),
    "a way out of the project": ("[x](../../etc)", "no such file"),
    "python": ("```python\nimport\n```", "python example does not parse"),
    "a name that is not there": ("```python\nfrom airmeet_async.testing import Unicorn\n```", "no Unicorn"),
    "a module that is not there": ("```python\nfrom airmeet_async.unicorn import x\n```", "no x"),
    "shell": ("```sh\necho $(\n```", "shell example does not parse"),
    "a verb that is not there": ("```console\n$ make unicorn\n```", "no verb: make unicorn"),
    "json": ("```json\n{'a': 1}\n```", "json example does not parse"),
    "toml": ("```toml\na = = 1\n```", "toml example does not parse"),
    "an indented example": ("- x\n\n  ```python\n  x = (\n  ```", "python example does not parse"),
}

FINE = """
# Some title, with `code`

[here](#some-title-with-code) [there](other.md#second) [away](https://airmeet.example/)

```python
access = await client.attendees.add(...)
async with client as x: pass
```

```console
$ make test ARGS=-x
1 passed, [not](a-link.md)
```
"""


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_found(tmp_path, case):
    text, said = BROKEN[case]
    path = tmp_path / "README.md"
    path.write_text(f"# T\n\n{text}\n", encoding="utf-8")

    assert [said in problem for problem in problems(path, tmp_path)] == [True]


def test_what_is_fine_is_not_accused(tmp_path):
    (tmp_path / "other.md").write_text("## Second\n", encoding="utf-8")
    (tmp_path / "README.md").write_text(FINE, encoding="utf-8")

    assert problems(tmp_path / "README.md", tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", documents(ROOT), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_projects_documents_are_right(path):
    assert problems(path, ROOT) == []


def test_the_first_page_lists_all_extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(project["optional-dependencies"])
