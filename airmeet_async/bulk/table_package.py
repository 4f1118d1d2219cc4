"""A zip file of XML parts, as workbooks are: looked at before anything in it is read, and then read in small pieces.

Rules of this file:

1. What the directory says bounds all that is read: `zipfile` hands out no byte beyond a part's stated size.
2. No part is unpacked whole, and no tag may be longer than what is held at once.
3. A part with a document type is refused at that declaration, before any entity could be used.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, NoReturn, Self
from xml.parsers import expat

from airmeet_async.bulk.table_cells import fault, shown
from airmeet_async.errors import InputError

DIRECTORY_LIMIT = 1024 * 1024
"""Most bytes of the list of parts, which `zipfile` reads at once."""

PART_LIMIT = 10_000
"""Most parts."""

SIZE_LIMIT = 2 * 1024**3
"""Most bytes of all parts together, unpacked."""

RATIO_LIMIT = 100
"""Most that a part may shrink by packing; Apache POI has the same limit. Small parts are let off."""

_SMALL = 1024 * 1024
_CHUNK = 64 * 1024
_SILENT_LIMIT = 16
_TAGS_LIMIT = 300_000
_HOSTILE = "no spreadsheet program writes that, so it is not opened; save it anew in one, or as CSV UTF-8"
_DAMAGED = "save it anew in a spreadsheet program, or as CSV UTF-8"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, UnicodeDecodeError, ValueError)

Handlers = dict[str, Any]


class _Bounded(io.FileIO):
    """A file of which no more than a directory is read at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > DIRECTORY_LIMIT:
            raise fault(f"its list of parts has {size:,} bytes; {_HOSTILE}", path=str(self.name))
        return super().read(size)


class Package:
    """A zip file whose parts are XML.

    Args:
        path: The file.

    Raises:
        InputError: It is damaged, encrypted, or built to do harm.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = _Bounded(path)
        try:
            self._zip = zipfile.ZipFile(self._file)
        except BaseException as error:
            self._file.close()
            if isinstance(error, InputError) or not isinstance(error, _BROKEN):
                raise
            self._damaged(error)
        try:
            self.parts = {part.filename: part for part in self._zip.infolist()}
            self._check()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._file.close()

    @property
    def size(self) -> int:
        """All parts together, unpacked."""
        return sum(part.file_size for part in self.parts.values())

    def _check(self) -> None:
        n = len(self._zip.infolist())
        if n > PART_LIMIT:
            raise fault(f"has {n:,} parts; {_HOSTILE}", path=self.path)
        if n > len(self.parts):
            raise fault(f"has two parts of the same name; {_HOSTILE}", path=self.path)
        for part in self.parts.values():
            self._check_part(part)
        if self.size > SIZE_LIMIT:
            raise fault(f"unpacks to {self.size:,} bytes; at most {SIZE_LIMIT:,} are read. Split it", path=self.path)

    def _check_part(self, part: zipfile.ZipInfo) -> None:
        place = PurePosixPath(part.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in "".join(place.parts[:1]):
            raise fault(f"has a part named {shown(part.filename)}; {_HOSTILE}", path=self.path)
        if part.flag_bits & 1:
            raise fault("is protected by a password; save it without one", path=self.path)
        if part.file_size > max(_SMALL, part.compress_size * RATIO_LIMIT):
            times = part.file_size // max(1, part.compress_size)
            what = f"its part {shown(part.filename)} grows {times:,} times when it is unpacked"
            raise fault(f"{what}, more than the {RATIO_LIMIT} that are let pass; {_HOSTILE}", path=self.path)

    def read(self, name: str, limit: int = _SMALL) -> bytes:
        """Return the first bytes of a part, or nothing where there is none."""
        try:
            with self._zip.open(name) as file:
                return file.read(limit)
        except KeyError:
            return b""
        except _BROKEN as error:
            self._damaged(error)

    def check_parts(self) -> None:
        """Look at the first tag of every XML part.

        Raises:
            InputError: A part has a document type, or is damaged.
        """
        for name in self.parts:
            if name.lower().endswith((".xml", ".rels", ".vml")):
                for _ in self.tags(name):
                    break

    def tags(self, name: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the local name and the attributes of each tag that opens in a part which describes others."""
        n = 0
        opened: list[tuple[str, dict[str, str]]] = []
        names = LocalNames()
        for _ in self.feed(name, {"StartElementHandler": lambda tag, found: opened.append((names[tag], found))}):
            if (n := n + len(opened)) > _TAGS_LIMIT:
                raise fault(f"its part {shown(name)} has more than {_TAGS_LIMIT:,} tags; {_HOSTILE}", path=self.path)
            yield from opened
            opened.clear()

    def feed(self, name: str, handlers: Handlers) -> Iterator[None]:
        """Put a part through a parser, and yield after each piece, when the handlers have seen it.

        Args:
            name: The part.
            handlers: Of `xml.parsers.expat`.

        Raises:
            InputError: It is damaged, or built to do harm.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = lambda *_: self._doctype(name)
        for handler, function in handlers.items():
            setattr(parser, handler, function)
        silent = 0
        try:
            with self._zip.open(name) as file:
                while piece := file.read(_CHUNK):
                    before = parser.CurrentByteIndex
                    parser.Parse(piece)
                    silent = silent + 1 if parser.CurrentByteIndex == before else 0
                    if silent > _SILENT_LIMIT:
                        what = f"its part {shown(name)} has a tag of more than {silent * _CHUNK:,} characters"
                        raise fault(f"{what}; {_HOSTILE}", path=self.path)
                    yield
            parser.Parse(b"", True)  # noqa: FBT003 - that is how it is told of the end
            yield
        except InputError:
            raise
        except (*_BROKEN, expat.ExpatError, KeyError) as error:
            self._damaged(error, name)

    def _doctype(self, name: str) -> NoReturn:
        what = f"its part {shown(name)} declares a document type or entities; {_HOSTILE}"
        raise fault(what, path=self.path)

    def _damaged(self, error: Exception, name: str = "") -> NoReturn:
        said = " ".join(str(error).split())[:80] or type(error).__name__
        place = f" in its part {shown(name)}" if name else ""
        what = f"is an Excel workbook or a zip file by its content, and damaged{place} ({said})"
        raise fault(f"{what}; {_DAMAGED}", path=self.path) from None


class LocalNames(dict[str, str]):
    """A tag's name without its prefix, looked up once for each."""

    def __missing__(self, tag: str) -> str:
        self[tag] = name = tag.rpartition(":")[2]
        return name
