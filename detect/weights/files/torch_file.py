"""Files of `torch.save`: a ZIP archive since PyTorch 1.6, and before that pickles with the numbers behind them.

Nothing in a file is called or imported: see `pickle_reader`. PyTorch does not compress its archives, so that no tensor
needs more memory than the file has bytes.
"""

import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from detect.weights.files.mapped_file import as_file, flat_array
from detect.weights.files.pickle_reader import Foreign, Name, read_pickle
from detect.weights.files.torch_pickle import Storage, Tensor, Values, array, read_objects, size_of

ARCHIVE, PICKLE = b"PK\x03\x04", b"\x80"  # beginnings of files of the two formats
MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older format
HEADER = 30  # bytes before the name of a member of an archive; the last four are the lengths of what follows
ENCRYPTED = 1  # bit of the flags of a member
SHOWN = 10  # entries that an error names


class _Opened(NamedTuple):
    """The content of a file."""

    objects: Any  # with a `Tensor` for each tensor
    values: Values
    big_endian: bool


def is_torch(content: memoryview) -> bool:
    """Return whether a file begins like one of the two formats."""
    return bytes(content[:4]) == ARCHIVE or bytes(content[:1]) == PICKLE


def read_torch(content: memoryview, entry: str | None) -> dict[str, np.ndarray]:
    """Read the tensors of a state dictionary, by name; those of bfloat16 become float32.

    Args:
        content: of the file, see `mapped`.
        entry: key of the state dictionary in the dictionary that the file contains; keys of dictionaries within each
            other are joined by dots. Where there is no such entry, and without a key, the file is the state dictionary.

    Raises:
        ValueError: the file is damaged or something else, or what is there is not a state dictionary.
    """
    opened = _open_archive(content) if bytes(content[:4]) == ARCHIVE else _open_older(content)
    state = opened.objects
    for key in entry.split(".") if entry else ():
        if isinstance(state, dict) and key in state:
            state = state[key]
    _require_tensors(state, entry)
    return {name: _array_of(name, tensor, opened) for name, tensor in state.items()}


def _array_of(name: str, tensor: Tensor, opened: _Opened) -> np.ndarray:
    try:
        return array(tensor, opened.values, opened.big_endian)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _require_tensors(state: Any, entry: str | None) -> None:
    """Raise ValueError, which says what is there, unless `state` is a dictionary of tensors."""
    wanted = "a state dictionary" if entry is None else f"a state dictionary, or one in an entry {entry!r}"
    if not isinstance(state, dict):
        raise ValueError(f"expected {wanted}, got {_kind(state)}; save that of the model, `model.state_dict()`")
    wrong = next((name for name, value in state.items() if not isinstance(value, Tensor)), None)
    if wrong is not None:
        names = ", ".join(list(state)[:SHOWN])
        raise ValueError(f"expected {wanted}, but {wrong!r} is {_kind(state[wrong])} and not a tensor; it has {names}")


def _kind(value: Any) -> str:
    """Return in words what a value is."""
    if isinstance(value, Foreign):
        return f"an object of {value.kind}, which is not read"
    return "a tensor" if isinstance(value, Tensor) else f"a value of the type {type(value).__name__}"


def _open_archive(content: memoryview) -> _Opened:
    members = _members(content)
    pickles = [name for name in members if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError(f"expected one data.pkl in its archive, got {len(pickles)}")
    folder = pickles[0].removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")

    @functools.cache  # tensors that share a storage would have it checked again and again
    def numbers(key: str) -> memoryview:
        member = members.get(f"{folder}data/{key}")
        if member is None:
            raise ValueError(f"its numbers, data/{key}, are missing")
        return _member(content, member)

    def values(storage: Storage, kind: np.dtype) -> np.ndarray:
        return flat_array(numbers(storage.key), kind, storage.length)

    objects = read_objects(io.BytesIO(_member(content, members[pickles[0]])), {})
    return _Opened(objects, values, order is not None and bytes(_member(content, order)) == b"big")


def _members(content: memoryview) -> dict[str, zipfile.ZipInfo]:
    """Return the members of an archive, by name; ValueError where its list of them is damaged."""
    try:
        with zipfile.ZipFile(as_file(content)) as archive:
            return {member.filename: member for member in archive.infolist()}
    except (ValueError, zipfile.BadZipFile, NotImplementedError) as error:  # ValueError: of places outside the file
        raise ValueError(f"the list of what its archive contains is damaged ({error})") from None


def _member(content: memoryview, member: zipfile.ZipInfo) -> memoryview:
    """Return the bytes of a member of an archive; ValueError where they are compressed or damaged."""
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & ENCRYPTED:
        raise ValueError(f"{member.filename} in it is compressed or encrypted, which PyTorch's own files never are")
    header = content[max(member.header_offset, 0) :][:HEADER]
    if len(header) < HEADER or bytes(header[:4]) != ARCHIVE:
        raise ValueError(f"{member.filename} is not where its archive says")
    start = member.header_offset + HEADER + sum(struct.unpack("<HH", header[-4:]))
    found = content[start : start + member.file_size]
    # `torch.serialization.set_crc32_options(False)` writes 0 for every checksum.
    if len(found) < member.file_size or (member.CRC and zlib.crc32(found) != member.CRC):
        raise ValueError(f"{member.filename} in it is damaged")
    return found


def _open_older(content: memoryview) -> _Opened:
    """Read pickles of the magic number, a version, the machine, the objects and their keys; storages follow."""
    named: dict[str, Storage] = {}
    pickles = as_file(content)  # in memory, so that a text that claims to be huge cannot be longer than the file
    if read_pickle(pickles, _foreign, _foreign_id) != MAGIC:
        raise ValueError("its first pickle is not that of PyTorch")
    _, machine = (read_pickle(pickles, _foreign, _foreign_id) for _ in range(2))
    objects = read_objects(pickles, named)
    keys = read_pickle(pickles, _foreign, _foreign_id)
    start = pickles.tell()
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in named for key in keys):
        raise ValueError("the list of its storages is damaged")
    big_endian = isinstance(machine, dict) and machine.get("little_endian") is False
    parts = dict(_older_storages(content[start:], [named[key] for key in keys], ">q" if big_endian else "<q"))

    def values(storage: Storage, kind: np.dtype) -> np.ndarray:
        if storage.key not in parts:
            raise ValueError("its numbers are missing")
        return flat_array(parts[storage.key], kind, storage.start + storage.length)[storage.start :]

    return _Opened(objects, values, big_endian)


def _older_storages(content: memoryview, storages: list[Storage], count: str) -> Iterator[tuple[str, memoryview]]:
    """Yield the key and the bytes of each storage, which follow each other, each behind the number of its values.

    Args:
        content: the bytes of all storages.
        storages: what the pickle says of them, in their order.
        count: how the number of values is stored, as `struct` describes it.
    """
    for storage in storages:
        if len(content) < 8:
            raise ValueError("it ends before its last tensor")
        size = struct.unpack(count, content[:8])[0] * size_of(storage.kind)
        if not 0 <= size <= len(content) - 8:
            raise ValueError("it ends within a tensor")
        yield storage.key, content[8 : 8 + size]
        content = content[8 + size :]


def _foreign(function: Name, arguments: tuple) -> Foreign:
    return Foreign(str(function))


def _foreign_id(identity: Any) -> Foreign:
    return Foreign("an object outside the pickle")
