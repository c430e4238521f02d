"""Open the files of a dataset for reading, and nothing that is not a file.

The images of some datasets are parts of larger files. The path of such a part goes on behind that of the file:
`train.tfrecord/4096+1234/a.jpg` is a.jpg, the 1234 bytes from byte 4096 of `train.tfrecord`. It can be opened wherever
the path of an image is, and its last part is the name of the image.
"""

import errno
import io
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO, cast

from detect.errors import BadInput

# A pipe would wait for somebody to write into it, and Windows would change line ends.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
ABSENT = "does not exist"
_NOTHING_THERE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))
_PLACE = re.compile(r"[/\\]([0-9]{1,15})\+([0-9]{1,15})(?=[/\\].)", re.DOTALL)  # start and length, before a name


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file or a part of one for reading, without a buffer.

    Raises:
        OSError: it is not a regular file, such as a pipe without end, or cannot be opened.
    """
    try:
        return _open(path)
    except (NotADirectoryError, FileNotFoundError):
        part = file_of_part(path)
        if part is None:
            raise
    file, start, length = part
    return cast(BinaryIO, _Part(open_regular(file), start, length))


def status_of(path: str | Path) -> os.stat_result:
    """Return the status of a file, or of the file that `path` is a part of; OSError where there is none."""
    try:
        return os.stat(path)
    except (NotADirectoryError, FileNotFoundError):
        part = file_of_part(path)
        if part is None:
            raise
    return os.stat(part[0])


def is_absent(error: OSError) -> bool:
    """Return whether an error says that nothing is at a path, and not that what is there cannot be read."""
    return error.errno in _NOTHING_THERE


def why_not_found(path: str | Path) -> str:
    """Return why a file or folder is not found, as the rest of a sentence: it "does not exist", or cannot be read."""
    try:
        os.stat(path)
    except OSError as error:
        if not is_absent(error):
            return f"cannot be read: {error.strerror}"
    except ValueError:  # a null character: nothing can have such a name
        return ABSENT
    return ABSENT


def require_open(folder: str | Path) -> None:
    """Raise `BadInput` where a folder is there and may not be listed or not be entered: it may hold anything."""
    effective = os.access in os.supports_effective_ids
    if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK, effective_ids=effective):
        raise BadInput(f"{folder}: the folder cannot be read: {os.strerror(errno.EACCES)}.")


def not_permitted(error: PermissionError) -> BadInput:
    """Return the error for what is there and may not be read."""
    return BadInput(f"{error.filename}: cannot be read: {error.strerror}.")


def path_of_part(file: str, start: int, length: int, name: str) -> str:
    """Return the path of a part of a file.

    Args:
        file: path of the file.
        start: position of the first byte of the part.
        length: bytes.
        name: of the part, such as "a.jpg"; it may have folders, and is not empty.
    """
    return os.path.join(file, f"{start}+{length}", name)


def file_of_part(path: str | Path) -> tuple[str, int, int] | None:
    """Return the file that a path is a part of, its start and its length, bytes; None where it is not one."""
    place = _place(str(path))
    return (place.string[: place.start()], int(place[1]), int(place[2])) if place else None


def name_of_part(path: str) -> str | None:
    """Return the name of a part of a file; None where the path is not one."""
    place = _place(path)
    return path[place.end() + 1 :] if place else None


def _place(path: str) -> re.Match[str] | None:
    """Return the place that follows a file in a path; other folders, and those in names, may look like one."""
    return next((place for place in _PLACE.finditer(path) if os.path.isfile(path[: place.start()])), None)


class _Part(io.RawIOBase):
    """A part of an open file, which is closed with it."""

    def __init__(self, file: BinaryIO, start: int, length: int):
        self._file, self._start, self._end = file, start, start + length
        file.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = max(self._end - self._file.tell(), 0)
        return cast(io.RawIOBase, self._file).readinto(memoryview(buffer)[:left]) or 0

    def readall(self) -> bytes:
        return self._file.read(max(self._end - self._file.tell(), 0))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self._end}[whence]
        return self._file.seek(max(base + offset, self._start)) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def close(self) -> None:
        self._file.close()
        super().close()


def _open(path: str | Path) -> BinaryIO:
    descriptor = os.open(path, _FLAGS)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb", buffering=0)
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise OSError(errno.EINVAL, "it is not a regular file")
