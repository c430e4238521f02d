"""The model of a run before it begins."""

import json

import numpy as np
import pytest

from detect.data.dataset import Dataset
from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.errors import BadInput, RunFailure
from detect.models.card import ModelCard
from detect.training.settings import TrainingSettings
from detect.training.start import preparation
from detect.training.start.initial_weights import Source
from detect.training.start.preparation import create_detector, downloading, find_weights, prepare_data, show_data

LIGHT = {"yolox-micro": {"width": 0.0625, "depth": 0.0}, "fasterrcnn-r18": {"filters": 16, "hidden": [16]}}
DATA = TrainingSettings(data="d", model="yolox-micro")


def create(model: str = "yolox-micro", **settings):
    settings = {"image_size": 64, "architecture": LIGHT[model], **settings}
    return create_detector(TrainingSettings(data="d", model=model, **settings), classes=2)


def test_the_seed_decides_the_first_weights():
    first, again, other = (create(seed=seed).get_weights() for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_the_seed_decides_what_is_drawn_in_training():
    detector = create("fasterrcnn-r18", seed=7)
    assert list(detector.seed.next().numpy()) == [7, 0]
    assert create("fasterrcnn-r18").seed.next().numpy()[0] == 0
    assert create().seed is None  # YOLOX draws nothing


def test_layers_that_are_frozen_are_not_trained():
    detector = create(freeze=["backbone.stage2"])
    assert not detector.backbone.stage2.trainable_variables
    assert detector.backbone.stage3.trainable_variables


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze": ["bakbone"]}, "no layer 'bakbone'; YOLOX has backbone, neck"),
    ],
)
def test_what_does_not_suit_the_model_is_refused(settings, message):
    with pytest.raises(BadInput, match=message):
        create(**settings)


class Said:
    """A display that keeps what is said."""

    def __init__(self):
        self.lines = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def show(self, progress: float, course: list[str], numbers: list[str] = ()) -> None:
        pass


@pytest.fixture
def shapes(tmp_path):
    """Return a function that gives a dataset whose boxes in one split are changed: emptied, or all ignored."""

    def write(split: str, change) -> Dataset:
        path = write_shapes(tmp_path, train=3, val=2, image_size=64)
        file = path.parent / f"{split}.json"
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "annotations": change(content["annotations"])}))
        return open_dataset(path)

    return write


def removed(annotations: list[dict]) -> list[dict]:
    return []


def crowds(annotations: list[dict]) -> list[dict]:
    return [{**annotation, "iscrowd": 1} for annotation in annotations]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (removed, "no image has a box. Check that the labels"),
        (crowds, r"all boxes \(\d+\) are marked as crowd regions"),
    ],
)
def test_a_training_split_without_a_box_to_learn_is_refused(shapes, change, why):
    with pytest.raises(BadInput, match=f"there is nothing to learn: in the split 'train', {why}"):
        prepare_data(shapes("train", change), 0.1, Said())


@pytest.mark.parametrize("change", [removed, crowds])
def test_a_validation_split_without_a_box_is_a_warning(shapes, change):
    said = Said()
    show_data(DATA, prepare_data(shapes("val", change), 0.1, said), said)
    assert "the newest model counts as the best one" in said.lines[-2]


def test_images_without_boxes_are_counted(shapes):
    def of_first_image(annotations: list[dict]) -> list[dict]:
        return [each for each in annotations if each["image_id"] == annotations[0]["image_id"]]

    said = Said()
    show_data(DATA, shapes("train", of_first_image), said)
    assert "3 images to train on (2 of them without boxes, as background), 2 to validate" in said.lines[0]


@pytest.mark.parametrize(("fold", "lines"), [(None, 1), (1, 0)])
def test_scores_on_few_images_are_said_to_be_uncertain(shapes, fold, lines):
    """The scores of a fold are taken together with those of the others."""
    said = Said()
    show_data(TrainingSettings(data="d", model="yolox-micro", folds=2, fold=fold), shapes("val", list), said)
    assert sum("Scores on 2 images are uncertain" in line for line in said.lines) == lines


def found_weights(monkeypatch, source: Source | None, said: str = "", **settings):
    """Return settings and source for 448 images, and what was said, where the search for weights has that result."""
    display = Said()
    monkeypatch.setattr(preparation, "find_source", lambda *_: (source, said))
    return (*find_weights(TrainingSettings(data="d", **settings), 448, display), display.lines)


def test_the_model_that_suits_the_machine_starts_from_published_weights(monkeypatch):
    card = ModelCard(model="yolox-nano", config={"depth": 0.33}, classes=("a",), category_ids=(1,), image_size=416)
    source = Source("yolox-nano-coco", card, {})
    settings, found, said = found_weights(monkeypatch, source)
    assert (settings.model, settings.image_size, settings.epochs) == ("yolox-nano", 416, 100)
    assert (settings.architecture, found, said) == ({"depth": 0.33}, source, [])


def test_without_published_weights_another_model_is_trained_and_the_user_told(monkeypatch):
    said = "Starting from yolox-s-coco would train better, but: no network."
    settings, found, lines = found_weights(monkeypatch, None, said, max_time=1e6)
    assert (settings.model, settings.image_size, settings.epochs, found) == ("yolox-micro", 416, None, None)
    assert lines == [f"{said} {preparation.COST}"]


def test_a_model_that_is_named_stays_without_its_published_weights(monkeypatch):
    settings, _, lines = found_weights(monkeypatch, None, "No network.", model="yolox-s")
    assert (settings.model, settings.image_size, lines) == ("yolox-s", 640, ["No network."])
    assert found_weights(monkeypatch, None, model="yolox-s")[2] == []


@pytest.mark.parametrize(("max_time", "limit"), [(None, 300), (120.0, 12), (1e6, 300)])
def test_a_slow_download_is_waited_for_only_where_it_was_asked_for(monkeypatch, max_time, limit):
    clock = [1000.0]
    monkeypatch.setattr(preparation.time, "monotonic", lambda: clock[0])
    settings = TrainingSettings(data="d", max_time=max_time)
    unasked, asked = (
        downloading(settings.model_copy(update={"weights": weights}), Said()) for weights in ("auto", "yolox-s-coco")
    )
    clock[0] += limit
    unasked(1, 2)
    clock[0] += 1
    with pytest.raises(RunFailure, match=f"slow, and ended after {limit} seconds. A later run goes on with it"):
        unasked(1, 2)
    asked(1, 2)
