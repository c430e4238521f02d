"""Faster R-CNN: losses compared with plain loops, boxes by hand, samples that a resumed run repeats."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from written_targets import sizes, truth

from detect import models
from detect.models.detector import losses_and_gradients
from detect.models.fasterrcnn import RATIOS, RESNET_SIZES, RESNET_STRIDES, Config, FasterRCNN
from detect.ops.anchors import anchor_boxes
from detect.ops.proposals import Regions

SIDE = 64  # pixels: 3 anchors in each of 256, 64, 16, 4 and 1 cells
ANCHORS = 3 * (256 + 64 + 16 + 4 + 1)
REGIONS = 12
SMALL = {"filters": 8, "hidden": (8, 8), "proposals": 40, "proposals_in_training": 60, "region_samples": 16}


@pytest.fixture(scope="module")
def detector() -> FasterRCNN:
    """A detector without weights, which loss and decoding do not need. All anchors fit into a sample."""
    return FasterRCNN(Config(anchor_samples=2 * ANCHORS), classes=3)


IMAGES = [
    [([4, 6, 40, 30], 2, False), ([20, 25, 60, 62], 0, True), ([1, 50, 9, 59], 1, False)],
    [([10, 10, 50, 50], 1, False)],
]


def raw(seed=0) -> dict:
    """Draw outputs for two images. Some regions are near true boxes, some are padding."""
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 40, [2, REGIONS, 2])
    boxes = np.concatenate([corner, corner + random.uniform(5, 24, [2, REGIONS, 2])], axis=2)
    for image, truths in enumerate(IMAGES):
        near = [box for box, _, _ in truths]
        boxes[image, : 3 * len(near)] = np.repeat(near, 3, axis=0) + random.normal(0, 1.5, [3 * len(near), 4])
    valid = np.arange(REGIONS) < np.array([[REGIONS], [REGIONS - 3]])
    outputs = {
        "objectness": random.normal(0, 2, [2, ANCHORS]),
        "anchor_deltas": random.normal(0, 0.2, [2, ANCHORS, 4]),
        "logits": random.normal(0, 2, [2, REGIONS, 4]),
        "deltas": random.normal(0, 1, [2, REGIONS, 3, 4]),
    }
    regions = Regions(tf.constant(boxes, tf.float32), tf.constant(valid))
    tensors = {name: tf.constant(values, tf.float32) for name, values in outputs.items()}
    return {**tensors, "regions": regions, "seed": tf.constant([0, 0]), **sizes(SIDE, SIDE)}


def common(a, b) -> float:
    """Return the intersection of two boxes, square pixels."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def area(box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def iou(a, b) -> float:
    return common(a, b) / (area(a) + area(b) - common(a, b))


def match(boxes, image, foreground, background, low_quality) -> list:
    """Return, for each box, a (true box, label), "background", or None for neither."""
    true = [(box, label) for box, label, ignore in image if not ignore]
    tops = [max(iou(box, other) for other in boxes) for box, _ in true]
    found = []
    for box in boxes:
        ious = [iou(box, other) for other, _ in true]
        best = int(np.argmax(ious))
        leads = low_quality and any(value == top for value, top in zip(ious, tops, strict=True))
        ignored = any(common(box, other) > area(box) / 2 for other, _, ignore in image if ignore)
        if ious[best] >= foreground or leads:
            found.append(true[best])
        else:
            found.append(None if ious[best] >= background or ignored else "background")
    return found


def box_loss(deltas, box, true, weights) -> float:
    """Return the smooth L1 loss with beta 1/9."""
    loss = 0.0
    for axis in (0, 1):
        side, length = box[axis + 2] - box[axis], true[axis + 2] - true[axis]
        shift = (true[axis + 2] + true[axis] - box[axis + 2] - box[axis]) / 2 / side
        for position, target in ((axis, shift), (axis + 2, np.log(length / side))):
            error = abs(deltas[position] - weights[position] * target)
            loss += 4.5 * error**2 if error < 1 / 9 else error - 1 / 18
    return loss


def slow_losses(outputs, images) -> dict[str, float]:
    """Return the losses, anchor by anchor and region by region; all anchors are in the sample."""
    outputs = {name: value.numpy().astype(float) for name, value in outputs.items() if isinstance(value, tf.Tensor)} | {
        "regions": outputs["regions"].boxes.numpy().astype(float),
        "valid": outputs["regions"].valid.numpy(),
    }
    anchors = anchor_boxes(SIDE, SIDE, RESNET_STRIDES, RESNET_SIZES, RATIOS).astype(float)
    losses = dict.fromkeys(("objectness", "proposal", "class", "box"), 0.0)
    for row, image in enumerate(images):
        for position, found in enumerate(match(anchors, image, 0.7, 0.3, True)):
            if found is None:
                continue
            positive = found != "background"
            logit = outputs["objectness"][row, position]
            losses["objectness"] += np.log1p(np.exp(-logit if positive else logit))
            if positive:
                deltas = outputs["anchor_deltas"][row, position]
                losses["proposal"] += box_loss(deltas, anchors[position], found[0], (1, 1, 1, 1))
        for position, found in enumerate(match(outputs["regions"][row], image, 0.5, 0.5, False)):
            if found is None or not outputs["valid"][row, position]:
                continue
            label = 3 if found == "background" else found[1]
            logits = outputs["logits"][row, position]
            losses["class"] += np.log(np.sum(np.exp(logits))) - logits[label]
            if label < 3:
                deltas = outputs["deltas"][row, position, label]
                losses["box"] += box_loss(deltas, outputs["regions"][row, position], found[0], (10, 10, 5, 5))
    sizes = {"objectness": 2 * ANCHORS, "proposal": 2 * ANCHORS, "class": REGIONS, "box": REGIONS}
    return {name: loss / len(images) / sizes[name] for name, loss in losses.items()}


@pytest.mark.parametrize("seed", range(5))
def test_losses_are_those_of_plain_loops(detector, seed):
    """The losses of both stages are divided by the sizes of their samples. One box of the first image is ignored."""
    outputs = raw(seed)
    losses = detector.loss(outputs, truth(*IMAGES))
    expected = slow_losses(outputs, IMAGES)
    assert expected["box"] > 0
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(expected, rel=1e-4)


def test_a_sample_of_anchors_enters_the_loss():
    """Of 16 anchors up to 8 are positive; a logit of 0 costs log(2) for either answer, the others cost nothing."""
    detector = FasterRCNN(Config(anchor_samples=16), classes=3)
    outputs = {**raw(), "objectness": tf.zeros([2, ANCHORS])}
    assert float(detector.loss(outputs, truth(*IMAGES))["objectness"]) == pytest.approx(np.log(2))
    one, other = (
        detector.loss({**raw(), "seed": tf.constant(seed)}, truth(*IMAGES))["objectness"] for seed in ([0, 1], [0, 2])
    )
    assert float(one) != float(other)


def test_one_sure_region_becomes_one_box(detector):
    """The box is 8 pixels to the right and twice as wide: 0.25 and log(2) of a region of 32 pixels, times weights."""
    logits, deltas = np.full([1, 2, 4], -10.0), np.zeros([1, 2, 3, 4])
    logits[0, :, 2], logits[0, :, 3] = np.log(4), 0.0  # a score of 0.8 for class 2
    deltas[0, 0, 2] = [10 * 0.25, 0, 5 * np.log(2), 0]
    outputs = {
        "regions": Regions(tf.constant([[[16.0, 8, 48, 40], [50, 50, 60, 60]]]), tf.constant([[True, False]])),
        "logits": tf.constant(logits, tf.float32),
        "deltas": tf.constant(deltas, tf.float32),
        **sizes(SIDE, SIDE),
    }
    found = detector.decode(outputs)
    np.testing.assert_allclose(found.boxes[0, 0], [8, 8, 64, 40], atol=1e-4)
    assert float(found.scores[0, 0]) == pytest.approx(0.8, abs=1e-4)
    np.testing.assert_array_equal(found.labels[0, :2], [2, -1])  # the second region is padding
    assert np.all(detector.decode(outputs, confidence=tf.constant(0.81)).labels.numpy() == -1)


def test_boxes_outside_the_image_are_not_found(detector):
    logits = tf.constant([[[5.0, 0, 0, 0]]])
    deltas = tf.constant([[[[100.0, 0, 0, 0]] * 3]])  # ten widths to the right
    regions = Regions(tf.constant([[[16.0, 8, 48, 40]]]), tf.constant([[True]]))
    found = detector.decode({"regions": regions, "logits": logits, "deltas": deltas, **sizes(SIDE, SIDE)})
    assert np.all(found.labels.numpy() == -1)


@pytest.fixture(scope="module")
def small() -> FasterRCNN:
    keras.utils.set_random_seed(0)
    return models.create("fasterrcnn-r18", 3, **SMALL)


def pictures() -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).integers(0, 256, [2, SIDE, SIDE, 3]), tf.uint8)


def test_training_samples_regions_and_other_calls_do_not(small):
    targets = truth(*IMAGES)
    proposals = small(pictures(), targets=targets)["regions"]
    sample = small(pictures(), targets=targets, training=True)["regions"]
    assert (proposals.boxes.shape, sample.boxes.shape) == ((2, 40, 4), (2, 16, 4))
    assert [10, 10, 50, 50] in sample.boxes[1].numpy().tolist()


def test_a_resumed_run_draws_the_same_samples(small):
    """A checkpoint keeps `variables`, which include the seed."""

    @tf.function(autograph=False)
    def step():
        outputs = small(pictures(), targets=truth(*IMAGES), training=True)
        return outputs["seed"], outputs["regions"].boxes

    state = [variable.numpy() for variable in small.variables]
    first = [step() for _ in range(3)]
    for variable, value in zip(small.variables, state, strict=True):
        variable.assign(value)
    for (seed, boxes), (seed_again, boxes_again) in zip(first, [step() for _ in range(3)], strict=True):
        np.testing.assert_array_equal(seed, seed_again)
        np.testing.assert_array_equal(boxes, boxes_again)
    assert len({tuple(seed.numpy()) for seed, _ in first}) == 3


def test_two_replicas_train(two_replicas):
    """Each replica counts its seeds; its losses are shares of those of the whole batch."""
    with two_replicas.scope():
        detector = models.create("fasterrcnn-r18", 3, **SMALL)
    halves = two_replicas.experimental_distribute_values_from_function(
        lambda context: pictures()[context.replica_id_in_sync_group :][:1]
    )

    @tf.function(autograph=False)
    def step(images):
        losses, _ = two_replicas.run(lambda images: losses_and_gradients(detector, images, truth(IMAGES[1])), (images,))
        return {name: two_replicas.reduce("sum", loss, axis=None) for name, loss in losses.items()}

    losses = step(halves)
    assert float(losses["objectness"]) == pytest.approx(np.log(2), rel=0.1)  # of 256 anchors on each replica
    assert list(np.asarray(detector.seed.state.value)) == [0, 1]


@pytest.mark.parametrize("row", ["r18", "r50", "mobilenetv3"])
def test_parts_can_be_frozen_by_the_names_of_the_recipe(row):
    found = models.variant(f"fasterrcnn-{row}")
    detector = FasterRCNN(found.config, classes=1)
    assert found.recipe["freeze"]
    for path in found.recipe["freeze"]:
        layer = detector
        for name in path.split("."):
            layer = getattr(layer, name)
        assert layer.trainable
