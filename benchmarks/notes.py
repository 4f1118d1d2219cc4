"""Put the latest figures into NOTES.md: ``python -m benchmarks.notes``, after the benchmarks named there.

Whatever stands between ``<!-- FILE: SECTION -->`` and ``<!-- end -->`` is replaced by the table of that section of
``results/FILE.json``; ``targets`` stands for the targets of all its sections. What was not measured stays.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

_NOTES = Path(__file__).with_name("NOTES.md")
_RESULTS = Path(__file__).parent / "results"
_ELSEWHERE = {"adaptive", "real", "virtual"}  # of latest.json: they have a file of their own, with more limits
_BLOCK = re.compile(r"<!-- (\w+): ([\w ]+) -->\n.*?<!-- end -->", re.DOTALL)


def main() -> None:
    """Replace the tables."""

    def renewed(block: re.Match[str]) -> str:
        path = _RESULTS / f"{block[1]}.json"
        benches = json.loads(path.read_text())["benches"] if path.exists() else {}
        if block[2] == "targets":
            targets = [
                target
                for name, section in benches.items()
                if block[1] != "latest" or name not in _ELSEWHERE
                for target in section["targets"]
            ]
            rows = [
                (one["what"], one["wanted"], one["measured"], "met" if one["met"] else "**missed**") for one in targets
            ]
            title, table = "", _table(("target", "wanted", "measured", ""), rows) if rows else ""
        elif "columns" in benches.get(block[2], ()):
            section = benches[block[2]]
            title, table = f"{section['title']}:\n\n", _table(section["columns"], section["rows"])
        else:
            title = table = ""
        print(f"{'renewed' if table else 'kept'}: {block[1]}, {block[2]}")
        return f"<!-- {block[1]}: {block[2]} -->\n{title}{table}\n<!-- end -->" if table else block[0]

    _NOTES.write_text(_BLOCK.sub(renewed, _NOTES.read_text()))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
