"""The file of a report page: its place is made sure of before anything is sent, and it is written after the run."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.output_files import check_target, keep, private_file, put_in_place, set_aside, write_all
from airmeet_async.cli.page import MARK, missing_packages
from airmeet_async.errors import ConfigError


class PageFile:
    """A private file that gets its name when the page is whole. An earlier page there is kept as ``….bak``.

    Args:
        path: Where the page goes, or None for nowhere.
        others: Files of the same run, which it must not replace.

    Raises:
        UsageError: It would replace one of them, or a package is missing.
        ConfigError: It cannot be written.
    """

    def __init__(self, path: Path | None, others: Iterable[Path | None] = ()) -> None:
        self.path = path
        if path is None:
            return
        if missing := missing_packages():
            raise UsageError(f"--report needs {' and '.join(missing)}: pip install 'airmeet-async[report]'")
        if any(other is not None and _named_alike(path, other) for other in others):
            raise UsageError(f"--report {path} is another file of this run; choose a name of its own")
        check_target(path, lambda head: MARK in head, "a report page", name="report.html")
        self._part, self._file = private_file(path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.path is not None and not self._file.closed:
            self._file.close()
            self._part.unlink(missing_ok=True)

    def write(self, render: Callable[[], str]) -> None:
        """Write the page, and give the file its name.

        Raises:
            ConfigError: It cannot be written. What there is of it is kept.
        """
        if self.path is None:
            return
        try:
            write_all(self._file, render().encode(errors="backslashreplace"))
            set_aside(self.path)
            put_in_place(self._part, self._file, self.path)
        except OSError as error:
            kept = keep(self._part)
            self._file.close()
            raise ConfigError(f"{self.path}: cannot be written ({error.strerror}); the page is in {kept}") from None


def _named_alike(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
