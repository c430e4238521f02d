"""Mistakes in a request for advice, which are found without TensorFlow."""

import json
import sys

import pytest

from detect.advice import request as requests
from detect.advice.request import read_request
from detect.config import to_json
from detect.data.dataset import with_validation
from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.errors import BadInput
from detect.models.card import CARD, ModelCard
from detect.training.settings import TrainingSettings


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_shapes(tmp_path_factory.mktemp("shapes"), train=20, val=2, image_size=64, seed=0)


@pytest.fixture
def run(tmp_path, data, monkeypatch):
    """The folder of a run on 20 small images, with the files that are read."""
    monkeypatch.setattr(requests, "require_optuna", lambda: None)
    folder = tmp_path / "run"
    (folder / "best").mkdir(parents=True)
    write_run(folder, data, with_validation(open_dataset(data)).digest())
    (folder / "evaluation.json").write_text("{}")
    row = {"step": 1, "epoch": 0.1, "kind": "train", "time": 0.0, "images_per_second": 160.0}
    (folder / "metrics.jsonl").write_text(json.dumps(row))
    return folder


def write_run(folder, data, digest):
    settings = TrainingSettings(data=str(data), model="yolox-nano", image_size=64, epochs=1)
    (folder / "config.json").write_text(to_json(settings))
    card = {"model": "yolox-nano", "config": {}, "classes": ("a",), "category_ids": (1,), "image_size": 64}
    (folder / "best" / CARD).write_text(to_json(ModelCard(**card, data_digest=digest)))


def test_the_time_is_divided(run):
    request = read_request(run, "20m")
    assert request.slot == 1200 / 10  # two learning curves, one trial of double length, and two of other settings
    # 15 s to start and 10 to load; 16 images at 160 per second.
    assert request.updates == (120 - 25) / 0.1
    assert [trial.text for trial in request.candidates] == ["images of 96 px", "yolox-tiny"]


def test_what_is_not_a_run_is_named(run, tmp_path):
    with pytest.raises(BadInput, match="not the folder of a finished training run"):
        read_request(tmp_path, "20m")
    (run / "config.json").unlink()
    with pytest.raises(BadInput, match=r"has no config.json"):
        read_request(run, "20m")


@pytest.mark.parametrize(
    ("time", "message"), [("30", "30s, 30m or 30h"), ("soon", "expected a time"), ("1m", "Give 5m")]
)
def test_the_time_must_do(run, time, message):
    with pytest.raises(BadInput, match=message):
        read_request(run, time)


def test_data_that_is_gone_is_named_with_the_run(run, tmp_path):
    write_run(run, tmp_path / "gone.yaml", "")
    with pytest.raises(BadInput, match=r"gone.yaml does not exist .* was trained on it: put it back"):
        read_request(run, "20m")


def test_boxes_of_a_teacher_cannot_be_had_again(run, data):
    settings = TrainingSettings(data=str(data), model="yolox-nano", image_size=64, epochs=1, keep_classes=True)
    (run / "config.json").write_text(to_json(settings))
    with pytest.raises(BadInput, match="with --keep-classes"):
        read_request(run, "20m")


def test_data_that_has_changed_is_refused(run, data):
    write_run(run, data, "another")
    with pytest.raises(BadInput, match="has changed since"):
        read_request(run, "20m")


def test_few_images_have_no_learning_curve(run, tmp_path):
    few = write_shapes(tmp_path / "few", train=4, val=1, image_size=64, seed=0)
    write_run(run, few, with_validation(open_dataset(few)).digest())
    with pytest.raises(BadInput, match="has 4 training images: a learning curve needs 20 or more"):
        read_request(run, "20m")


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(BadInput, match="pip install optuna"):
        read_request(tmp_path, "20m")
