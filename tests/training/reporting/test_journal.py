"""The numbers of a run: what a resumed run drops, and a full disk."""

import json

import pytest

from detect.training.reporting.journal import Journal, closed_after
from detect.training.reporting.services import Services
from detect.training.run_folder import RunFolder


def steps_in(folder):
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def opened(folder, *places, say=pytest.fail):
    return Journal(RunFolder(folder), Services({}, say), say, *places)


def write(folder, steps, resumed_at=0):
    journal = opened(folder, resumed_at)
    for step in steps:
        journal.write("train", step, epoch=step / 10, values={"loss": 1.0})
    journal.close(completed=True)


def test_a_resumed_run_drops_the_rows_that_it_writes_again(tmp_path):
    write(tmp_path, [1, 2, 3])
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')  # the process was killed while it wrote
    write(tmp_path, [2, 3, 4], resumed_at=2)  # the update number 2, counted from 0, is the first that is made again
    assert steps_in(tmp_path) == [1, 2, 3, 4]


@pytest.mark.parametrize(("validated_step", "kept"), [(4, [4]), (8, [4, 8])])
def test_the_row_of_a_validation_that_is_made_again_is_dropped(tmp_path, validated_step, kept):
    """The run was killed after it had written the row of its validation at step 8, and before its checkpoint."""
    with closed_after(opened(tmp_path)) as journal:
        for step in (4, 8):
            journal.write("val", step, epoch=step / 10, values={"AP": 0.5})
    opened(tmp_path, 8, validated_step).close(completed=True)
    assert steps_in(tmp_path) == kept


@pytest.mark.parametrize("values", [{}, {"loss": 1.0}])
def test_a_full_disk_is_said_once_and_every_row_is_whole(tiny_disk, values):
    """Without values, nothing goes to TensorBoard, so that it is the file of rows that does not fit."""
    said = []
    with closed_after(opened(tiny_disk, say=said.append)) as journal:
        for step in range(2_000):
            journal.write("train", step, epoch=0.0, values=values)
    assert len(said) == 1
    assert "metrics.jsonl cannot be written: No space left on device" in said[0]
    assert said[0].endswith("Training goes on; the curves will lack some of its numbers.")
    written = steps_in(tiny_disk)
    assert written == list(range(len(written)))
    assert len(written) > 100
