"""Google's EfficientDet checkpoints: the authors' outputs and boxes, every tensor assigned, their files read."""

import dataclasses
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from recorded_files import SIZES, assert_same_detections

from detect import models
from detect.errors import BadInput
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.predictor import Model
from detect.weights import importing
from detect.weights.google_efficientdet import AVERAGE, CHECKPOINTS, COLUMNS, read_tensors
from detect.weights.tensors import fill

BY_MODEL = {row.model.removeprefix("efficientdet-"): row for row in CHECKPOINTS}
# The settings of the recorded models, each just wide enough to have the structure of the whole.
SMALL = {"filters": 40, "cells": 2, "layers": 2}
RECORDED = {"d0": {"width": 0.25, **SMALL}, "lite0": {"width": 0.5, **SMALL}}
STEP = 61  # every 61st anchor is recorded


@pytest.fixture(scope="module")
def recorded():
    """Outputs recorded with https://github.com/google/automl at 6a54c87, TensorFlow 2.21 and tf_keras 2.21.

    `EfficientDetNet` of efficientdet-d0 and -lite0 at the widths above, with 90 classes and the weights of `drawn`; d0
    with the aspect ratios of its published weights. Images of 128 x 128 and 96 x 160 pixels. Recorded are the names and
    shapes of all variables; for the 80 classes of COCO the raw outputs of every 61st anchor, boxes as dx, dy, dw, dh;
    and the ten best detections (score, label, box) of `NonMaxSuppressionV5`, class by class, with their
    `soft_nms_sigma` of 0.25 but without the second, hard threshold, which their evaluation with NumPy does not have
    either.
    """
    return np.load(Path(__file__).with_name("google_efficientdet.npz"))


def drawn(shapes: dict[str, list[int]], prediction: float) -> dict[str, np.ndarray]:
    """Draw the weights of the recorded model, with those of the last layers times `prediction`, for moderate scores."""
    random = np.random.RandomState(0)  # NumPy promises that its numbers never change
    state = {}
    for name, shape in sorted(shapes.items()):
        if name.endswith("moving_variance"):
            values = random.uniform(0.5, 1.5, shape)
        elif name.endswith("gamma"):
            values = random.uniform(0.5, 1, shape)
        elif "/WSM" in name:
            values = random.uniform(0.2, 1.5, shape)
        elif name.endswith("depthwise_kernel"):
            values = random.standard_normal(shape) * np.sqrt(2 / (shape[0] * shape[1]))
        elif name.endswith("kernel"):
            values = random.standard_normal(shape) * np.sqrt(2 / shape[2] / shape[0] / shape[1])
        else:
            values = random.standard_normal(shape) * 0.1
        state[name] = np.asarray(values * (prediction if "predict" in name else 1), np.float32)
    return state


def write_checkpoint(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """Write an archive like the published ones: a folder with a name-based checkpoint."""
    prefix = path.with_name("model")
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[*tensors.values()],
    )
    with tarfile.open(path, "w:gz") as archive:
        for file in path.parent.glob("model.*"):
            archive.add(file, f"efficientdet/{file.name}")


@pytest.mark.parametrize(("row", "prediction"), [("d0", 1.0), ("lite0", 0.1)])
def test_outputs_and_boxes_are_the_authors(recorded, tmp_path, row, prediction):
    """The file has moving averages beside other weights, like the published ones, and is read by the real importer."""
    checkpoint, state = BY_MODEL[row], drawn(json.loads(str(recorded[f"{row}_shapes"])), prediction)
    averages = {name + AVERAGE: value for name, value in state.items()}
    others = {name: value + 1 for name, value in state.items()}
    write_checkpoint(tmp_path / "x.tar.gz", {**others, **averages, "global_step": np.int64(7)})
    detector = models.create(f"efficientdet-{row}", 80, **RECORDED[row])
    fill(checkpoint.targets(detector), checkpoint.read(tmp_path / "x.tar.gz"), "x", row, checkpoint.unused)

    for height, width in ((128, 128), (96, 160)):
        image = np.random.RandomState(1).randint(0, 256, (1, height, width, 3)).astype(np.uint8)
        outputs = detector(image)
        for name in ("logits", "deltas"):
            expected = recorded[f"{row}_{height}x{width}_{name}"]
            scale = np.abs(expected).max()
            np.testing.assert_allclose(outputs[name][0, ::STEP], expected, rtol=0, atol=2e-5 * scale, err_msg=name)
        found, expected = detector.decode(outputs), recorded[f"{row}_{height}x{width}_found"]
        best = len(expected)
        np.testing.assert_allclose(found.scores[0, :best], expected[:, 0], rtol=0, atol=1e-5)
        np.testing.assert_array_equal(found.labels[0, :best], expected[:, 1])
        boxes = np.clip(expected[:, 2:], 0, [width, height] * 2)
        np.testing.assert_allclose(found.boxes[0, :best], boxes, rtol=0, atol=2e-3)


@pytest.mark.parametrize(("row", "prediction"), [("d0", 1.0), pytest.param("lite0", 0.3, marks=pytest.mark.long)])
def test_the_same_file_has_the_same_boxes(recorded, tmp_path, row, prediction):
    """Both complete pipelines agree; theirs ran with the source and versions of `recorded`, and Pillow 13.0.

    They open the JPEG file with Pillow, as in `tf2/infer.py`, which gives the same pixels as OpenCV; run
    `EfficientDetModel` with `pre_mode="infer"` at 128 pixels and the weights of `drawn`; and `generate_detections` as
    in `tf2/eval.py`, from 5,000 pairs. Recorded are the fifty best of the 80 classes of COCO, which are the same
    without the second, hard threshold. The long sides become 127 and 128 pixels, by rounding in float32.
    """
    files = np.load(Path(__file__).with_name("google_efficientdet_files.npz"))
    write_checkpoint(tmp_path / "x.tar.gz", drawn(json.loads(str(recorded[f"{row}_shapes"])), prediction))
    checkpoint = dataclasses.replace(BY_MODEL[row], image_size=128, config=RECORDED[row])
    detector, card = importing.read(checkpoint, tmp_path / "x.tar.gz")
    model = Model(TensorFlowBackEnd(detector), card)
    for size in SIZES:
        path = tmp_path / f"{size}.jpg"
        path.write_bytes(files[size].tobytes())
        assert_same_detections(model, path, files[f"{row}_{size}"])


@pytest.mark.parametrize("row", ["d7x", "lite4"])
def test_all_weights_have_a_tensor(row):
    small = {"width": 0.25, "depth": 0.3, "filters": 24, "cells": 2, "layers": 1}
    detector = models.create(f"efficientdet-{row}", 80, **small)
    targets = list(BY_MODEL[row].targets(detector))
    assert len({target.name for target in targets}) == len(targets)
    paths = [target.variable.path for target in targets]
    assert len(set(paths)) == len(paths)
    assert set(paths) == {weight.path for weight in detector.weights}


def test_columns_are_the_ids_of_the_classes():
    assert len(COLUMNS) == 80
    assert (COLUMNS[0], COLUMNS[11], COLUMNS[-1]) == (0, 12, 89)  # person 1, stop sign 13 (12 is unused), toothbrush 90


def test_a_checkpoint_of_objects_is_read_by_the_names_of_its_variables(tmp_path):
    """Keras' `save_weights` writes such files with TensorFlow 2. The optimizer's slots and counters are not weights."""
    kernel = tf.Variable([1.0, 2.0], name="class_net/class-0/bias")
    checkpoint = tf.train.Checkpoint(layer=tf.train.Checkpoint(weight=kernel), optimizer=tf.Variable(3.0, name="rate"))
    checkpoint.save(tmp_path / "ckpt")
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        for file in tmp_path.glob("ckpt*"):
            archive.add(file, f"folder/{file.name}")
    tensors = read_tensors(tmp_path / "x.tgz")
    assert set(tensors) == {"class_net/class-0/bias", "save_counter"}
    np.testing.assert_array_equal(tensors["class_net/class-0/bias"], [1, 2])


def test_averages_come_before_other_weights(tmp_path):
    one, two = np.float32([1]), np.float32([2])
    write_checkpoint(tmp_path / "x.tar.gz", {"a": one, "a" + AVERAGE: two, "b": one, "c" + AVERAGE: two})
    tensors = {name: value.tolist() for name, value in read_tensors(tmp_path / "x.tar.gz").items()}
    assert tensors == {"a": [2], "b": [1], "c": [2]}


def test_nothing_is_written_outside_a_temporary_folder(tmp_path):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../escaped.index"), io.BytesIO())
    with pytest.raises(BadInput, match="not an archive of a TensorFlow checkpoint"):
        read_tensors(tmp_path / "x.tar.gz")
    assert not list(tmp_path.parent.rglob("escaped.index"))


def archive_without_a_checkpoint(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("efficientdet/notes.txt"))


def cut_archive(path: Path) -> None:
    write_checkpoint(path, {"a": np.random.default_rng(0).normal(size=5000).astype(np.float32)})
    path.write_bytes(path.read_bytes()[:9000])


@pytest.mark.parametrize("write", [lambda path: path.write_bytes(b"text"), archive_without_a_checkpoint, cut_archive])
def test_other_files_are_refused_by_name(tmp_path, write):
    write(tmp_path / "x.tar.gz")
    with pytest.raises(BadInput, match=r"x\.tar\.gz is not an archive of a TensorFlow checkpoint"):
        read_tensors(tmp_path / "x.tar.gz")
