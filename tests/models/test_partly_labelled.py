"""The losses of every family on images in which not all classes were looked for.

Outputs are drawn instead of computed: what a loss takes from a logit, it takes from the weights of its class.
"""

from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from drawn_outputs import ANCHORS, CLASSES, MADE, SIDE, TRUTH, drawn
from records_of import records_of
from uncompiled import uncompiled

from detect.data.pipeline import PipelineSettings, training_batches
from detect.data.records import Record, Records
from detect.models import yolox
from detect.ops.anchors import points
from detect.ops.assignment import sim_ota
from detect.ops.coding import decode_yolox
from detect.ops.matching import NEGATIVE, match_by_iou
from detect.structures import Targets

LOOKED_FOR = np.array([[True, False, True], [True, True, False]])  # the box of class 2 is annotated all the same
SOFTMAX = ("ssdlite", "fasterrcnn")
SIGMOID = tuple(name for name in MADE if name not in SOFTMAX)


@pytest.fixture(autouse=True)
def eager():
    with uncompiled():
        yield


def losses_of(name: str, looked_for: np.ndarray | None) -> tuple[dict[str, float], np.ndarray]:
    """Return the losses for the drawn outputs, and the gradient of their sum for the class logits."""
    outputs = drawn(name)
    logits = outputs["class_logits" if name == "yolox" else "logits"]
    targets = Targets(*TRUTH.truth, None if looked_for is None else tf.constant(looked_for))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = MADE[name].loss(outputs, targets)
        total = tf.add_n(list(losses.values()))
    return {part: float(value) for part, value in losses.items()}, tape.gradient(total, logits).numpy()


@pytest.mark.parametrize("name", MADE)
def test_where_all_classes_were_looked_for_the_losses_are_those_of_complete_data(name):
    stated, unstated = losses_of(name, np.ones([2, CLASSES], bool)), losses_of(name, None)
    assert stated[0] == pytest.approx(unstated[0], rel=1e-5)
    np.testing.assert_allclose(stated[1], unstated[1], atol=1e-6)


@pytest.mark.parametrize("name", SIGMOID)
def test_a_class_that_was_not_looked_for_learns_from_its_boxes_only(name):
    """In image 1, only the anchors of the box of class 2 teach it; in image 0, nothing teaches class 1."""
    _, gradient = losses_of(name, LOOKED_FOR)
    _, complete = losses_of(name, None)
    assert not np.any(gradient[0, :, 1])
    assert np.any(complete[0, :, 1])
    assert 0 < np.count_nonzero(gradient[1, :, 2]) < 40
    assert np.count_nonzero(gradient[0, :, 2]) > 0  # it was looked for in image 0
    if name != "yolox":  # whose target is an IoU: a score may be above it
        assert np.all(gradient[1, :, 2] <= 0)


@pytest.mark.parametrize("name", SOFTMAX)
def test_background_is_not_pushed_away_from_a_class_that_was_not_looked_for(name):
    """In image 0 the score of class 1 falls only where class 0 is true."""
    _, gradient = losses_of(name, LOOKED_FOR)
    _, complete = losses_of(name, None)
    known = gradient[0, :, 0] < 0
    assert np.all(gradient[0, ~known, 1] <= 0)
    assert np.any(gradient[0, ~known, 1] < 0)
    assert np.all(gradient[0, known, 1] > 0)
    assert np.any(complete[0, ~known, 1] > 0)


def sigmoid(logit: float) -> float:
    return 1 / (1 + np.exp(-logit))


def test_objectness_of_yolox_is_that_of_a_loop():
    """No object, or none of the classes that were looked for: by the scores that the model gives them."""
    outputs = drawn("yolox")
    boxes = decode_yolox(outputs["offsets"], *points(SIDE, SIDE, yolox.STRIDES, offset=0.0))
    logits = outputs["class_logits"], outputs["objectness"]
    cells = points(SIDE, SIDE, yolox.STRIDES)
    foreground = sim_ota(boxes, *logits, *cells, *TRUTH.truth, looked_for=tf.constant(LOOKED_FOR)).foreground.numpy()
    total = 0.0
    for image, cell in np.ndindex(2, ANCHORS["yolox"]):
        objectness = sigmoid(float(outputs["objectness"][image, cell]))
        scores = [sigmoid(float(outputs["class_logits"][image, cell, k])) for k in np.flatnonzero(LOOKED_FOR[image])]
        other = np.prod([1 - score for score in scores])
        total -= np.log(objectness if foreground[image, cell] else 1 - objectness * (1 - other))
    assert losses_of("yolox", LOOKED_FOR)[0]["objectness"] == pytest.approx(total / foreground.sum(), rel=1e-4)


def test_objectness_of_anchors_is_that_of_a_loop():
    """In each image two of three classes were looked for: of three objects without a box, one is unknown."""
    outputs = drawn("fasterrcnn")
    config = MADE["fasterrcnn"].config
    anchors = MADE["fasterrcnn"]._anchors((SIDE, SIDE))
    thresholds = {"foreground": config.anchor_foreground, "background": config.anchor_background}
    indices = match_by_iou(anchors, *TRUTH.truth, **thresholds, low_quality=True).indices.numpy()
    total = 0.0
    for image, anchor in np.ndindex(2, ANCHORS["fasterrcnn"]):
        objectness = sigmoid(float(outputs["objectness"][image, anchor]))
        if indices[image, anchor] >= 0:
            total -= np.log(objectness)
        elif indices[image, anchor] == NEGATIVE:
            total -= np.log(1 - objectness * 2 / 3)
    expected = total / (2 * config.anchor_samples)
    assert losses_of("fasterrcnn", LOOKED_FOR)[0]["objectness"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.filterwarnings("ignore:Even though the")  # what makes batches is not run eagerly
def test_steps_on_data_without_a_class_leave_its_weights_alone(tmp_path):
    """Class 1 was looked for in the third image only: without it, the weights of class 1 stay as they are."""
    records = written_records(tmp_path)
    detector = yolox.YOLOX(yolox.Config(width=0.0625, depth=0.0), 2)
    detector(np.zeros([1, SIDE, SIDE, 3], np.uint8))
    detector.compile(keras.optimizers.SGD(0.1))
    heads = [level.class_logits for level in detector.head]
    before = [level.kernel.numpy() for level in heads]
    for kept, steps, changes in (([0, 1], 2, [True, False]), ([2], 1, [True, True])):
        settings = PipelineSettings(workers=1, max_boxes=2)
        batches = training_batches(records.select(kept), settings, sizes=(SIDE,), batch_size=len(kept), seed=0)
        for _, batch in zip(range(steps), batches, strict=False):
            detector.train_step(batch)
        after = [level.kernel.numpy() for level in heads]
        changed = [
            [np.any(new[..., k] != old[..., k]) for k in range(2)] for new, old in zip(after, before, strict=True)
        ]
        assert np.any(changed, axis=0).tolist() == changes


def written_records(folder: Path) -> Records:
    """Write three images, and return them, each with a box of class 0."""
    images = []
    for number in range(3):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), np.full((SIDE, SIDE, 3), 80 * number, np.uint8))
        truth = np.float32([[8, 8, 48, 56]]), np.array([0]), np.array([False]), np.array([1920.0])
        images.append(Record(path, number, SIDE, SIDE, *truth, np.array([True, number == 2])))
    return records_of(images)
