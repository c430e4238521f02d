"""RetinaNet: losses and boxes worked by hand and compared with torchvision's; for the network see `tests/weights`."""

import numpy as np
import pytest
import tensorflow as tf
from written_targets import sizes, truth

from detect import models
from detect.models.retinanet import RATIOS, STRIDES, Config, Head, RetinaNet, anchor_sizes
from detect.ops.anchors import anchor_boxes
from detect.ops.atss import assign_atss

SIDE = 64  # pixels: 9 anchors in each of 64, 16, 4, 1 and 1 cells
ANCHORS = 9 * (64 + 16 + 4 + 1 + 1)
SIZES = anchor_sizes(STRIDES)
LN2 = np.log(2)


@pytest.fixture(scope="module")
def detector() -> RetinaNet:
    """A detector without weights, which loss and decoding do not need."""
    return with_settings()


def with_settings(**settings) -> RetinaNet:
    return RetinaNet(Config(depth=18, **settings), classes=3)


def raw(logits=0.0, deltas=0.0, batch=1) -> dict:
    """Return outputs, the same for every anchor unless arrays are given."""
    logits = np.array(np.broadcast_to(np.float32(logits), [batch, ANCHORS, 3]))
    deltas = np.array(np.broadcast_to(np.float32(deltas), [batch, ANCHORS, 4]))
    return {"logits": tf.constant(logits), "deltas": tf.constant(deltas), **sizes(SIDE, SIDE)}


def test_anchor_sizes_are_cut_to_whole_pixels():
    assert SIZES == ((32, 40, 50), (64, 80, 101), (128, 161, 203), (256, 322, 406), (512, 645, 812))


def test_channels_of_the_head_are_anchor_by_anchor():
    head = Head(classes=3, prior=0.01)
    head(np.zeros([1, 2, 1, 256], np.float32))
    head.class_logits.bias.assign(np.arange(27))
    head.box_deltas.bias.assign(np.arange(36))
    logits, deltas = head(np.zeros([1, 2, 1, 256], np.float32))
    np.testing.assert_array_equal(logits[0], np.tile(np.arange(27).reshape(9, 3), [2, 1]))
    np.testing.assert_array_equal(deltas[0], np.tile(np.arange(36).reshape(9, 4), [2, 1]))


def test_an_untrained_head_gives_every_class_its_prior():
    head = Head(classes=3, prior=0.01)
    logits, deltas = head(np.zeros([1, 1, 1, 256], np.float32))
    np.testing.assert_allclose(tf.sigmoid(logits), np.full([1, 9, 3], 0.01), rtol=1e-5)
    assert not np.any(deltas.numpy())


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize(("box_loss", "expected"), [("l1", 1.2691541910171509), ("giou", 0.7102324962615967)])
def test_losses_are_torchvisions(box_loss, expected, graph):
    """Losses recorded of `RetinaNet.compute_loss` of torchvision 0.28.0, whose version 2 has GIoU.

    For one image, both divide by the same number.
    """
    detector = with_settings(box_loss=box_loss)
    random = np.random.RandomState(2)
    outputs = raw(random.standard_normal([1, ANCHORS, 3]) - 2, random.standard_normal([1, ANCHORS, 4]) * 0.2)
    targets = truth([([4, 6, 40, 30], 2, False), ([20, 25, 60, 62], 0, False), ([1, 50, 9, 59], 1, False)])

    def loss(logits, deltas):
        return detector.loss({"logits": logits, "deltas": deltas, **sizes(SIDE, SIDE)}, targets)

    losses = (tf.function(loss, autograph=False) if graph else loss)(outputs["logits"], outputs["deltas"])
    assert float(losses["class"]) == pytest.approx(1.0462933778762817, rel=1e-5)
    assert float(losses["box"]) == pytest.approx(expected, rel=1e-5)


def overlap(a, b) -> float:
    """Return the intersection of two boxes, square pixels."""
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def iou(a, b) -> float:
    common = overlap(a, b)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def match(anchors, boxes) -> list[int]:
    """Return, for each anchor, a position in `boxes`, -1 for background, -2 for neither (paper, section 4)."""
    true = [(row, box) for row, (box, _, ignore) in enumerate(boxes) if not ignore]
    tops = [max(iou(anchor, box) for anchor in anchors) for _, box in true]
    matches = []
    for anchor in anchors:
        ious = [iou(anchor, box) for _, box in true]
        best = max(ious, default=0)
        leads = any(value == top for value, top in zip(ious, tops, strict=True))
        area = (anchor[2] - anchor[0]) * (anchor[3] - anchor[1])
        ignored = any(overlap(anchor, box) > area / 2 for box, _, ignore in boxes if ignore)
        if best >= 0.5 or leads:
            matches.append(true[ious.index(best)][0])
        else:
            matches.append(-2 if best >= 0.4 or ignored else -1)
    return matches


def slow_l1(anchor, deltas, box) -> float:
    """Return the L1 loss between four deltas and those from an anchor to a box."""
    loss = 0.0
    for axis in (0, 1):
        side, length = anchor[axis + 2] - anchor[axis], box[axis + 2] - box[axis]
        shift = (box[axis + 2] + box[axis] - anchor[axis + 2] - anchor[axis]) / 2 / side
        loss += abs(deltas[axis] - shift) + abs(deltas[axis + 2] - np.log(length / side))
    return loss


def slow_giou_loss(anchor, deltas, box) -> float:
    """Return 1 - GIoU of the box that deltas encode and another box."""
    found, enclosing = [0.0] * 4, 1.0
    for axis in (0, 1):
        side = anchor[axis + 2] - anchor[axis]
        centre = (anchor[axis + 2] + anchor[axis]) / 2 + deltas[axis] * side
        half = side * np.exp(deltas[axis + 2]) / 2
        found[axis], found[axis + 2] = centre - half, centre + half
        enclosing *= max(found[axis + 2], box[axis + 2]) - min(found[axis], box[axis])
    union = overlap(found, found) + overlap(box, box) - overlap(found, box)
    return 1 - overlap(found, box) / union + (enclosing - union) / enclosing


def slow_losses(logits, deltas, images, slow_box_loss) -> tuple[float, float]:
    """Return class and box loss of a batch, anchor by anchor."""
    anchors = anchor_boxes(SIDE, SIDE, STRIDES, SIZES, RATIOS).astype(np.float64)
    class_loss, box_loss, positives = 0.0, 0.0, 0
    for row, boxes in enumerate(images):
        for position, found in enumerate(match(anchors, boxes)):
            if found == -2:
                continue
            for label, logit in enumerate(logits[row, position]):
                yes = 1 / (1 + np.exp(-logit))
                if found >= 0 and boxes[found][1] == label:
                    class_loss -= 0.25 * (1 - yes) ** 2 * np.log(yes)
                else:
                    class_loss -= 0.75 * yes**2 * np.log(1 - yes)
            if found >= 0:
                positives += 1
                box_loss += slow_box_loss(anchors[position], deltas[row, position], boxes[found][0])
    return class_loss / max(positives, 1), box_loss / max(positives, 1)


@pytest.mark.parametrize(("box_loss", "slow_box_loss"), [("l1", slow_l1), ("giou", slow_giou_loss)])
def test_losses_are_those_of_plain_loops(box_loss, slow_box_loss):
    """Two images with different numbers of boxes are divided by the positives of the batch. One box is ignored."""
    images = [
        [([4, 6, 40, 30], 2, False), ([20, 25, 60, 62], 0, True), ([1, 50, 9, 59], 1, False)],
        [([10, 10, 50, 50], 1, False)],
    ]
    random = np.random.default_rng(0)
    outputs = raw(random.normal(-2, 1, [2, ANCHORS, 3]), random.normal(0, 0.2, [2, ANCHORS, 4]), batch=2)
    losses = with_settings(box_loss=box_loss).loss(outputs, truth(*images))
    logits, deltas = (outputs[name].numpy().astype(float) for name in ("logits", "deltas"))
    expected = slow_losses(logits, deltas, images, slow_box_loss)
    assert (float(losses["class"]), float(losses["box"])) == pytest.approx(expected, rel=1e-5)


def test_atss_considers_nine_cells_of_each_level():
    """The assignment has a test of its own; here all classes score 1/2 and all deltas are 0."""
    targets = truth([([4, 6, 40, 30], 2, False), ([20, 25, 60, 62], 0, False)])
    losses = with_settings(assignment="atss").loss(raw(), targets)
    anchors = anchor_boxes(SIDE, SIDE, STRIDES, SIZES, RATIOS)
    levels = tuple(9 * number for number in (64, 16, 4, 1, 1))
    (indices,) = assign_atss(anchors, levels, *targets.truth, candidates=81).indices.numpy()
    positives = np.flatnonzero(indices >= 0)
    assert len(positives) > 2
    negatives = ANCHORS - len(positives)
    focal = 0.25 * LN2 * (0.25 * len(positives) + 0.75 * (2 * len(positives) + 3 * negatives)) / len(positives)
    assert float(losses["class"]) == pytest.approx(focal, rel=1e-5)
    boxes = targets.boxes[0].numpy()
    shifts = [slow_l1(anchors[row], np.zeros(4), boxes[indices[row]]) for row in positives]
    assert float(losses["box"]) == pytest.approx(np.mean(shifts), rel=1e-5)


def test_an_ignored_region_of_the_whole_image_leaves_only_anchors_that_stick_out(detector):
    everything = [([0, 0, SIDE, SIDE], 0, True)]
    anchors = anchor_boxes(SIDE, SIDE, STRIDES, SIZES, RATIOS)
    areas = (anchors[:, 2] - anchors[:, 0]) * (anchors[:, 3] - anchors[:, 1])
    left = sum(overlap(anchor, [0, 0, SIDE, SIDE]) <= area / 2 for anchor, area in zip(anchors, areas, strict=True))
    losses = detector.loss(raw(), truth(everything))
    assert 0 < left < ANCHORS
    assert float(losses["class"]) == pytest.approx(left * 3 * 0.75 * 0.25 * LN2, rel=1e-5)


def test_without_boxes_everything_is_background(detector):
    losses = detector.loss(raw(), truth([]))
    assert float(losses["class"]) == pytest.approx(ANCHORS * 3 * 0.75 * 0.25 * LN2, rel=1e-5)  # divided by 1
    assert float(losses["box"]) == 0


def test_boxes_are_torchvisions(detector):
    """The five best boxes recorded of torchvision 0.28.0's `RetinaNet.postprocess_detections` for the values above."""
    random = np.random.RandomState(2)
    outputs = raw(random.standard_normal([1, ANCHORS, 3]) - 2, random.standard_normal([1, ANCHORS, 4]) * 0.2)
    found = detector.decode(outputs)
    expected = [
        [0.0, 0.0, 64.0, 21.534988403320312],
        [5.056255340576172, 7.1727447509765625, 64.0, 64.0],
        [0.0, 0.0, 10.080591201782227, 64.0],
        [19.743789672851562, 0.0, 53.2401123046875, 4.369935035705566],
        [1.1093997955322266, 0.0, 41.03961944580078, 64.0],
    ]
    scores = [0.8917452096939087, 0.81635981798172, 0.7876269221305847, 0.7824064493179321, 0.7670809030532837]
    np.testing.assert_allclose(found.boxes[0, :5], expected, atol=1e-3)
    np.testing.assert_allclose(found.scores[0, :5], scores, atol=1e-5)
    np.testing.assert_array_equal(found.labels[0, :5], [0, 0, 1, 0, 2])


def test_one_sure_anchor_becomes_one_box(detector):
    anchors = anchor_boxes(SIDE, SIDE, STRIDES, SIZES, RATIOS)
    position = next(row for row, anchor in enumerate(anchors) if list(anchor) == [16, 8, 48, 40])
    logits = np.full([1, ANCHORS, 3], -10.0)
    logits[0, position, 2] = np.log(4)  # a score of 0.8
    deltas = np.zeros([1, ANCHORS, 4])
    deltas[0, position] = [0.25, 0, np.log(2), 0]  # 8 pixels to the right, twice as wide: 8 to 72, clipped at 64
    found = detector.decode(raw(logits, deltas))
    np.testing.assert_allclose(found.boxes[0, 0], [8, 8, 64, 40], atol=1e-4)
    assert float(found.scores[0, 0]) == pytest.approx(0.8)
    np.testing.assert_array_equal(found.labels[0, :2], [2, -1])


def test_confidence_can_be_given_when_decoding(detector):
    outputs = raw(np.log(4))
    assert np.any(detector.decode(outputs, confidence=0.79).labels.numpy() >= 0)
    assert np.all(detector.decode(outputs, confidence=tf.constant(0.81)).labels.numpy() == -1)


def test_candidates_are_counted_level_by_level():
    """With one candidate per level and without suppression there is one detection per level."""
    found = with_settings(candidates=1, iou=1.0).decode(raw(np.arange(ANCHORS)[:, None] / ANCHORS))
    assert int(tf.reduce_sum(tf.cast(found.labels >= 0, tf.int32))) == 5


def test_version_two_has_a_normalised_head_and_takes_p6_from_c5():
    one, two = (models.create(f"retinanet-{row}", classes=3, depth=18) for row in ("r50", "r50v2"))
    assert [tower.normalizations for tower in (one.head.class_tower, one.head.box_tower)] == [[], []]
    assert [len(tower.normalizations) for tower in (two.head.class_tower, two.head.box_tower)] == [4, 4]
    assert not any(layer.use_bias for layer in two.head.class_tower.convolutions + two.head.box_tower.convolutions)
    assert (one.neck.coarse6.kernel.shape[2], two.neck.coarse6.kernel.shape[2]) == (256, 512)


@pytest.mark.parametrize("row", ["r18", "r34", "r50", "r50v2", "r101"])
def test_parts_can_be_frozen_by_the_names_of_the_recipe(row):
    variant = models.variant(f"retinanet-{row}")
    detector = RetinaNet(variant.config, classes=1)
    for path in variant.recipe["freeze"]:
        layer = detector
        for name in path.split("."):
            layer = getattr(layer, name)
        assert layer.trainable
