"""Safetensors: files as the format describes them, and what contradicts it."""

import json

import numpy as np
import pytest

from detect.errors import BadInput
from detect.weights.files.tensor_files import read_tensors


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a file with a header and numbers behind it."""

    def read_file(header, numbers: bytes = b"", length: int | None = None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        size = len(text) if length is None else length
        (tmp_path / "weights.safetensors").write_bytes(size.to_bytes(8, "little") + text + numbers)
        return read_tensors(tmp_path / "weights.safetensors", "model")

    return read_file


def facts(kind: str, shape, start, end) -> dict:
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("F64", np.float64([[1, 2.5, -3]])),
        ("F32", np.float32([[1, 2.5, -3]])),
        ("F16", np.float16([[1, 2.5, -3]])),
        ("I64", np.int64([[1, 2, -3]])),
        ("I32", np.int32([[1, 2, -3]])),
        ("I16", np.int16([[1, 2, -3]])),
        ("I8", np.int8([[1, 2, -3]])),
        ("U64", np.uint64([[1, 2, 3]])),
        ("U32", np.uint32([[1, 2, 3]])),
        ("U16", np.uint16([[1, 2, 3]])),
        ("U8", np.uint8([[1, 2, 3]])),
        ("BOOL", np.array([[True, False, True]])),
    ],
)
def test_every_type(read, kind, values):
    header = {
        "__metadata__": {"format": "pt"},
        "a": facts(kind, [1, 3], 0, values.nbytes),
        "b": facts(kind, [], values.nbytes, values.nbytes + values.itemsize),
        "none": facts(kind, [0, 2], 0, 0),
    }
    found = read(header, values.tobytes() + values[0, 2:].tobytes())
    assert list(found) == ["a", "b", "none"]
    np.testing.assert_array_equal(found["a"], values)
    assert found["a"].dtype == values.dtype
    assert found["b"] == values[0, 2]
    assert found["none"].shape == (0, 2)


def test_bfloat16_is_the_upper_half_of_float32(read):
    numbers = np.uint16([0x3FC0, 0xC020, 0x7F80])  # 1.5, -2.5 and infinity
    found = read({"a": facts("BF16", [3], 0, 6)}, numbers.tobytes())
    np.testing.assert_array_equal(found["a"], np.float32([1.5, -2.5, np.inf]))


@pytest.mark.parametrize(
    "tensor",
    [
        facts("F32", [2], 0, 12),  # its shape says 8 bytes
        facts("F32", [4], 0, 16),  # there are 12 bytes
        facts("F32", [2], 8, 0),
        facts("F32", [-1, -3], 0, 12),
        facts("F32", [3.0], 0, 12),
        facts("F32", [True, 3], 0, 12),
        facts("F32", "3", 0, 12),
        facts("F32", [3], -12, 0),
        facts("F32", [3], 0.0, 12),
        facts("F32", [3], "0", 12),
        facts("F32", [2**62, 2**62], 0, 12),
        facts("F8_E4M3", [12], 0, 12),
        {"dtype": "F32", "shape": [3]},
        {"dtype": ["F32"], "shape": [3], "data_offsets": [0, 12]},
        [],
        None,
    ],
)
def test_what_contradicts_itself_is_refused(read, tensor):
    with pytest.raises(BadInput, match=r"weights\.safetensors cannot be read: .*a\b"):
        read({"a": tensor}, bytes(12))


@pytest.mark.parametrize("header", [b"{", b"{}}", b"{" * 100_000, b'{"a":' * 100_000, b"{\xff}"])
def test_damaged_headers_are_refused(read, header):
    with pytest.raises(BadInput, match="cannot be read"):
        read(header)


@pytest.mark.parametrize("length", [3, 2**40, 2**64 - 1])
def test_headers_that_do_not_end_are_refused(read, length):
    with pytest.raises(BadInput, match="header is longer"):
        read(b"{}", length=length)


@pytest.mark.parametrize("length", [0x80, 0x280, 0x08, 0x108])
def test_lengths_of_headers_that_begin_like_another_format(read, length):
    """Pickles begin with 0x80, ONNX with 0x08. Headers are padded with spaces, as the format's own library does."""
    header = json.dumps({"a": facts("I8", [3], 0, 3)} if length > 8 else {}).encode().ljust(length)
    tensors = read(header, b"\1\2\3")
    assert len(header) == length
    assert [*tensors] == (["a"] if length > 8 else [])
