"""TFRecord files: which files in a folder are such, their splits and shards, and the records in them.

Source: the page on TFRecord of the TensorFlow guide. A record is its length (8 bytes), the masked CRC-32C of these
(4), its data, and the masked CRC-32C of the data (4), all with the lowest byte first.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from detect.data.crc32c import masked_crc, masked_crcs
from detect.data.readers.files.listing import Folder
from detect.data.readers.tf_examples.unpacking import unpacked_stream
from detect.data.regular_files import open_regular

_PLAIN = (".tfrecord", ".tfrecords", ".tfrec", ".record", ".records")
SUFFIXES = (*_PLAIN, *(f"{suffix}.gz" for suffix in _PLAIN))
_SHARD = re.compile(r"-(\d{1,6})-of-(\d{1,6})(?=\.|$)")
_HEADER, _FOOTER = struct.Struct("<QI"), struct.Struct("<I")
_LONGEST = 2**31  # bytes of a record: protobuf has no larger messages
_SEARCHED = 2**20  # bytes at a time, for the next record behind a damaged one
_MOST_TIMES = 100  # as large as its file, which may be compressed, is the first record at most
_MOST_SHARDS_NAMED = 5


class StoredRecord(NamedTuple):
    """One record of a file."""

    position: int  # of its data in the file, bytes
    data: bytes
    fault: str  # why it cannot be used; empty where it can


def is_record_name(name: str) -> bool:
    """Return whether a file of this name is a TFRecord; the number of a shard may be its end."""
    return _SHARD.sub("", name.lower()).endswith(SUFFIXES)


def record_files(folder: Folder) -> list[Path]:
    """Return the TFRecord files in a folder, by name."""
    return [folder.path / name for name in folder.files if is_record_name(name)]


def missing_shards(paths: Sequence[Path]) -> str:
    """Return which shards are missing among files, in words; empty where all are there."""
    found: dict[tuple[str, int], set[int]] = {}
    for path in paths:
        if shard := _SHARD.search(path.name):
            found.setdefault((_SHARD.sub("-*", path.name), int(shard[2])), set()).add(int(shard[1]))
    lines = []
    for (name, count), numbers in found.items():
        if len(numbers) < count:
            missing = [number for number in range(min(count, 10 * len(numbers) + 10)) if number not in numbers]
            shown = ", ".join(map(str, missing[:_MOST_SHARDS_NAMED]))
            lines.append(f"{count - len(numbers)} of the {count} shards of {name} are missing, such as {shown}")
    return "; ".join(lines)


def first_record(path: Path) -> bytes:
    """Return the data of the first record, which may be damaged; empty where the file does not begin with a record."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            file.seek(0)
            stream = unpacked_stream(file)
            length = _length(stream.read(_HEADER.size))
            return stream.read(length) if length and length <= min(_MOST_TIMES * size, _LONGEST) else b""
    except (OSError, EOFError, ValueError, zlib.error):
        return b""


def read_records(path: Path) -> Iterator[StoredRecord]:
    """Yield the records of a file, those with a fault without their data; OSError where the file cannot be read."""
    with open_regular(path) as file:
        end, start = file.seek(0, 2), 0
        while start < end:
            file.seek(start)
            header, position = file.read(_HEADER.size), start + _HEADER.size
            length = _length(header)
            if length is None and len(header) == _HEADER.size:
                yield StoredRecord(position, b"", "its length is damaged: the file is read on from the next record")
                start = _next_start(file, start + 1, end)
                continue
            if length is None or length > end - position - _FOOTER.size:
                yield StoredRecord(position, b"", "the file ends within it")
                return
            yield StoredRecord(position, *_checked(file, length))
            start = position + length + _FOOTER.size


def _next_start(file: BinaryIO, start: int, end: int) -> int:
    """Return where the next record begins, at `start` or after it; the end of the file where there is none."""
    while start + _HEADER.size <= end:
        file.seek(start)
        data = np.frombuffer(file.read(_SEARCHED), np.uint8)
        count = len(data) - _HEADER.size + 1
        stored = sum(data[8 + place : 8 + place + count].astype(np.uint32) << 8 * place for place in range(4))
        for found in np.flatnonzero(masked_crcs(data[:-4], 8) == stored).tolist():
            length, _ = _HEADER.unpack(data[found : found + _HEADER.size].tobytes())
            if start + found + _HEADER.size + length + _FOOTER.size <= end:
                return start + found
        start += count
    return end


def _length(header: bytes) -> int | None:
    """Return the length that the beginning of a record states, None where that is damaged."""
    if len(header) < _HEADER.size:
        return None
    length, checksum = _HEADER.unpack(header)
    return length if masked_crc(header[:8]) == checksum else None


def _checked(file: BinaryIO, length: int) -> tuple[bytes, str]:
    """Return the data of a record, and why it cannot be used."""
    if length > _LONGEST:
        return b"", f"it has {length} bytes, and at most {_LONGEST} are read"
    data, checksum = file.read(length), file.read(_FOOTER.size)
    if len(checksum) < _FOOTER.size or masked_crc(data) != _FOOTER.unpack(checksum)[0]:
        return b"", "its checksum is that of other data: it is damaged"
    return data, ""
