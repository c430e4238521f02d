"""The dataset of a run that keeps the classes of a trained model."""

import json

import pytest

from detect.config import to_json
from detect.data.dataset import with_validation
from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.errors import BadInput
from detect.files import write_text
from detect.models.card import CARD, ModelCard, load_card
from detect.training.settings import TrainingSettings
from detect.training.teachers.kept_classes import card_to_keep, require_new, with_kept_classes

OLD = ("square", "circle")


def of_classes(folder, *names):
    """Write a dataset of shapes in which only some classes are annotated, and return its description."""
    path = write_shapes(folder, train=3, val=2, image_size=32)
    for split in ("train", "val"):
        content = json.loads((folder / f"{split}.json").read_text())
        kept = {each["id"] for each in content["categories"] if each["name"] in names}
        content["categories"] = [each for each in content["categories"] if each["id"] in kept]
        content["annotations"] = [each for each in content["annotations"] if each["category_id"] in kept]
        (folder / f"{split}.json").write_text(json.dumps(content))
    path.write_text(path.read_text().partition("classes:")[0] + path.read_text()[path.read_text().index("splits:") :])
    return path


def write_card(folder, data, classes=OLD, digest=""):
    card = ModelCard(model="yolox-micro", config={}, classes=classes, category_ids=tuple(range(7, 7 + len(classes))),
                     image_size=64, data=str(data), data_digest=digest)  # fmt: skip
    (folder / "best").mkdir(parents=True)
    write_text(folder / "best" / CARD, to_json(card))
    return folder


def keeping(weights, data="d", **settings) -> TrainingSettings:
    return TrainingSettings(data=str(data), weights=str(weights), keep_classes=True, **settings)


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    return open_dataset(of_classes(tmp_path_factory.mktemp("new"), "circle", "triangle"))


def test_the_classes_of_both_with_those_of_the_model_first(new, tmp_path):
    old = of_classes(tmp_path / "old", *OLD)
    digest = with_validation(open_dataset(old)).digest()
    whole, said = with_kept_classes(keeping(write_card(tmp_path / "run", old, digest=digest)), new)
    assert whole.classes == ("square", "circle", "triangle")
    assert (whole.given, whole.source) == (new, new.source)
    assert said[0] == "Kept classes: square, circle. New classes: triangle."
    assert said[1] == f"Validation also has the 2 images that the model was validated on, of {old}."
    train, val = whole.splits["train"], whole.splits["val"]
    assert [record.looked_for.tolist() for record in train] == [[False, True, True]] * 3
    assert [record.looked_for.tolist() for record in val] == [[True, True, False]] * 2 + [[False, True, True]] * 2
    names = [new.classes[label] for label in new.splits["train"].labels]
    assert [whole.classes[label] for label in train.labels] == names


def test_names_that_differ_in_case_are_two_classes_which_is_said(new, tmp_path):
    model = write_card(tmp_path / "run", tmp_path / "gone", classes=("square", "Circle"))
    whole, said = with_kept_classes(keeping(model), new)
    assert whole.classes == ("square", "Circle", "circle", "triangle")
    assert any(line.startswith("'circle' of the dataset and 'Circle' of the model are two classes") for line in said)
    assert not any("'triangle' of" in line for line in said)


def test_images_of_the_earlier_validation_that_are_trained_on_now_are_counted(new, tmp_path):
    content = json.loads((new.source.parent / "train.json").read_text())
    paths = (str(new.source.parent / "images" / "train" / each["file_name"]) for each in content["images"])
    described = {"images": [{**each, "file_name": path} for each, path in zip(content["images"], paths, strict=True)]}
    (tmp_path / "val.json").write_text(json.dumps({**content, **described}))
    earlier = write_card(tmp_path / "run", tmp_path / "val.json", ("circle", "triangle", "square"))
    said = with_kept_classes(keeping(earlier), new)[1]
    assert said[2].startswith("3 of these images are trained on now")


def test_validation_goes_back_to_the_models_before(new, tmp_path):
    first = write_card(tmp_path / "first", of_classes(tmp_path / "a", "circle"), ("circle",))
    second = write_card(tmp_path / "second", of_classes(tmp_path / "b", "square"), ("circle", "square"))
    write_text(second / "config.json", to_json(keeping(first)))
    whole, said = with_kept_classes(keeping(second), new)
    assert len(said) == 3
    assert len(whole.splits["val"]) == 6
    assert "has changed since" in said[1]  # the cards have no digest
    write_text(second / "config.json", to_json(keeping("runs/gone")))
    whole, said = with_kept_classes(keeping(second), new)
    assert said[2].startswith("runs/gone, whose classes the model kept, is not there: the AP of")
    assert len(whole.splits["val"]) == 4


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "does not say what it was trained on"),
        ("gone.yaml", "gone.yaml, which the model was trained on, cannot"),
    ],
)
def test_earlier_data_that_is_not_there_is_named(new, tmp_path, data, said):
    whole, lines = with_kept_classes(keeping(write_card(tmp_path / "run", data)), new)
    assert said in lines[1]
    assert "is not known" in lines[1]
    assert len(whole.splits["val"]) == 2


def test_earlier_data_with_other_classes_is_not_taken(new, tmp_path):
    other = of_classes(tmp_path / "other", "triangle")
    whole, lines = with_kept_classes(keeping(write_card(tmp_path / "run", other)), new)
    assert "has other classes than when" in lines[1]
    assert len(whole.splits["val"]) == 2


@pytest.mark.parametrize("weights", ["auto", "none", "yolox-s-coco", "runs/gone"])
def test_classes_can_be_kept_of_the_folder_of_a_model_only(weights):
    with pytest.raises(BadInput, match=f"give its run or model folder with --weights; it is '{weights}'"):
        card_to_keep(keeping(weights))


def test_several_machines_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(BadInput, match="on one machine"):
        card_to_keep(keeping(write_card(tmp_path / "run", "")))


def test_folds_are_refused(tmp_path):
    with pytest.raises(BadInput, match="leave out --folds"):
        card_to_keep(keeping(write_card(tmp_path / "run", ""), folds=3))


def test_nothing_to_add_or_to_keep(new, tmp_path):
    with pytest.raises(BadInput, match="there is nothing to add or to keep"):
        require_new(load_card(write_card(tmp_path / "run", "", ("triangle", "circle")) / "best"), new)
    require_new(load_card(write_card(tmp_path / "larger", "", ("triangle", "circle", "square")) / "best"), new)
