"""Run the command, mask what differs from run to run, and compare the rest with the files in `expected/`.

Nothing here knows more of the package than the command, its sandbox and files.
"""

import difflib
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import define, field

from tests.support.command import COMMAND, Airmeet

EXPECTED = Path(__file__).parent / "expected"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"

# A job's id, but not the beginning of an event's id.
_JOB = re.compile(r"(?<![\w.@-])[0-9a-f]{8}(?![\w@-])")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ]\d\d:\d\d(:\d\d(\.\d+)?)?")
_RATE = r"\d[\d,]*(?:\.\d+)?"
# What was measured, with what stands for it. Columns keep their width.
_MEASURED = [
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"/runs/[0-9a-f]{10}-"), "/runs/EVENT-"),  # of the address, which has the port
    (re.compile(rf"(rows in) {_RATE} s(?:, {_RATE}/s(?: \(limit {_RATE}\))?)?(?:, {_RATE} s left)?"), r"\1 N s"),
    (re.compile(rf"(requests? in) {_RATE} s(?:, {_RATE}/s)?"), r"\1 N s"),
    (re.compile(r"(still preparing this list after) \d+ s"), r"\1 N s"),
    (re.compile(r'"(elapsed_s|rate_mean|rate_peak)": [\d.]+'), r'"\1": 0'),
    (re.compile(r'"version": "[^"]+"'), '"version": ""'),
    (re.compile(r'"latency_ms": \{[^}]*\}'), '"latency_ms": {}'),
]


@define
class Mask:
    """Replace what differs from run to run; a job keeps the same substitute for the whole case."""

    folder: Path  # in a home of its own
    today: datetime = field(factory=lambda: datetime.now(UTC))
    jobs: dict[str, str] = field(factory=dict)

    def __call__(self, content: bytes) -> bytes:
        text = content.decode()
        text = text.replace(str(self.folder), "FOLDER").replace(str(self.folder.parent), "HOME")
        for pattern, substitute in _MEASURED:
            text = pattern.sub(substitute, text)
        text = _MOMENT.sub(self._moment, text)
        return _JOB.sub(lambda found: self.jobs.setdefault(found[0], f"JOB{len(self.jobs) + 1:05}"), text).encode()

    def _moment(self, found: re.Match[str]) -> str:
        """Mask a moment of this run; those of the inputs and of the sandbox's events are fixed and lie elsewhere."""
        day = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
        return re.sub(r"\d", "0", found[0]) if abs(day - self.today) < timedelta(days=2) else found[0]


@define
class Recorder:
    """The command in a folder of its own, and a record of all that it says and writes there."""

    folder: Path
    environ: dict[str, str]
    inputs: set[str] = field(factory=set)
    commands: list[str] = field(factory=list)
    record: dict[str, bytes] = field(factory=dict)
    last_out: str = ""

    def file(self, name: str, *lines: str) -> None:
        """Write an input file, which is not part of the record."""
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self.inputs.add(name)

    def run(self, *words: str, name: str = "", **environ: str) -> None:
        """Run the command to its end, in this process, since there are many.

        Args:
            words: What is typed after ``airmeet``.
            name: Of the files with its output, instead of a number.
            environ: What differs in its environment.
        """
        done = Airmeet(self.folder, self.environ, transport=None)(*words, **environ)
        number = f"{len(self.commands) + 1:02}"
        self.commands.append(f"{number}. airmeet {shlex.join(words)}  -> {done.code}\n")
        self.last_out = done.out
        for stream, said in (("stdout", done.out), ("stderr", done.err)):
            if said:
                self.record[f"{name or number}.{stream}"] = said.encode()

    def compare(self, case: str) -> None:
        """Compare the record and all files in the folder with what is expected, or make them the expectation."""
        mask = Mask(self.folder)
        found = {name: mask(content) for name, content in sorted(self.record.items())}
        for path in sorted(self.folder.iterdir()):
            if path.is_file() and path.name not in self.inputs:
                found[path.name] = mask(path.read_bytes())
                self.commands.append(f"{path.name}  mode {path.stat().st_mode & 0o777:o}\n")
        found["commands"] = mask("".join(self.commands).encode())
        place = EXPECTED / case
        expected = {path.name: path.read_bytes() for path in place.iterdir()} if place.is_dir() else {}
        if UPDATE:
            place.mkdir(exist_ok=True)
            for name in expected.keys() - found.keys():
                (place / name).unlink()
            for name, content in found.items():
                (place / name).write_bytes(content)
            pytest.skip("the expectation was written anew")
        different = [name for name in sorted(expected.keys() | found.keys()) if expected.get(name) != found.get(name)]
        assert not different, "\n".join(_difference(name, expected.get(name), found.get(name)) for name in different)


def _difference(name: str, expected: bytes | None, found: bytes | None) -> str:
    before, now = ((content or b"").decode().splitlines(keepends=True) for content in (expected, found))
    titles = [
        f"{name}, {word if content is not None else 'no file'}"
        for content, word in ((expected, "expected"), (found, "now"))
    ]
    # repr shows what a terminal hides: line ends, blanks, byte order marks.
    return "\n".join(
        line.rstrip("\n") if line[:3] in {"---", "+++", "@@ "} else line[0] + repr(line[1:])
        for line in difflib.unified_diff(before, now, titles[0], titles[1], n=1)
    )


def environment(home: Path) -> dict[str, str]:
    """Return an environment with nothing of this machine's user, terminal or time zone."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        **{f"XDG_{kind}_HOME": str(home / ".local" / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")},
    }


@contextmanager
def sandbox(home: Path, *options: str) -> Iterator[dict[str, str]]:
    """Run the sandbox command, and yield the environment that leads to it."""
    process = subprocess.Popen(
        [*COMMAND, "sandbox", "--port", "0", *options],
        cwd=home,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield dict(_exported(process.stdout.readline()) for _ in range(3))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def _exported(line: str) -> tuple[str, str]:
    export, setting = shlex.split(line)
    assert export == "export", line
    name, _, value = setting.partition("=")
    return name, value
