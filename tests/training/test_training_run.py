"""`detect.train` from data to a model on disk, on a few small images."""

import json

import numpy as np
import pytest
import yaml
from light_models import SMALL

import detect
from detect.data.pixels.tiles import Tiling
from detect.data.shapes import write_shapes
from detect.errors import BadInput, RunFailure
from detect.evaluation.kept_scores import kept_classes
from detect.models import saving
from detect.models.licences import Licences
from detect.training import training_run
from detect.training.run_folder import RunFolder, new_folder, write_start
from detect.training.settings import TrainingSettings

pytestmark = pytest.mark.slow

STILL = {"scale": [1, 1], **dict.fromkeys(("mosaic", "translate", "flip_horizontal", "hue", "saturation", "value"), 0)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Four pictures of shapes, which are both the training and the validation split.

    This seed gives them nine shapes, the smallest 13 pixels wide: a score does not hang on one that is hard to see.
    """
    path = write_shapes(tmp_path_factory.mktemp("shapes"), train=4, val=1, image_size=96, seed=29)
    description = yaml.safe_load(path.read_text())
    description["splits"]["val"] = description["splits"]["train"]
    path.write_text(yaml.safe_dump(description))
    return path


@pytest.fixture(scope="module")
def overfitted(data, tmp_path_factory):
    """Train a model until it has learnt the four images by heart, which takes it 30 to 90 epochs."""
    runs = tmp_path_factory.mktemp("runs")
    return detect.train(
        data,
        SMALL,
        epochs=150,
        image_size=96,
        batch_size=4,
        name="learnt",
        runs=runs,
        validations=2,
        optimizer={"learning_rate": 0.003, "weight_decay": 0},
        pipeline={"augmentation": STILL},
    )


def test_a_tiny_model_learns_four_pictures(overfitted):
    assert overfitted.scores.AP50 > 0.95


def test_the_saved_model_scores_the_same(overfitted, data):
    scores = detect.evaluate(overfitted.folder, data, split="val")
    assert pytest.approx(overfitted.scores.AP50, abs=1e-6) == scores.AP50
    assert pytest.approx(overfitted.scores.AP, abs=1e-6) == scores.AP


def test_two_loads_predict_the_same_boxes(overfitted, data):
    picture = next((data.parent / "images" / "train").iterdir())
    first, second = (detect.load(overfitted.folder).predict(picture)[0] for _ in range(2))
    assert len(first) > 0
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(first.scores, second.scores)


def test_the_run_folder_is_complete(overfitted):
    names = {path.name for path in overfitted.folder.iterdir()}
    assert names >= {
        *("config.json", "classes.txt", "metrics.jsonl", "tensorboard", "checkpoints", "best", "last"),
        *("evaluation.json", "report.html", "batches_train.jpg", "predictions_val.jpg"),
    }
    scores = json.loads((overfitted.folder / "evaluation.json").read_text())
    assert scores["AP50"] == overfitted.scores.AP50
    kinds = [json.loads(line)["kind"] for line in (overfitted.folder / "metrics.jsonl").read_text().splitlines()]
    assert set(kinds) == {"train", "val"}


def test_fine_tuning_keeps_everything_but_the_class_layer(overfitted, tmp_path, capsys):
    path = write_shapes(tmp_path / "other", train=4, val=2, image_size=96)
    for split in ("train", "val"):
        annotations = json.loads((path.parent / f"{split}.json").read_text())
        for annotation in annotations["annotations"]:
            annotation["category_id"] = annotations["categories"][0]["id"]
        annotations["categories"] = annotations["categories"][:1]
        (path.parent / f"{split}.json").write_text(json.dumps(annotations))
    description = yaml.safe_load(path.read_text())
    description["classes"] = description["classes"][:1]
    path.write_text(yaml.safe_dump(description))
    settings = {"runs": tmp_path, "freeze": ["backbone"], "validations": 1}
    run = detect.train(path, weights=overfitted.folder, epochs=1, image_size=96, batch_size=4, **settings)
    said = capsys.readouterr().out
    assert "tensors from" in said
    assert "class_logits" in said.partition("random:")[2]
    before, after = (saving.load(folder / "best")[0] for folder in (overfitted.folder, run.folder))
    for old, new in zip(before.backbone.trainable_weights, after.backbone.trainable_weights, strict=True):
        np.testing.assert_array_equal(old, new)  # frozen


def test_a_model_that_is_trained_on_tiles_sees_images_by_them(overfitted, data, tmp_path, capsys):
    """Images of 96 pixels are four tiles of 64 each, which the model has learnt to see at this scale."""
    settings = {"runs": tmp_path, "validations": 1, "tile": 64, "tile_overlap": 0.3}
    run = detect.train(data, weights=overfitted.folder, epochs=1, image_size=64, batch_size=4, **settings)
    assert "Tiles: 16 of 64 px, from 4 images;" in capsys.readouterr().out
    model = detect.load(run.folder)
    assert model.card.tiling == Tiling(tile=64, tile_overlap=0.3)
    assert pytest.approx(run.scores.AP, abs=1e-6) == detect.evaluate(model, data).AP
    picture = next((data.parent / "images" / "train").iterdir())
    by_tiles, whole = model(picture, confidence=0.01), model(picture, confidence=0.01, tile=0)
    np.testing.assert_array_equal(by_tiles.boxes, model(picture, confidence=0.01, tile=64, tile_overlap=0.3).boxes)
    assert by_tiles.boxes.shape != whole.boxes.shape or (by_tiles.boxes != whole.boxes).any()
    assert (run.folder / "predictions_val.jpg").exists()


def test_a_class_is_added_to_those_of_a_trained_model(overfitted, data, tmp_path, capsys):
    """The same pictures, in which only the triangles are annotated, under another name: the model knows the others."""
    known = json.loads((data.parent / "train.json").read_text())
    wedge = {**known["categories"][2], "name": "wedge"}
    boxes = [each for each in known["annotations"] if each["category_id"] == wedge["id"]]
    (tmp_path / "train.json").write_text(json.dumps({**known, "annotations": boxes, "categories": [wedge]}))
    sources = {"annotations": "train.json", "images": str(data.parent / "images" / "train")}
    path = tmp_path / "wedges.yaml"
    path.write_text(yaml.safe_dump({"format": "coco", "splits": {"train": sources, "val": sources}}))
    given = {"weights": overfitted.folder, "keep_classes": True, "name": "more", "runs": tmp_path}
    run = detect.train(path, epochs=1, image_size=96, batch_size=4, **given)
    card = saving.load_card(run.folder / "best")
    assert card.classes == ("circle", "square", "triangle", "wedge")
    assert card.licences.teacher == card.licences.weights
    said = capsys.readouterr().out
    assert "in 2 more those of its 3 classes" in said
    assert " 4 to validate, 4 classes." in said  # those of the model too
    before = {each.name: each.before for each in kept_classes(run.folder)}
    assert before == pytest.approx({name: row["AP"] for name, row in overfitted.scores.per_class.items()}, abs=1e-6)
    assert np.load(run.folder / "teacher.npz")["labels"].max() < 3
    detect.train(path, epochs=1, image_size=96, batch_size=4, resume=True, **given)
    assert "is finished: nothing was trained" in capsys.readouterr().out
    (tmp_path / "train.json").write_text(json.dumps({**known, "annotations": boxes[1:], "categories": [wedge]}))
    with pytest.raises(BadInput, match=r"The data is not that which \S+ began with: train had"):
        detect.train(path, epochs=1, image_size=96, batch_size=4, resume=True, **given)


def test_the_ranges_of_int8_are_part_of_a_checkpoint(data, tmp_path, capsys):
    settings = {"model": SMALL, "runs": tmp_path, "image_size": 64, "batch_size": 4, "validations": 1}
    first = detect.train(data, epochs=1, weights="none", name="exact", **settings)
    settings |= {"weights": first.folder, "name": "rounded", "quantize": "int8", "epochs": 1}
    run = detect.train(data, **settings)
    assert "with the rounding of int8: 4 layers, with ranges measured on 4 images" in capsys.readouterr().out
    with np.load(RunFolder(run.folder).checkpoints[0]) as archive:
        names = json.loads(str(archive["header"]))["names"]
        place = next(place for place, name in enumerate(names) if "backbone/convolution0/inputs" in name)
        np.testing.assert_allclose(archive[f"variable_{place}"], [[0] * 3, [1] * 3], atol=1e-6)
    detect.train(data, resume=True, **settings)
    assert "nothing was trained" in capsys.readouterr().out


def test_a_loss_that_is_not_finite_names_step_and_pictures(data, tmp_path):
    settings = {"runs": tmp_path, "schedule": {"warmup": 0}}
    far = {"learning_rate": 1e30, "clip_norm": None}
    with pytest.raises(RunFailure, match=r"not finite at step \d+") as failure:
        detect.train(data, SMALL, epochs=5, image_size=96, batch_size=4, optimizer=far, **settings)
    assert "Last checkpoint: " in str(failure.value)
    assert str(data.parent / "images" / "train") in str(failure.value)


def test_a_run_without_a_checkpoint_goes_on_with_the_model_that_was_chosen(data, tmp_path, monkeypatch):
    given = TrainingSettings(data=str(data), model="auto", runs=str(tmp_path))
    begun = given.model_copy(update={"model": "yolox-s", "image_size": 96, "epochs": 3.0})
    write_start(new_folder(begun), begun, ("circle",), Licences())

    def stop(settings, images, display):
        raise RunFailure(f"{settings.model}, {settings.image_size} pixels, {settings.epochs:g} epochs")

    monkeypatch.setattr(training_run, "find_weights", stop)
    with pytest.raises(RunFailure, match="yolox-s, 96 pixels, 3 epochs"):
        training_run.run(given, resume=True)


def test_data_with_heavy_losses_is_refused_before_training(data, tmp_path):
    annotations = json.loads((data.parent / "train.json").read_text())
    first = annotations["images"][0]
    annotations["images"] += [{**first, "id": 1000 + i, "file_name": f"gone_{i}.jpg"} for i in range(9)]
    lossy = tmp_path / "lossy.json"
    lossy.write_text(json.dumps(annotations))
    for image in (data.parent / "images" / "train").iterdir():
        (tmp_path / image.name).write_bytes(image.read_bytes())
    with pytest.raises(BadInput, match=r"9 of 13 images"):
        detect.train(lossy, epochs=1, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": ["bakbone"]}, "backbone, neck"),
        ({"batch_size": 0}, r"batch_size: expected a number greater than 0 or 'auto', got 0"),
        ({"learning_rate": 0.1}, "unknown setting 'learning_rate'. Did you mean 'optimizer.learning_rate'"),
        ({"weights": "no/such/folder"}, "no/such/folder"),
        ({"weights": "imagenet"}, "no ImageNet weights are published"),
        ({"weights": "none", "quantize": "int8"}, "trains a model that has learnt already"),
    ],
)
def test_bad_settings_end_before_training(data, tmp_path, options, message):
    with pytest.raises(BadInput, match=message):
        detect.train(data, "yolox-micro", epochs=1, image_size=96, runs=tmp_path, **options)
