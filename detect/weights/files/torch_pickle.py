"""Tensors in pickles of PyTorch: the description of each, and of the storage that holds its numbers.

Source: `torch/_utils.py`, `torch/serialization.py` and `torch/storage.py` of https://github.com/pytorch/pytorch.
"""

from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from detect.weights.files.mapped_file import BFLOAT16, are_sizes, from_bfloat16, native, strided_array
from detect.weights.files.pickle_reader import Foreign, Name, read_pickle

# By the class of the storage; little-endian unless the file says otherwise.
KINDS = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": BFLOAT16.str,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
    "ComplexFloatStorage": "<c8",
    "ComplexDoubleStorage": "<c16",
}
# Types that are not read, and their sizes, bytes: files before PyTorch 1.6 cannot be read without them.
QUANTISED = {"QInt8Storage": 1, "QUInt8Storage": 1, "QUInt4x2Storage": 1, "QUInt2x4Storage": 1, "QInt32Storage": 4}
STORAGE_MODULES = ("torch", "torch.cuda", "torch.storage")
DICTIONARIES = ("collections.OrderedDict", "collections.defaultdict")


class Storage(NamedTuple):
    """A row of numbers outside the pickle."""

    kind: str  # its class, such as `FloatStorage`
    key: str
    length: int  # values
    start: int = 0  # number of its first value among those of the key


class Tensor(NamedTuple):
    """A tensor, as it lies in its storage; nothing of it is checked yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


Values = Callable[[Storage, np.dtype], np.ndarray]  # all values of a storage, in the file


def read_objects(file: BinaryIO, storages: dict[str, Storage]) -> Any:
    """Return what a pickle of PyTorch contains, with a `Tensor` for each tensor. See `read_pickle`.

    Args:
        file: at the start of the pickle.
        storages: to which those that the pickle names are added, by key.
    """

    def load(identity: Any) -> Any:
        storage = _storage(identity)
        if isinstance(storage, Storage):
            storages.setdefault(storage.key, storage)
        return storage

    return read_pickle(file, _made, load)


def array(tensor: Tensor, values: Values, big_endian: bool) -> np.ndarray:
    """Return the numbers of a tensor, in the byte order of this machine; bfloat16 as float32.

    Args:
        tensor: its description.
        values: reads its storage.
        big_endian: whether the file has this byte order.

    Raises:
        ValueError: its type is unknown, or it reaches outside its storage.
    """
    storage = tensor.storage
    if storage.kind not in KINDS:
        raise ValueError(f"tensors in a {storage.kind} are not read")
    kind = np.dtype(KINDS[storage.kind])
    flat = values(storage, kind.newbyteorder(">") if big_endian else kind)
    found = native(strided_array(flat, tensor.offset, tensor.shape, tensor.strides))
    return from_bfloat16(found) if storage.kind == "BFloat16Storage" else found


def size_of(kind: str) -> int:
    """Return the size of a value of a storage, bytes; ValueError where the class of the storage is unknown."""
    if kind not in KINDS and kind not in QUANTISED:
        raise ValueError(f"the numbers of a {kind} are of an unknown size")
    return QUANTISED.get(kind) or np.dtype(KINDS[kind]).itemsize


def _storage(identity: Any) -> Any:
    """Return the storage that an id names: ("storage", class, key, device, number of values, part of another)."""
    if not isinstance(identity, tuple) or identity[0] not in ("storage", "module"):
        raise TypeError
    if identity[0] == "module":  # a class with its source, before PyTorch 1.6
        return Foreign(str(Name(*identity[1])))
    _, name, key, _, count, *view = identity
    if not isinstance(name, Name) or name.module not in STORAGE_MODULES or not isinstance(key, str):
        raise TypeError
    _, start, length = (view and view[0]) or (None, 0, count)
    if not are_sizes([start, length]):
        raise TypeError
    return Storage(name.name, key, length, start)


def _made(function: Name, arguments: tuple) -> Any:
    """Return what a function or a class that PyTorch pickles makes of its arguments; for all others a `Foreign`."""
    name = str(function)
    if name in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"):
        return _tensor(*arguments[:4])
    if name in ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"):
        return arguments[0]
    if name == "torch._tensor._rebuild_from_type_v2":  # a tensor with attributes, which are left out
        return _made(Name(*arguments[0]), arguments[2])
    if name in DICTIONARIES:
        return _dictionary(arguments)
    return arguments[0] if name == "torch.Size" else Foreign(name)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Any:
    if not isinstance(storage, Storage):
        return Foreign("torch.Tensor without a storage")
    if not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise TypeError
    return Tensor(storage, offset, shape, strides)


def _dictionary(arguments: tuple) -> dict[str, Any]:
    """Return a dictionary made of nothing, of a list of pairs (Python 2), or of the class of its missing values."""
    pairs = arguments[0] if arguments and isinstance(arguments[0], list) else []
    return {key: value for key, value in pairs if isinstance(key, str)}
