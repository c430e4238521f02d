"""A loaded model is the saved one; folders that are not models are refused with a reason."""

import json

import numpy as np
import pytest
import tensorflow as tf

from detect import models
from detect.config import to_json
from detect.errors import BadInput, RunFailure
from detect.models.card import CARD, WEIGHTS, ModelCard, load_card, model_folder
from detect.models.saving import load, save

SMALL = {"width": 0.0625, "depth": 0.0}  # far smaller than any row of the table


@pytest.fixture(scope="module")
def detector():
    return models.create("yolox-micro", 2, **SMALL)


@pytest.fixture
def card(detector) -> ModelCard:
    return ModelCard(
        model="yolox-micro",
        config=detector.config.model_dump(),
        classes=("cat", "dög"),
        category_ids=(17, 18),
        image_size=64,
        metrics={"AP": 0.5},
    )


def test_a_loaded_model_predicts_the_same(detector, card, tmp_path):
    save(detector, card, tmp_path / "runs" / "best")
    loaded, loaded_card = load(tmp_path / "runs" / "best")
    assert loaded_card == load_card(tmp_path / "runs" / "best")
    assert loaded_card.model_copy(update={"weights": ""}) == card
    assert loaded.config == detector.config
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)), tf.uint8)
    for ours, theirs in zip(detector.decode(detector(images)), loaded.decode(loaded(images)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_saving_again_replaces_and_leaves_nothing_behind(detector, card, tmp_path):
    folder = tmp_path / "best"
    save(detector, card, folder)
    save(detector, card.model_copy(update={"image_size": 96}), folder)
    assert load_card(folder).image_size == 96
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.weights.h5"]


def test_a_disk_that_fills_up_while_saving_is_one_failure_and_keeps_the_old_model(detector, card, tiny_disk):
    """HDF5 would end the process with a segmentation fault, whenever it is that the disk is full."""
    old = tiny_disk / "best"
    old.mkdir()
    (old / "model.json").write_text("old")
    with pytest.raises(RunFailure, match=r"best/model\.weights\.h5 cannot be written: No space left"):
        save(detector, card, old)
    assert (old / "model.json").read_text() == "old"
    assert [path.name for path in tiny_disk.iterdir()] == ["best"]


def test_a_save_that_died_between_its_two_renames_is_found(detector, card, tmp_path):
    folder = tmp_path / "best"
    save(detector, card, folder)
    folder.rename(tmp_path / "best.previous")
    assert load(folder)[1].classes == card.classes
    save(detector, card, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"not a saved model: it has no model\.json"):
        load(tmp_path)


def test_damaged_weights_are_refused(detector, card, tmp_path):
    save(detector, card, tmp_path / "best")
    weights = tmp_path / "best" / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(BadInput, match=r"model\.weights\.h5 is damaged"):
        load(tmp_path / "best")


def test_a_flipped_bit_in_the_weights_is_found(detector, card, tmp_path):
    save(detector, card, tmp_path / "best")
    weights = tmp_path / "best" / "model.weights.h5"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BadInput, match=r"model\.weights\.h5 is damaged.*its SHA-256 is not that in model\.json"):
        load(tmp_path / "best")


def test_the_last_model_does_not_silently_take_the_place_of_the_best(detector, card, tmp_path):
    save(detector, card, tmp_path / "last")
    with pytest.raises(BadInput, match=r"has no best.* Give \S+last for its newest model"):
        model_folder(tmp_path)
    save(detector, card, tmp_path / "best")
    assert model_folder(tmp_path) == tmp_path / "best"
    (tmp_path / "best").rename(tmp_path / "best.previous")  # as a run leaves it that is killed between two renames
    assert model_folder(tmp_path) == tmp_path / "best.previous"


def test_weights_of_another_model_are_refused(detector, card, tmp_path):
    other = card.model_copy(update={"config": {**card.config, "width": 0.125}})
    save(detector, other, tmp_path / "best")
    (tmp_path / "best" / CARD).write_text(to_json(other.model_copy(update={"weights": ""})))  # as earlier versions did
    with pytest.raises(BadInput, match="of another model") as caught:
        load(tmp_path / "best")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", CARD, WEIGHTS])
def test_what_may_not_be_read_is_not_taken_for_missing_or_damaged(detector, card, tmp_path, permissions_bind, name):
    save(detector, card, tmp_path / "best")
    locked = tmp_path / "best" / name
    locked.chmod(0)
    try:
        with pytest.raises(BadInput, match=r"model\.\S+ cannot be read: Permission denied"):
            load(model_folder(tmp_path))
    finally:
        locked.chmod(0o755)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 99}, "format version 99"),
        ({"model": "yolox-q"}, r"model\.json: Unknown model"),
        ({"classes": []}, r"model\.json: .* at least one class"),
        ({"image_size": -64}, "image_size: expected a number greater than 0, got -64"),
        ({"image_size": 10**9}, "image_size: expected a number less than or equal to 16384, got 1000000000"),
        ({"image_size": float("nan")}, "NaN is not a number of JSON"),
        ({"kind": 1}, "kind"),
    ],
)
def test_cards_that_cannot_be_understood_are_refused(detector, card, tmp_path, change, message):
    save(detector, card, tmp_path / "best")
    path = tmp_path / "best" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadInput, match=message):
        load(tmp_path / "best")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x80", b"[" * 100_000, b"[" + b"9" * 5000 + b"]"])
def test_damaged_cards_are_refused(detector, card, tmp_path, content):
    save(detector, card, tmp_path / "best")
    (tmp_path / "best" / "model.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"model\.json"):
        load(tmp_path / "best")
