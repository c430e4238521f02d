"""YOLOX: network and losses compared with the authors' code, losses and decoding by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from written_targets import sizes

from detect import models
from detect.models.detector import losses_and_gradients
from detect.models.yolox import STRIDES, YOLOX, Config
from detect.ops.anchors import points
from detect.ops.assignment import sim_ota
from detect.ops.coding import decode_yolox
from detect.structures import Targets
from detect.weights import megvii_yolox
from detect.weights.tensors import fill

SIDE = 64  # pixels: 8 x 8 + 4 x 4 + 2 x 2 cells
CELLS = 84


@pytest.fixture(scope="module")
def yolox():
    """A detector without weights, which loss and decoding do not need."""
    return YOLOX(Config(width=0.0625, depth=0.0), classes=3)


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    """Outputs of the authors' code (https://github.com/Megvii-BaseDetection/YOLOX, commit 6ddff48, torch 2.13.0).

    `YOLOX(YOLOPAFPN(0.67, 0.0625), YOLOXHead(3, 0.0625))`, dense and depthwise, with the weights of `recorded_state`.
    Recorded are the names and shapes of its tensors, sorted by name, without counts of steps. In evaluation, not
    decoded, for the images of `recorded_images`: offsets, objectness and classes, the latter two after a sigmoid. In
    training of the dense one, with L1: total, box, objectness, class and L1 loss, the gradient of the stem's kernel,
    and its running variance.
    """
    with np.load(Path(__file__).with_name("megvii_yolox.npz")) as arrays:
        return dict(arrays)


def recorded_images(height: int, width: int, count: int) -> tf.Tensor:
    """Draw images, uint8 RGB; the authors' code had them as BGR."""
    return tf.constant(np.random.RandomState(1).randint(0, 256, (count, height, width, 3)).astype(np.uint8))


@pytest.fixture(scope="module")
def published(recorded, recorded_state):
    """Create our model with the recorded weights, through the importer of published checkpoints."""

    def create(kind: str):
        detector = models.create("yolox-micro", 3, width=0.0625, depth=0.67, separable=kind == "separable")
        state = recorded_state(json.loads(str(recorded[f"{kind}_shapes"])))
        fill(megvii_yolox.targets(detector), state, "the recorded state", "yolox")
        return detector

    return create


@pytest.mark.parametrize("kind", ["dense", "separable"])
def test_the_network_is_the_authors(recorded, published, kind):
    detector = published(kind)
    for height, width, count in ((64, 96, 2), (96, 96, 1)):
        outputs = detector(recorded_images(height, width, count))
        ours = [outputs["offsets"], tf.sigmoid(outputs["objectness"])[..., None], tf.sigmoid(outputs["class_logits"])]
        np.testing.assert_allclose(tf.concat(ours, axis=-1), recorded[f"{kind}_{height}x{width}"], atol=2e-5)


def test_a_training_step_is_the_authors(recorded, published):
    detector, images = published("dense"), recorded_images(64, 96, 2)
    boxes = [[[4, 6, 40, 50], [30, 20, 90, 34], [50, 36, 80, 62]], [[8, 8, 20, 24], [0, 0, 0, 0], [0, 0, 0, 0]]]
    labels = [[2, 0, 1], [1, -1, -1]]
    truth = Targets(tf.constant(boxes, tf.float32), tf.constant(labels), tf.zeros([2, 3], bool))
    losses, gradients = losses_and_gradients(detector, images, truth, closing=1.0)
    total, box, objectness, classes, offsets, _ = recorded["dense_losses"]
    expected = {"box": box, "objectness": objectness, "class": classes, "l1": offsets}
    for name, value in expected.items():
        np.testing.assert_allclose(losses[name], value, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(tf.add_n(list(losses.values())), total, rtol=1e-4)
    stem = detector.backbone.focus.block
    np.testing.assert_allclose(stem.normalization.moving_variance, recorded["dense_moving_variance"], rtol=1e-4)
    reference = recorded["dense_gradient"]
    np.testing.assert_allclose(gradients[0], reference, atol=1e-3 * np.abs(reference).max())


def targets(boxes, labels, ignore=None) -> Targets:
    """Return the targets of one image."""
    ignore = [False] * len(labels) if ignore is None else ignore
    return Targets(
        tf.reshape(tf.constant(boxes, tf.float32), [1, -1, 4]),
        tf.constant([labels], tf.int32),
        tf.constant([ignore], bool),
    )


def outputs_of(offsets=None, objectness=None, class_logits=None) -> dict:
    """Return raw outputs for one image, zeros where they are not given."""
    return {
        "offsets": tf.zeros([1, CELLS, 4]) if offsets is None else tf.constant(offsets, tf.float32),
        "objectness": tf.zeros([1, CELLS]) if objectness is None else tf.constant(objectness, tf.float32),
        "class_logits": tf.zeros([1, CELLS, 3]) if class_logits is None else tf.constant(class_logits, tf.float32),
        **sizes(SIDE, SIDE),
    }


def random_outputs(seed: int = 0) -> dict:
    random = np.random.default_rng(seed)
    return outputs_of(
        random.normal(0, 0.5, (1, CELLS, 4)), random.normal(size=(1, CELLS)), random.normal(size=(1, CELLS, 3))
    )


def test_scores_start_at_the_prior():
    for level in models.create("yolox-micro", 3, width=0.0625, depth=0.0, prior=0.02).head:
        for layer in (level.class_logits, level.objectness):
            np.testing.assert_allclose(tf.sigmoid(layer.bias), np.full(layer.bias.shape, 0.02), rtol=1e-5)


def test_a_box_scores_objectness_times_class_probability(yolox):
    """Cell 9 is row 1, column 1 of the first level: offsets of 0.5 put its centre at 12, log 2 makes sides of 16."""
    outputs = outputs_of(objectness=np.full((1, CELLS), -20), class_logits=np.full((1, CELLS, 3), -20))
    row = tf.one_hot(9, CELLS)
    outputs["offsets"] += row[None, :, None] * [0.5, 0.5, math.log(2), math.log(2)]
    outputs["objectness"] += row[None] * (20 + math.log(4))  # probability 0.8
    outputs["class_logits"] += row[None, :, None] * [0.0, 20 + math.log(9), 0.0]  # probability 0.9
    found = yolox.decode(outputs)
    np.testing.assert_allclose(found.boxes[0, 0], [4, 4, 20, 20], rtol=1e-5)
    np.testing.assert_allclose(found.scores[0, :2], [0.72, 0], rtol=1e-5)
    np.testing.assert_array_equal(found.labels[0, :2], [1, -1])


def test_boxes_are_cut_to_the_image(yolox):
    outputs = outputs_of(offsets=np.full((1, CELLS, 4), 3.0))
    boxes = yolox.decode(outputs).boxes
    assert float(tf.reduce_min(boxes)) >= 0
    assert float(tf.reduce_max(boxes)) <= SIDE


def test_decoding_takes_other_thresholds(yolox):
    scores = yolox.decode(random_outputs(), confidence=tf.constant(0.4)).scores.numpy()
    assert scores.max() > 0.4
    assert not np.any((scores > 0) & (scores <= 0.4))

    outputs = outputs_of(class_logits=np.full((1, CELLS, 3), [9, -9, -9]))  # a box of one class in every cell
    strict, loose = (yolox.decode(outputs, iou=iou).labels.numpy() for iou in (0.1, 0.9))
    assert np.sum(strict >= 0) < np.sum(loose >= 0) == CELLS


def test_the_loss_is_the_plain_loop(yolox):
    """Compute box, objectness, class and L1 loss from the assignment, cell by cell."""
    outputs, truth = random_outputs(), targets([[4, 4, 28, 30], [34, 30, 62, 62]], [2, 0])
    corners, strides = points(SIDE, SIDE, STRIDES, offset=0.0)
    boxes = decode_yolox(outputs["offsets"], corners, strides)
    assigned = sim_ota(
        boxes, outputs["class_logits"], outputs["objectness"], *points(SIDE, SIDE, STRIDES), *truth.truth
    )
    expected = {"box": 0.0, "objectness": 0.0, "class": 0.0, "l1": 0.0}
    for cell in range(CELLS):
        positive = bool(assigned.foreground[0, cell])
        expected["objectness"] += cross_entropy(float(outputs["objectness"][0, cell]), float(positive))
        if not positive:
            continue
        index, overlap = int(assigned.indices[0, cell]), float(assigned.ious[0, cell])
        expected["box"] += 5 * (1 - overlap**2)
        for label, logit in enumerate(outputs["class_logits"][0, cell].numpy()):
            expected["class"] += cross_entropy(logit, overlap * (label == int(truth.labels[0, index])))
        x1, y1, x2, y2 = truth.boxes[0, index].numpy()
        (x, y), stride = corners[cell], strides[cell]
        wanted = [((x1 + x2) / 2 - x) / stride, ((y1 + y2) / 2 - y) / stride]
        wanted += [math.log((x2 - x1) / stride), math.log((y2 - y1) / stride)]
        expected["l1"] += np.abs(outputs["offsets"][0, cell].numpy() - wanted).sum()
    count = int(tf.reduce_sum(tf.cast(assigned.foreground, tf.int32)))
    assert count >= 2
    losses = yolox.loss(outputs, truth, closing=1.0)
    for name, value in expected.items():
        np.testing.assert_allclose(losses[name], value / count, rtol=1e-4, err_msg=name)


def cross_entropy(logit: float, target: float) -> float:
    probability = 1 / (1 + math.exp(-logit))
    return -target * math.log(probability) - (1 - target) * math.log(1 - probability)


def test_l1_counts_only_in_the_closing_phase_of_a_training_run(yolox):
    outputs, truth = random_outputs(), targets([[8, 8, 40, 40]], [1])
    before, closing, by_default = (yolox.loss(outputs, truth, *phase) for phase in ([0.0], [1.0], []))
    assert float(before["l1"]) == float(by_default["l1"]) == 0
    assert float(closing["l1"]) > 0
    for name in ("box", "objectness", "class"):
        assert float(before[name]) == float(closing[name])


def test_without_boxes_only_objectness_is_left(yolox):
    losses = yolox.loss(outputs_of(), targets([[0, 0, 0, 0]], [-1]))
    assert float(losses["box"]) == float(losses["class"]) == 0
    np.testing.assert_allclose(losses["objectness"], CELLS * math.log(2), rtol=1e-5)


def test_cells_in_an_ignored_region_learn_nothing(yolox):
    """The centre of cell 0, (4, 4), is inside the region; that of cell 63, (60, 60), is outside."""
    objectness = tf.Variable(tf.zeros([1, CELLS]))
    truth = targets([[0, 0, 30, 30], [32, 32, 50, 50]], [0, 1], [True, False])
    with tf.GradientTape() as tape:
        total = tf.add_n(list(yolox.loss({**outputs_of(), "objectness": objectness}, truth).values()))
    gradient = tape.gradient(total, objectness)
    assert float(gradient[0, 0]) == 0
    assert float(gradient[0, 63]) > 0


@pytest.mark.parametrize("separable", [False, True])
def test_sides_stay_known_where_the_batch_is_open(separable):
    """Prediction traces the network with an open batch; strided depthwise convolutions need the sides."""
    model = YOLOX(Config(width=0.0625, depth=0.0, separable=separable), classes=3)
    signature = [tf.TensorSpec([None, SIDE, SIDE, 3], tf.uint8)]
    network = tf.function(lambda images: model.backbone(images), input_signature=signature)
    outputs = network.get_concrete_function().structured_outputs
    assert [level.shape.as_list()[1:3] for level in outputs] == [[8, 8], [4, 4], [2, 2]]
