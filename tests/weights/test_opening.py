"""Names, folders and files that open as trained models, and errors for others."""

import pytest

from detect.errors import BadInput, RunFailure
from detect.models import create
from detect.models.card import ModelCard
from detect.models.saving import save
from detect.weights.importing import import_weights
from detect.weights.opening import open_model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with a best model of other classes."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    detector = create("yolox-micro", 2, width=0.0625, depth=0.0)
    settings = {"model": "yolox-micro", "config": detector.config.model_dump(), "image_size": 64}
    save(detector, ModelCard(classes=("cat", "dog"), category_ids=(1, 2), **settings), folder / "best")
    return folder


def test_a_name_is_imported_and_opened(published):
    import_weights("yolox-micro-coco", file=published.file)
    for model in (None, "yolox-micro"):
        detector, card = open_model("yolox-micro-coco", model)
        assert (detector.classes, card.classes) == (3, ("person", "bicycle", "car"))


def test_a_name_needs_the_network_once(published):
    with pytest.raises(RunFailure, match="Could not download"):
        open_model("yolox-micro-coco")


def test_a_file_of_the_models_checkpoint(published):
    assert open_model(published.file, "yolox-micro")[1].category_ids == (1, 2, 3)


def test_a_file_without_a_model(published):
    with pytest.raises(BadInput, match=r"is a file\. Name its model"):
        open_model(published.file)


def test_a_file_for_a_model_that_nobody_publishes(published):
    with pytest.raises(BadInput, match="no checkpoint is published for retinanet-r18"):
        open_model(published.file, "retinanet-r18")


def test_a_run_folder(run):
    assert open_model(run)[1].classes == ("cat", "dog")
    assert open_model(run, "yolox-micro")[1].classes == ("cat", "dog")


def test_weights_of_another_model(published, run):
    """They are refused before anything is downloaded."""
    for named in (run, "yolox-micro-coco"):
        with pytest.raises(BadInput, match="is a yolox-micro, not a yolox-s"):
            open_model(named, "yolox-s")


def test_a_folder_comes_before_a_checkpoint_of_its_name(published, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yolox-micro-coco").symlink_to(run)
    assert open_model("yolox-micro-coco")[1].classes == ("cat", "dog")


def test_what_does_not_exist_gets_the_nearest_name(published, run, tmp_path, monkeypatch):
    monkeypatch.chdir(run.parents[1])
    with pytest.raises(BadInput, match="Did you mean 'yolox-micro-coco'"):
        open_model("yolox-micro-cocos")
    with pytest.raises(BadInput, match="give weights, for example the published yolox-micro-coco"):
        open_model("yolox-micro")
