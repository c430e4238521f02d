"""Files of the format safetensors: the length of a header, the header in JSON, and the numbers.

Source: https://github.com/huggingface/safetensors, section Format of its README.
"""

import json
import struct
from typing import Any

import numpy as np

from detect.weights.files.mapped_file import BFLOAT16, from_bfloat16, native, shaped_array

LENGTH = 8  # bytes of the length of the header
LONGEST_HEADER = 100_000_000  # bytes, the limit of the format
KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": BFLOAT16.str,
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}


def is_safetensors(content: memoryview) -> bool:
    """Return whether a file begins like one of this format: its header starts with a brace.

    The length before it may begin like a pickle or like ONNX, so this format is looked for first: where those have a
    ninth byte, it is another one.
    """
    return bytes(content[LENGTH : LENGTH + 1]) == b"{"


def read_safetensors(content: memoryview) -> dict[str, np.ndarray]:
    """Read all tensors, by name; those of bfloat16 become float32. ValueError where the file is damaged."""
    (length,) = struct.unpack("<Q", content[:LENGTH])
    if length > min(len(content) - LENGTH, LONGEST_HEADER):
        raise ValueError("its header is longer than the file, or than the format allows")
    try:
        header = json.loads(bytes(content[LENGTH : LENGTH + length]))
    except RecursionError:
        raise ValueError("its header is nested too deep") from None
    if not isinstance(header, dict):
        raise ValueError("its header is not a dictionary")
    numbers = content[LENGTH + length :]
    return {name: _tensor(name, facts, numbers) for name, facts in header.items() if name != "__metadata__"}


def _tensor(name: str, facts: Any, numbers: memoryview) -> np.ndarray:
    try:
        kind, shape, (start, end) = facts["dtype"], facts["shape"], facts["data_offsets"]
        if not 0 <= start <= end <= len(numbers):
            raise ValueError("its place is outside the file")
        array = native(shaped_array(numbers[start:end], np.dtype(KINDS[kind]), shape))
    except (KeyError, TypeError):
        raise ValueError(f"the tensor {name} is damaged, or of a type other than {', '.join(KINDS)}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return from_bfloat16(array) if kind == "BF16" else array
