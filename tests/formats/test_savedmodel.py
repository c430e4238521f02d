"""A SavedModel as its users run it: encoded pictures in, boxes of the pictures out, by TensorFlow alone."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from light_models import saved, saved_small

from detect.cli.starting import UNUSED
from detect.data.shapes import CLASSES
from detect.errors import BadInput
from detect.export.export_run import export
from detect.formats.savedmodel.reader import open_file
from detect.inference.loading import load

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("opened_once")]

SERVING = Path(__file__).parents[2] / "docs" / "guides" / "serving.md"
NEVER, *OTHERS = CLASSES
LEAST = {NEVER: 1.0, **dict.fromkeys(OTHERS, 1e-4)}  # all scores of the model exceed the lower one


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An export of a small model, at low confidences but for one class."""
    folder = saved("yolox-micro", tmp_path_factory.mktemp("saved") / "model", image_size=96)
    return export(folder, "savedmodel", class_confidence=LEAST)


@pytest.fixture(scope="module")
def finds_nothing(tmp_path_factory):
    """An export that finds nothing, because no score is high enough."""
    folder = saved_small(tmp_path_factory.mktemp("saved") / "model")
    return export(folder, "savedmodel", class_confidence=dict.fromkeys(CLASSES, 1.0))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """JPEGs: one of the size of the model's images, one larger, one smaller."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, (height, width) in {"same": (96, 96), "large": (333, 250), "small": (40, 90)}.items():
        coarse = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        cv2.imwrite(str(folder / f"{name}.jpg"), cv2.resize(coarse, (width, height)))
    return folder


def run_model(exported, files):
    model = tf.saved_model.load(str(exported.folder / "1"))
    found = model.signatures["serving_default"](image_bytes=tf.constant([file.read_bytes() for file in files]))
    return {name: values.numpy() for name, values in found.items()}


def test_a_size_that_a_model_does_not_take_is_refused(exported):
    """As of a card that somebody has edited."""
    run = open_file(exported.folder / "1")
    with pytest.raises(BadInput, match=r"1 cannot be run by TensorFlow: it has no signature 'images_32x64'\."):
        run({"images": np.zeros((1, 32, 64, 3), np.float32)})


def test_encoded_pictures_give_what_predict_gives(exported, pictures):
    files = sorted(pictures.iterdir())
    found = run_model(exported, files)
    assert found["boxes"].shape == (3, 100, 4)
    assert found["labels"].dtype == np.int32
    for row, result in enumerate(load(exported.folder).predict(files)):
        real = found["labels"][row] >= 0
        boxes, scores, labels = (found[name][row][real] for name in ("boxes", "scores", "labels"))
        count = min(len(labels), len(result))
        assert count > 30
        assert max(len(labels), len(result)) <= count + 3  # of the hundred best, those of the other class are left out
        assert not real[len(labels) :].any()
        assert CLASSES.index(NEVER) not in labels
        np.testing.assert_allclose(scores[:count], result.scores[:count], atol=1e-4)
        apart = np.abs(boxes[:, None] - result.boxes).max(axis=-1)
        apart[labels[:, None] != result.labels] = np.inf
        # Pictures may differ by a level, so nearly equal scores may change places, and cross the end of the list.
        assert np.median(apart.min(axis=1)) < 0.01
        assert (apart.min(axis=1) < 0.1).mean() >= 0.95
        names = found["class_names"][row]
        np.testing.assert_array_equal(names[real].astype(str), np.array(CLASSES)[labels])
        assert set(names[~real]) <= {b""}


def test_a_picture_of_the_right_size_gives_the_same_exactly(exported, pictures):
    found = run_model(exported, [pictures / "same.jpg"])
    (result,) = load(exported.folder).predict(pictures / "same.jpg")
    count = len(result)
    assert not (found["labels"][0, count:] >= 0).any()
    np.testing.assert_array_equal(found["labels"][0, :count], result.labels)
    np.testing.assert_allclose(found["boxes"][0, :count], result.boxes, atol=1e-3)
    np.testing.assert_allclose(found["scores"][0, :count], result.scores, atol=1e-6)


def test_where_nothing_is_found(finds_nothing, pictures):
    found = run_model(finds_nothing, [pictures / "small.jpg"])
    assert not found["boxes"].any()
    assert not found["scores"].any()
    assert (found["labels"] == -1).all()
    assert set(found["class_names"].flat) == {b""}


def test_float16_halves_the_weights(finds_nothing, tmp_path):
    half = export(finds_nothing.folder.parents[1], "savedmodel", precision="float16", out=tmp_path / "half")
    weights = "1/variables/variables.data-00000-of-00001"
    whole_size, half_size = ((done.folder / weights).stat().st_size for done in (finds_nothing, half))
    assert half_size == pytest.approx(whole_size / 2, rel=0.05)


def test_the_client_of_the_documents(exported, pictures, tmp_path):
    """In a process that has TensorFlow but no `detect` at hand, as a user copies it; it prints each object."""
    (program,) = re.findall(r"```python\n(.*?)```", SERVING.read_text(encoding="utf-8"), re.DOTALL)
    shutil.copytree(exported.folder, tmp_path / "runs" / "plates" / "exports" / "savedmodel")
    shutil.copy(pictures / "large.jpg", tmp_path / "photo.jpg")
    # TensorFlow is imported in a third of the time without them.
    program = f"import sys\nsys.modules.update(dict.fromkeys({UNUSED}))\n{program}"
    program += "\nassert not [name for name in sys.modules if name.split('.')[0] == 'detect']\n"
    words = [sys.executable, "-I", "-c", program]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert 30 < len(lines) <= 100
    assert lines[0].split()[0] in CLASSES
    assert "custom gradient" not in done.stderr
