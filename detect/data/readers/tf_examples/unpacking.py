"""Unpack compressed files, so that parts of them can be read from their places."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from detect.data.regular_files import open_regular
from detect.errors import BadInput
from detect.files import whole_file
from detect.machine import GIGABYTE, cache_folder

_GZIP = b"\x1f\x8b"
_CHUNK = 2**16  # bytes; a thousand times that, at most, is in memory
_WITH_HEADER = 31  # the argument `wbits` for the format of gzip
_MOST_TIMES = 100  # as large as the compressed file, or a gigabyte: images hardly become smaller


def is_gzip(file: BinaryIO) -> bool:
    """Return whether an open file is compressed; it is at its start afterwards."""
    found = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    return found


def unpacked_stream(file: BinaryIO) -> BinaryIO:
    """Return the content of an open file, of what a compressed one holds: to be read from its start."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_gzip(file) else file


def unpacked_file(path: Path) -> Path:
    """Return a file, or one in the cache folder with what a compressed one holds, as far as it is not damaged.

    Raises:
        BadInput: the file cannot be read, or holds far more than it should.
        RunFailure: there is no room for it.
    """
    try:
        with open_regular(path) as file:
            if not is_gzip(file):
                return path
            status = path.stat()
            digest = hashlib.sha256(f"{path.absolute()}:{status.st_size}:{status.st_mtime_ns}".encode()).hexdigest()
            target = cache_folder() / "unpacked" / digest[:16] / path.name.removesuffix(".gz")
            if not target.is_file():
                _unpack(file, target, max(_MOST_TIMES * status.st_size, GIGABYTE), path)
            return target
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None


def _unpack(file: BinaryIO, target: Path, most: int, path: Path) -> None:
    with whole_file(target) as out:
        for content in _contents(file):
            if out.tell() > most:
                raise BadInput(f"{path}: it holds more than {most} bytes. Unpack it, if that is right.")
            out.write(content)


def _contents(file: BinaryIO) -> Iterator[bytes]:
    """Yield what a compressed file holds, bit by bit, up to where it is damaged or ends."""
    unpack = zlib.decompressobj(_WITH_HEADER)
    while packed := file.read(_CHUNK):
        while packed:
            if unpack.eof:  # a further compressed file may follow
                unpack = zlib.decompressobj(_WITH_HEADER)
            try:
                yield unpack.decompress(packed)
            except zlib.error:
                return
            packed = unpack.unused_data
