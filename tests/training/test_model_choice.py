"""The model that is trained, by the options `--model` and `--weights`."""

import pytest

from detect.config import to_json
from detect.errors import BadInput
from detect.models.card import ModelCard
from detect.training.model_choice import choose_model, default_model
from detect.training.start.resolution import resolve_settings


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


@pytest.mark.parametrize(
    ("max_time", "model"),
    [
        (None, "yolox-nano"),
        (1.0, "yolox-nano"),
        (2225.0, "yolox-nano"),  # 16,000 samples at 7.19 a second take 2225.3 s
        (2226.0, "yolox-tiny"),
        (8080.0, "yolox-tiny"),  # at 1.98 a second 8080.8 s
        (8081.0, "yolox-s"),
        (1e6, "yolox-s"),
    ],
)
def test_the_default_on_a_cpu_is_the_best_model_that_sees_enough_samples(max_time, model):
    assert default_model(max_time, on_gpu=False) == model


@pytest.mark.parametrize("max_time", [None, 1.0, 1e6])
def test_the_default_on_a_gpu(max_time):
    assert default_model(max_time, on_gpu=True) == "yolox-s"


def test_a_model_that_is_named_is_taken():
    for weights in ("auto", "imagenet", "none"):
        assert choose_model("yolox-s", weights, {}) == "yolox-s"


def test_the_choice_is_left_to_machine_and_time_only_where_published_weights_can_be_used():
    assert choose_model("auto", "auto", {}) == "auto"
    assert choose_model("auto", "auto", {"width": 0.5}) == "yolox-micro"
    assert choose_model("auto", "none", {}) == choose_model("auto", "imagenet", {}) == "yolox-micro"


def test_weights_say_of_which_model_they_are(run):
    assert choose_model("auto", "retinanet-r50v2-coco", {}) == "retinanet-r50v2"
    for weights in (run, f"{run}/best"):
        assert choose_model("auto", weights, {}) == choose_model("yolox-s", weights, {}) == "yolox-s"


@pytest.mark.parametrize(("options", "assignments"), [({"model": "yolox-nano"}, []), ({}, ["model=yolox-nano"])])
def test_weights_of_another_model_are_refused(run, options, assignments):
    with pytest.raises(BadInput, match="run is a yolox-s, not a yolox-nano"):
        resolve_settings({"data": "d", "weights": run, **options}, assignments)


def test_a_file_needs_the_name_of_its_model(file):
    assert choose_model("yolox-nano", file, {}) == "yolox-nano"
    with pytest.raises(BadInput, match=r"does not say of which model it is: give --model. Did you mean 'yolox-nano'\?"):
        choose_model("auto", file, {})


def test_the_recipe_is_that_of_the_model_that_was_found():
    settings = resolve_settings({"data": "d", "weights": "yolox-nano-coco"}, ["recipe=paper"])
    assert (settings.model, settings.optimizer.name) == ("yolox-nano", "sgd")


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
        choose_model("auto", weights, {})
