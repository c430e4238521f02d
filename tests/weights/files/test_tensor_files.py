"""Files that are not what is expected, whatever reads them."""

import os

import pytest

from detect.errors import BadInput
from detect.weights.files.tensor_files import read_convolutions, read_tensors


@pytest.mark.parametrize("content", [b"", b"something else", b"PK\x03\x04 cut short", b"\x80", b"\x08", bytes(9)])
def test_files_of_something_else(tmp_path, content):
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(BadInput, match=r"weights\.pth cannot be read: .+\."):
        assert read_tensors(tmp_path / "weights.pth")


@pytest.mark.parametrize("read", [read_tensors, read_convolutions])
def test_files_that_cannot_be_opened(tmp_path, read):
    with pytest.raises(BadInput, match=r"none\.pth cannot be read: No such file or directory\."):
        read(tmp_path / "none.pth")
    with pytest.raises(BadInput, match=r"cannot be read: Is a directory\."):
        read(tmp_path)


def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "weights.pth")
    with pytest.raises(BadInput, match=r"weights\.pth cannot be read: "):
        read_tensors(tmp_path / "weights.pth")


def test_only_onnx_files_have_convolutions(fixtures):
    assert read_convolutions(fixtures / "pytorch" / "archive.pth") == []
