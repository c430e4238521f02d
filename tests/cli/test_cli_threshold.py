"""`detect threshold`: thresholds that a model keeps."""

import json
import shutil

import pytest

pytestmark = pytest.mark.slow


def test_thresholds_are_kept_in_the_card_and_used(command, shapes, model_folder, tmp_path):
    folder = shutil.copytree(model_folder, tmp_path / "model")
    done = command("threshold", folder, "--data", shapes, "--recall", 0.5)
    assert done.code == 0, done.err
    assert "Thresholds for at least 0.5 recall, at IoU 0.5" in done.out
    card = json.loads((folder / "model.json").read_text())
    assert (card["goal"]["measure"], card["goal"]["value"], card["goal"]["split"]) == ("recall", 0.5, "val")
    assert len(card["goal"]["data"]) == 64
    assert card["confidences"]
    assert all(f"{value:.4f}" in done.out for value in card["confidences"].values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--precision", 0.9, "--recall", 0.9), "one goal, not precision and recall"),
        (("--f1", "--recall", 0.9), "one goal, not --f1 and at least 0.9 recall"),
        (("--precision", 95), "precision: expected a number above 0, at most 1, got 95"),
        (("--split", "text"), "'text'"),
    ],
)
def test_goals_that_cannot_be_used(command, shapes, model_folder, options, message):
    done = command("threshold", model_folder, "--data", shapes, *options)
    assert done.code == 2
    assert message in " ".join(done.err.split())


def test_a_published_checkpoint_has_no_place_for_thresholds(command, shapes):
    done = command("threshold", "yolox-s-coco", "--data", shapes)
    assert done.code == 2
    assert "not a run folder or a model folder" in " ".join(done.err.split())
