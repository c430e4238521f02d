"""Saving and restoring the state of a run."""

import json

import numpy as np
import pytest
import tensorflow as tf

from detect.errors import BadInput, RunFailure
from detect.layers.sampling_seed import SamplingSeed
from detect.training.updates.checkpoints import Position, load_checkpoint, load_latest, save_checkpoint


def save(path, position, variables):
    save_checkpoint((path, path.with_name("previous.npz")), position, variables)


def test_round_trip_keeps_every_bit(tmp_path):
    values = [np.float32([0.1, np.pi]), np.int64(7)]
    save(tmp_path / "last.npz", Position(step=5, best=0.25, parts=2), [tf.Variable(value) for value in values])
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
    expected.saved_seconds, expected.validated_step = 58.25, 26
    assert load_checkpoint(path, [kernel, seed.state.value]) == expected
    assert kernel.numpy().tolist() == [0.5, 2]
    assert seed.next().numpy().tolist() == [0, 5]


def test_a_crash_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path, variable = tmp_path / "last.npz", tf.Variable([1.0])
    save(path, Position(step=1), [variable])

    def crash(*_args, **_values):
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", crash)
    with pytest.raises(RunFailure, match=r"last\.npz cannot be written: No space left on device"):
        save(path, Position(step=2), [variable])
    assert load_checkpoint(path, [variable]).step == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_checkpoints_that_are_there(tiny_disk):
    paths, variable = (tiny_disk / "last.npz", tiny_disk / "previous.npz"), tf.Variable(np.zeros(5000, np.float32))
    for step in (1, 2):
        save_checkpoint(paths, Position(step=step), [variable])
    with pytest.raises(
        RunFailure, match=r"last\.npz cannot be written: No space.*0\.0 MB are wanted, 0\.0 MB are free"
    ):
        save_checkpoint(paths, Position(step=3), [variable])
    assert [load_checkpoint(path, [variable]).step for path in paths] == [2, 1]
    assert sorted(tiny_disk.iterdir()) == sorted(paths)


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "last.npz"
    save(path, Position(), [tf.Variable([1.0])])
    whole = path.read_bytes()
    np.savez(path, header=np.array("[]"))
    for content in (path.read_bytes(), whole[:40], b"", b"not an archive"):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"last\.npz cannot be read: it is damaged, or not a checkpoint\.$"):
            load_checkpoint(path, [tf.Variable([1.0])])


def test_no_flipped_bit_is_taken_for_a_value(tmp_path):
    """Some bits of an archive, such as those of dates, say nothing; all others are found out, or change nothing."""
    path, values = tmp_path / "last.npz", np.arange(20, dtype=np.float32)
    save(path, Position(step=3), [tf.Variable(values)])
    whole, found = path.read_bytes(), 0
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        variable = tf.Variable(np.zeros_like(values))
        try:
            position = load_checkpoint(path, [variable])
        except BadInput:
            found += 1
            continue
        assert position == Position(step=3)
        assert variable.numpy().tolist() == values.tolist()
    assert found > len(whole) / 3 / 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": 1}, "stride is 1"),
        ({"step": -5}, "step is -5"),
        ({"progress": float("nan")}, "progress is nan"),
        ({"seconds": float("inf"), "parts": 0}, "seconds is inf, parts is 0"),
    ],
)
def test_a_position_that_no_run_can_have_is_refused(tmp_path, change, message):
    path = tmp_path / "last.npz"
    np.savez(path, header=np.array(json.dumps({"position": {"step": 1, **change}, "names": []})))
    with pytest.raises(BadInput, match=f"in its position, {message}"):
        load_checkpoint(path, [])


def test_the_one_before_takes_the_place_of_a_damaged_one(tmp_path):
    paths, variable, said = (tmp_path / "last.npz", tmp_path / "previous.npz"), tf.Variable([0.0]), []
    for step in (1, 2, 3):
        save_checkpoint(paths, Position(step=step), [tf.Variable([float(step)])])
    assert load_latest(paths, [variable], said.append).step == 3
    assert not said
    paths[0].write_bytes(paths[0].read_bytes()[:-30])
    assert load_latest(paths, [variable], said.append).step == 2
    assert variable.numpy() == [2.0]
    assert said == [
        f"Warning: The checkpoint {paths[0]} cannot be read: it is damaged, or not a checkpoint. The checkpoint before "
        f"it is used, {paths[1]}."
    ]
    paths[0].unlink()
    assert load_latest(paths, [variable], said.append).step == 2
    assert said[1].startswith(f"Warning: The checkpoint {paths[0]} is missing. ")
    paths[1].write_bytes(b"")
    with pytest.raises(BadInput, match=r"previous\.npz cannot be read.* Start anew under another"):
        load_latest(paths, [variable], said.append)


def test_variables_of_another_model_are_refused(tmp_path):
    path = tmp_path / "last.npz"
    save(path, Position(), [tf.Variable([1.0, 2.0])])
    with pytest.raises(BadInput, match=r"\(2,\).*\(3,\)"):
        load_checkpoint(path, [tf.Variable([1.0, 2.0, 3.0])])
    with pytest.raises(BadInput, match="1 variables, the run has 0"):
        load_checkpoint(path, [])
