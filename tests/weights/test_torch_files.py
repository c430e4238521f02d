"""Reading tensors, and nothing else, from PyTorch's files."""

import os
import pickle
import sys

import numpy as np
import pytest

from detect.errors import BadInput, RunFailure
from detect.weights.files.tensor_files import read_tensors


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("name", ["weights.pth", "weights", "weights.pth.tar"])
def test_without_torch_the_message_says_how_to_get_it(tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(RunFailure, match=r"pip install torch"):
        read_tensors(tmp_path / name)


def test_a_state_dictionary_is_read(torch, tmp_path):
    torch.save({"a.weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(7)}, tmp_path / "weights.pth")
    tensors = read_tensors(tmp_path / "weights.pth")
    np.testing.assert_array_equal(tensors["a.weight"], [[0, 1, 2], [3, 4, 5]])
    assert int(tensors["count"]) == 7


def test_a_state_dictionary_within_a_checkpoint_is_read(torch, tmp_path):
    """The authors of YOLOX save it with the state of the optimizer."""
    momentum = {"state": {0: {"momentum_buffer": torch.zeros(2)}}, "param_groups": [{"lr": 0.01, "params": [0]}]}
    content = {"start_epoch": 300, "model": {"weight": torch.ones(2)}, "optimizer": momentum}
    torch.save(content, tmp_path / "weights.pth")
    assert list(read_tensors(tmp_path / "weights.pth", entry="model")) == ["weight"]
    with pytest.raises(BadInput, match="with an entry 'state'; it has start_epoch, model, optimizer"):
        read_tensors(tmp_path / "weights.pth", entry="state")
    with pytest.raises(BadInput, match=r"weights\.pth"):
        read_tensors(tmp_path / "weights.pth")


class Trap:
    """Unpickling it would create a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_does_not_run(torch, tmp_path):
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"weight": Trap(tmp_path / "sprung")}, protocol=2))
    torch.save({"weight": Trap(tmp_path / "sprung")}, tmp_path / "zip.pth")
    for name in ("plain.pth", "zip.pth"):
        with pytest.raises(BadInput, match=name):
            read_tensors(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_a_file_of_something_else_is_refused(torch, tmp_path, content):
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(BadInput, match=r"weights\.pth"):
        read_tensors(tmp_path / "weights.pth")
