"""Numbers of images that classes need: exponents and numbers worked by hand, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detect.config import to_json
from detect.data.dataset import Dataset
from detect.data.doctor.dataset_check import Finding, Subject
from detect.data.problems import Problems
from detect.data.records import Records
from detect.data.texts import Texts
from detect.errors import BadInput
from detect.evaluation.images_needed import exponents, images_needed_check
from detect.models.card import CARD, ModelCard

IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)  # of each class
NAMES = tuple("abcdefgh")


def records_of(labels: list[list[int]]) -> Records:
    """Return an image for each list of labels of its boxes."""
    flat = np.int32([label for image in labels for label in image])
    count = len(flat)
    return Records(
        folder="images",
        paths=Texts(f"{number}.jpg" for number in range(len(labels))),
        image_ids=np.arange(len(labels)),
        sizes=np.full([len(labels), 2], 100, np.int32),
        box_ends=np.cumsum([len(image) for image in labels]),
        boxes=np.tile(np.float32([0, 0, 9, 9]), (count, 1)),
        labels=flat,
        ignore=np.zeros(count, bool),
        areas=np.ones(count),
    )


@pytest.fixture
def dataset() -> Dataset:
    train = records_of([[label] for label, images in enumerate(IMAGES) for _ in range(images)])
    problems = {split: Problems() for split in ("train", "val")}
    return Dataset(
        Path("set"), "test data", NAMES, tuple(range(8)), {"train": train, "val": records_of([[0]])}, problems, ()
    )


@pytest.fixture
def run(tmp_path, dataset) -> Path:
    """The folder of a run on the dataset, without scores."""
    folder = tmp_path / "run"
    (folder / "best").mkdir(parents=True)
    card = ModelCard(
        model="yolox-micro",
        config={},
        classes=NAMES,
        category_ids=range(8),
        image_size=64,
        data_digest=dataset.digest(),
    )
    (folder / "best" / CARD).write_text(to_json(card))
    return folder


def write_scores(run: Path, aps, boxes: int = 10) -> None:
    rows = {name: {"AP": ap, "boxes": boxes} for name, ap in zip(NAMES, aps, strict=True)}
    (run / "evaluation.json").write_text(json.dumps({"per_class": rows}))


def finding(run: Path, dataset: Dataset) -> Finding:
    (found,) = images_needed_check(run, dataset).findings(Subject(dataset, {}))
    return found


def test_an_exact_power_has_its_exponent_in_every_draw():
    images = np.array(IMAGES)
    np.testing.assert_allclose(exponents(images, 0.9 * images**-0.25), [0.25] * 3)


def test_the_exponent_of_a_cloud_is_uncertain():
    random = np.random.default_rng(3)
    images = random.integers(10, 1000, 40)
    low, best, high = exponents(images, images**-0.3 * np.exp(random.normal(0, 0.3, 40)))
    assert low < 0.3 < high
    assert low < best < high


def test_numbers_by_hand(run, dataset):
    """1 - AP is 0.8 times the images to the power of -1/2. The mean of the errors decides what is to be reached."""
    errors = 0.8 * np.array(IMAGES) ** -0.5
    write_scores(run, 1 - errors)
    found = finding(run, dataset)
    assert (found.code, found.count) == ("images-needed", 3)  # those with 1, 2 and 4 images
    images = (0.8 / errors.mean()) ** 2  # about 7.1 for every class, because all are on the line
    number = f"{images:.2g}".removesuffix(".0")
    expected = f"{float(number):,.0f}"
    assert f"3 of 8 classes have less than the mean AP of run, {1 - errors.mean():.2f}." in found.what
    assert f"a (images: 1, AP 0.20) needs about {expected} images ({expected} to {expected})" in found.what
    assert [example.where[0] for example in found.examples] == ["a", "b", "c"]


def test_a_hard_class_keeps_its_difficulty(run, dataset):
    """The error of the class that has 16 images is four times what the line says."""
    errors = 0.2 * np.array(IMAGES) ** -0.5
    errors[4] *= 4
    write_scores(run, 1 - errors)
    text = next(example.where for example in finding(run, dataset).examples if example.where.startswith("e "))
    low, best, high = exponents(np.array(IMAGES), errors)
    needed = [16 * (errors[4] / errors.mean()) ** (1 / fall) for fall in (best, high, low)]
    rounded = [f"{float(f'{number:.2g}'):,.0f}" for number in needed]
    assert text == f"e (images: 16, AP 0.80) needs about {rounded[0]} images ({rounded[1]} to {rounded[2]})"


def test_no_relation_is_said_to_be_none(run, dataset):
    write_scores(run, [0.5, 0.2, 0.6, 0.4, 0.3, 0.6, 0.2, 0.5])
    assert "AP does not clearly rise with the number of images" in finding(run, dataset).what


def test_classes_with_equally_many_images_tell_nothing(run, dataset):
    equal = replace(dataset, splits={**dataset.splits, "train": records_of([[label] for label in range(8)])})
    card = json.loads((run / "best" / CARD).read_text())
    (run / "best" / CARD).write_text(json.dumps({**card, "data_digest": equal.digest()}))
    write_scores(run, np.linspace(0.1, 0.8, 8))
    assert "AP does not clearly rise with the number of images" in finding(run, equal).what


def test_few_classes_allow_no_estimate(run, dataset):
    write_scores(run, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, None, 0.7])
    assert "7 classes have 10 boxes to be scored with, and 8 are necessary" in finding(run, dataset).what
    write_scores(run, [0.5] * 8, boxes=9)
    assert "0 classes have 10 boxes" in finding(run, dataset).what


def test_runs_that_are_refused(run, dataset, tmp_path):
    with pytest.raises(BadInput, match="is not the folder of a finished training run"):
        finding(tmp_path / "other", dataset)
    with pytest.raises(BadInput, match=r"no evaluation\.json"):
        finding(run, dataset)
    (run / "evaluation.json").write_text("[]")
    with pytest.raises(BadInput, match="has no scores of classes"):
        finding(run, dataset)
    card = json.loads((run / "best" / CARD).read_text())
    (run / "best" / CARD).write_text(json.dumps({**card, "data_digest": "other"}))
    with pytest.raises(BadInput, match="was trained on other data"):
        finding(run, dataset)
