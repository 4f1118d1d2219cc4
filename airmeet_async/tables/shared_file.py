"""`SharedFile`: a file that is opened once, and read by several readers from places of their own."""

import io
import os
import threading
from typing import Any

_BUFFER = 128 * 1024


class SharedFile:
    """An open file. What it is, how it is encoded, its digest and its rows are all read through this.

    Attributes:
        descriptor: Of the file, for what needs one; nobody reads through it directly.

    Raises:
        OSError: It cannot be opened.
    """

    descriptor: int

    def __init__(self, path: str) -> None:
        self.descriptor = -1
        self._lock = threading.Lock()
        self.descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1

    def open(self) -> io.BufferedReader:
        """Return a reader that begins at the start and knows nothing of others."""
        return io.BufferedReader(_Reader(self), _BUFFER)

    def read_at(self, place: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self.descriptor, size, place)
        with self._lock:  # Windows has one place for all
            os.lseek(self.descriptor, place, os.SEEK_SET)
            return os.read(self.descriptor, size)


class _Reader(io.RawIOBase):
    def __init__(self, file: SharedFile) -> None:
        self._file = file  # which stays open as long as somebody reads it
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = (0, self._place, os.fstat(self._file.descriptor).st_size if whence == os.SEEK_END else 0)[whence]
        if start + offset < 0:
            raise OSError("negative seek position")
        self._place = start + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        found = self._file.read_at(self._place, len(buffer))
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)
