"""The model that is trained, by the options `--model` and `--weights`."""

import pytest

from detect.config import to_json
from detect.errors import BadInput
from detect.models.card import ModelCard
from detect.training.model_choice import DEFAULT_MODEL, choose_model
from detect.training.resolution import resolve_settings


@pytest.fixture
def run(tmp_path) -> str:
    """A run folder, of which only the card is there."""
    card = ModelCard(model="yolox-s", config={}, classes=("cat",), category_ids=(1,), image_size=64)
    (tmp_path / "run" / "best").mkdir(parents=True)
    (tmp_path / "run" / "best" / "model.json").write_text(to_json(card))
    return str(tmp_path / "run")


@pytest.fixture
def file(tmp_path) -> str:
    (tmp_path / "yolox_nano.onnx").touch()
    return str(tmp_path / "yolox_nano.onnx")


@pytest.mark.parametrize("weights", ["auto", "imagenet", "none"])
def test_weights_that_are_of_no_model_leave_the_choice(weights):
    assert choose_model("auto", weights) == DEFAULT_MODEL
    assert choose_model("yolox-s", weights) == "yolox-s"


def test_weights_say_of_which_model_they_are(run):
    assert choose_model("auto", "retinanet-r50v2-coco") == "retinanet-r50v2"
    for weights in (run, f"{run}/best"):
        assert choose_model("auto", weights) == choose_model("yolox-s", weights) == "yolox-s"


@pytest.mark.parametrize(("options", "assignments"), [({"model": "yolox-nano"}, []), ({}, ["model=yolox-nano"])])
def test_weights_of_another_model_are_refused(run, options, assignments):
    with pytest.raises(BadInput, match="run is a yolox-s, not a yolox-nano"):
        resolve_settings({"data": "d", "weights": run, **options}, assignments)


def test_a_file_needs_the_name_of_its_model(file):
    assert choose_model("yolox-nano", file) == "yolox-nano"
    with pytest.raises(BadInput, match=r"does not say of which model it is: give --model. Did you mean 'yolox-nano'\?"):
        choose_model("auto", file)


def test_the_recipe_and_the_image_size_are_those_of_the_model_that_was_found():
    settings = resolve_settings({"data": "d", "weights": "yolox-nano-coco"}, ["recipe=paper"])
    assert (settings.model, settings.image_size, settings.optimizer.name) == ("yolox-nano", 416, "sgd")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("yolox-nano", "'yolox-nano' is none of these. Did you mean 'yolox-nano-coco'"),
        ("mine.pth", "--weights: mine.pth does not exist"),
        ("runs/none", "--weights: runs/none does not exist"),
        ("", "'' is none of these"),
    ],
)
def test_what_names_no_weights_is_refused(weights, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=message):
        choose_model("auto", weights)
