"""Saving and restoring the state of a run."""

import json

import numpy as np
import pytest
import tensorflow as tf

from detect.errors import BadInput, RunFailure
from detect.layers.sampling_seed import SamplingSeed
from detect.training.updates.checkpoints import Position, load_checkpoint, save_checkpoint


def test_round_trip_keeps_every_bit(tmp_path):
    values = [np.float32([0.1, np.pi]), np.int64(7)]
    save_checkpoint(
        tmp_path / "last.npz", Position(step=5, best=0.25, parts=2), [tf.Variable(value) for value in values]
    )
    variables = [tf.Variable(np.zeros_like(value)) for value in values]
    position = load_checkpoint(tmp_path / "last.npz", variables)
    assert position == Position(step=5, best=0.25, parts=2)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_a_file_of_an_earlier_version_is_read(tmp_path):
    """As it was written before the user's seed was part of `SamplingSeed`, whose old sequence it goes on with."""
    position = {"step": 26, "seconds": 58.25, "progress": 0.5, "best": 0.75, "best_step": 13, "stale": 1}
    position |= {"validations": 2, "saved_step": 26, "saved_seconds": 58.25}
    header = json.dumps({"position": position, "names": ["kernel:0", "sampling_seed:0"]})
    path = tmp_path / "last.npz"
    np.savez(path, header=np.array(header), variable_0=np.float32([0.5, 2]), variable_1=np.int64([0, 5]))
    kernel, seed = tf.Variable([0.0, 0.0], name="kernel"), SamplingSeed(7)
    expected = Position(26, 58.25, 0.5, best=0.75, best_step=13, stale=1, validations=2, saved_step=26)
    expected.saved_seconds = 58.25
    assert load_checkpoint(path, [kernel, seed.state.value]) == expected
    assert kernel.numpy().tolist() == [0.5, 2]
    assert seed.next().numpy().tolist() == [0, 5]


def test_a_crash_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path, variable = tmp_path / "last.npz", tf.Variable([1.0])
    save_checkpoint(path, Position(step=1), [variable])

    def crash(*_args, **_values):
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", crash)
    with pytest.raises(RunFailure, match=r"last\.npz cannot be written: No space left on device"):
        save_checkpoint(path, Position(step=2), [variable])
    assert load_checkpoint(path, [variable]).step == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "last.npz"
    save_checkpoint(path, Position(), [tf.Variable([1.0])])
    whole = path.read_bytes()
    position = json.dumps({"position": {"stride": 1}, "names": []})
    np.savez(path, header=np.array(position))
    for content in (path.read_bytes(), whole[:40], b"", b"not an archive"):
        path.write_bytes(content)
        with pytest.raises(
            BadInput, match=r"last\.npz cannot be read: it is damaged, or not a checkpoint\. Start anew"
        ):
            load_checkpoint(path, [tf.Variable([1.0])])


def test_variables_of_another_model_are_refused(tmp_path):
    path = tmp_path / "last.npz"
    save_checkpoint(path, Position(), [tf.Variable([1.0, 2.0])])
    with pytest.raises(BadInput, match=r"\(2,\).*\(3,\)"):
        load_checkpoint(path, [tf.Variable([1.0, 2.0, 3.0])])
    with pytest.raises(BadInput, match="1 variables, the run has 0"):
        load_checkpoint(path, [])
