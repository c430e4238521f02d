"""The initial weights of a run, and what is said about them."""

import numpy as np
import pytest
from torch_writing import archive

from detect import models
from detect.errors import BadInput, RunFailure
from detect.layers.resnet import ResNet
from detect.models.card import ModelCard
from detect.training.start.initial_weights import Source, find_source, start_from
from detect.weights.importing import import_weights

SMALL = {"width": 0.0625, "depth": 0.0}
COCO = ("person", "bicycle", "car")


@pytest.fixture(scope="module")
def detector():
    """Return our detector for three classes, whose weights the tests change."""
    return models.create("yolox-micro", 3, **SMALL)


@pytest.fixture(scope="module")
def source(detector) -> Source:
    """Return an earlier detector of the same architecture; each of its tensors has a value of its own."""
    tensors = {name: np.full(weight.shape, index, np.float32) for index, (name, weight) in enumerate(named(detector))}
    card = ModelCard(model="yolox-micro", config={}, classes=COCO, category_ids=(1, 2, 3), image_size=64)
    return Source("runs/earlier", card, tensors)


def named(detector):
    return [(weight.path.partition("/")[2], weight) for weight in detector.weights]


def values(detector) -> dict[str, np.ndarray]:
    return {name: weight.numpy() for name, weight in named(detector)}


def test_the_same_classes_keep_everything(detector, source):
    said = start_from(detector, COCO, "runs/earlier", source).said
    for name, value in values(detector).items():
        np.testing.assert_array_equal(value, source.tensors[name], err_msg=name)
    assert said == f"Weights: {len(source.tensors)} of {len(source.tensors)} tensors from runs/earlier."


@pytest.mark.parametrize("classes", [("cat", "dog", "cow"), ("bicycle", "person", "car")])
def test_other_classes_keep_all_but_the_class_layers(detector, source, classes):
    before = values(detector)
    said = start_from(detector, classes, "runs/earlier", source).said
    fresh = {f"head{stride}/class_logits/{part}" for stride in (8, 16, 32) for part in ("kernel", "bias")}
    for name, value in values(detector).items():
        np.testing.assert_array_equal(value, before[name] if name in fresh else source.tensors[name], err_msg=name)
    assert f"{len(before) - 6} of {len(before)} tensors from runs/earlier; random: " in said
    assert all(name in said for name in fresh)


def test_another_number_of_classes_is_no_obstacle(source):
    detector = models.create("yolox-micro", 7, **SMALL)
    said = start_from(detector, tuple("abcdefg"), "runs/earlier", source).said
    assert "head16/class_logits/kernel" in said


def test_what_does_not_fit_is_named_and_nothing_changes(detector, source):
    tensors = {**source.tensors, "neck/extra/kernel": np.zeros(1), "head8/offsets/bias": np.zeros(5)}
    del tensors["head8/objectness/bias"]
    before = values(detector)
    with pytest.raises(BadInput) as caught:
        start_from(detector, COCO, "runs/earlier", source._replace(tensors=tensors))
    for part in (
        "runs/earlier",
        "head8/objectness/bias is missing",
        "neck/extra/kernel is not part of this model",
        "head8/offsets/bias is [5] there and [4] here",
    ):
        assert part in str(caught.value)
    for name, value in values(detector).items():
        np.testing.assert_array_equal(value, before[name])


def test_auto_takes_the_published_checkpoint(published):
    import_weights("yolox-micro-coco", file=published.file)
    source, said = find_source("yolox-micro", "auto", {})
    assert (source.name, source.card.classes, said) == ("yolox-micro-coco", COCO, "")
    assert source.card.config["prior"] == 0.02


def test_auto_goes_on_without_it_where_it_cannot_be_had(published):
    source, said = find_source("yolox-micro", "auto", {})
    assert source is None
    for part in ("yolox-micro-coco would train better", published.checkpoint.address, str(published.cache)):
        assert part in said


def test_auto_leaves_a_changed_architecture_alone(published):
    source, said = find_source("yolox-micro", "auto", {"width": 0.5})
    assert source is None
    assert "give --weights yolox-micro-coco" in said


def test_auto_says_nothing_where_nothing_is_published():
    assert find_source("yolox-micro", "auto", {}) == (None, "")


@pytest.mark.parametrize("weights", ["none", "imagenet"])
def test_words_name_no_detector(published, weights):
    assert find_source("yolox-micro", weights, {}) == (None, "")


def test_a_checkpoint_that_is_named_must_be_had(published):
    with pytest.raises(RunFailure, match="Could not download"):
        find_source("yolox-micro", "yolox-micro-coco", {})


def test_a_checkpoint_of_another_model_is_refused(published):
    with pytest.raises(BadInput, match="is a yolox-micro, not a yolox-s"):
        find_source("yolox-s", "yolox-micro-coco", {})


def test_a_file_of_the_checkpoint(published):
    source, _ = find_source("yolox-micro", str(published.file), {})
    assert source.name == str(published.file)
    assert source.card.classes == COCO


def test_what_is_not_there_gets_the_nearest_name(published):
    with pytest.raises(BadInput, match=r"'yolox-micro-cocoa' is none of these. Did you mean 'yolox-micro-coco'"):
        find_source("yolox-micro", "yolox-micro-cocoa", {})


def test_other_files_are_left_to_the_backbone(published, tmp_path):
    """Such as ImageNet weights, whether or not a checkpoint of the whole model is published."""
    (tmp_path / "resnet.pth").write_bytes(archive({"conv1.weight": np.zeros(1)}))
    for model in ("yolox-micro", "retinanet-r18"):
        assert find_source(model, str(tmp_path / "resnet.pth"), {}) == (None, "")


def test_without_a_detector_to_go_on_from(detector):
    assert start_from(detector, COCO, "none", None) == ("Weights: random.", "none")
    assert start_from(detector, COCO, "auto", None).said.startswith("Weights: random")
    with pytest.raises(BadInput, match="no ImageNet weights are published"):
        start_from(detector, COCO, "imagenet", None)


def test_an_imagenet_backbone_that_cannot_be_had(monkeypatch):
    def unreachable(*_):
        raise RunFailure("no network")

    monkeypatch.setattr("detect.weights.backbones.load_backbone", unreachable)
    backbone = ResNet(18)
    said = start_from(backbone, COCO, "auto", None).said
    assert "ImageNet weights for the backbone would train better, but: no network" in said
    with pytest.raises(RunFailure, match="no network"):
        start_from(backbone, COCO, "imagenet", None)
