"""Files as PyTorch writes them, made without PyTorch, and others that it would never write."""

import io
import pickle
import struct
import zipfile
from typing import Any, NamedTuple

import numpy as np

KINDS = {"f4": "FloatStorage", "f2": "HalfStorage", "f8": "DoubleStorage", "i8": "LongStorage", "u2": "BFloat16Storage"}
MAGIC = 0x1950A86A20F9469CFC6C


class Named(NamedTuple):
    """A function or class, pickled by its name, whether it exists or not."""

    module: str
    name: str

    def __call__(self):
        """Do nothing; the pickler only writes calls of what can be called."""


class Made(NamedTuple):
    """An object that a function makes of arguments."""

    function: Named
    arguments: tuple = ()
    state: Any = None


class Stored(NamedTuple):
    """A storage, as the pickle describes it."""

    kind: str
    key: str
    length: Any


class Pickler(pickle._Pickler):
    """Pickles arrays as PyTorch pickles tensors, and keeps their numbers by key."""

    def __init__(self, file: io.BytesIO, protocol: int = 2):
        super().__init__(file, protocol)
        self.numbers: dict[str, np.ndarray] = {}

    def persistent_id(self, obj: Any) -> Any:
        return ("storage", Named("torch", obj.kind), obj.key, "cpu", obj.length) if isinstance(obj, Stored) else None

    def save_named(self, obj: Named) -> None:
        self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())

    def save_made(self, obj: Made) -> None:
        self.save_reduce(obj.function, obj.arguments, obj.state)

    def save_array(self, array: np.ndarray) -> None:
        key = str(len(self.numbers))
        self.numbers[key] = array
        strides = tuple(stride // array.itemsize for stride in np.asarray(array, order="C").strides)
        self.save(tensor(Stored(KINDS[array.dtype.str[1:]], key, array.size), 0, array.shape, strides))

    dispatch = {**pickle._Pickler.dispatch, Named: save_named, Made: save_made, np.ndarray: save_array}


def tensor(storage: Stored, offset: Any, shape: Any, strides: Any) -> Made:
    """Return a tensor as PyTorch pickles it."""
    hooks = Made(Named("collections", "OrderedDict"))
    return Made(Named("torch._utils", "_rebuild_tensor_v2"), (storage, offset, shape, strides, False, hooks))


def pickled(content: Any, protocol: int = 2) -> tuple[bytes, dict[str, np.ndarray]]:
    """Return a pickle and the numbers of its arrays, by key."""
    file = io.BytesIO()
    pickler = Pickler(file, protocol)
    pickler.dump(content)
    return file.getvalue(), pickler.numbers


def archive(
    content: Any, numbers: dict[str, np.ndarray] | None = None, compression: int = zipfile.ZIP_STORED, **members: bytes
) -> bytes:
    """Return a file of the format since PyTorch 1.6.

    Args:
        content: what to pickle.
        numbers: of storages that it names itself, by key.
        compression: of the members; PyTorch's own are stored.
        members: further ones, such as `byteorder`.
    """
    data, arrays = pickled(content)
    return zipped(data, {**arrays, **(numbers or {})}, compression, **members)


def zipped(
    data: bytes, numbers: dict[str, np.ndarray], compression: int = zipfile.ZIP_STORED, **members: bytes
) -> bytes:
    """Return an archive around a pickle. See `archive`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as target:
        target.writestr("weights/data.pkl", data)
        for name, member in members.items():
            target.writestr(f"weights/{name}", member)
        for key, array in numbers.items():
            target.writestr(f"weights/data/{key}", array.tobytes())
    return file.getvalue()


def older(content: Any, little_endian: bool = True) -> bytes:
    """Return a file of the format before PyTorch 1.6."""
    data, numbers = pickled(content)
    facts = {"protocol_version": 1001, "little_endian": little_endian}
    beginning = [pickle.dumps(part, 2) for part in (MAGIC, 1001, facts)]
    order = "<q" if little_endian else ">q"
    storages = [struct.pack(order, array.size) + array.tobytes() for array in numbers.values()]
    return b"".join([*beginning, data, pickle.dumps(list(numbers), 2), *storages])
