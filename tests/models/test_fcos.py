"""FCOS: losses and boxes worked by hand and compared with torchvision's; for the network see `tests/weights`."""

import numpy as np
import pytest
import tensorflow as tf
from written_targets import sizes, truth

from detect import models
from detect.models.fcos import FCOS, STRIDES, Config, Head
from detect.ops.anchors import anchor_boxes
from detect.ops.atss import assign_atss

SIDE = 64  # pixels: levels of 64, 16, 4, 1 and 1 cells
CELLS = (64, 16, 4, 1, 1)
POINTS = sum(CELLS)
LN2 = np.log(2)


@pytest.fixture(scope="module")
def detector() -> FCOS:
    return with_settings()


def with_settings(**settings) -> FCOS:
    """A detector without weights, which loss and decoding do not need."""
    return FCOS(Config(depth=18, **settings), classes=3)


def raw(logits=0.0, distances=1.0, centreness=0.0, batch=1) -> dict:
    """Return outputs, the same for every point unless arrays are given."""
    shapes = {"logits": (logits, [3]), "distances": (distances, [4]), "centreness": (centreness, [])}
    outputs = {
        name: tf.constant(np.array(np.broadcast_to(np.float32(value), [batch, POINTS, *rest])))
        for name, (value, rest) in shapes.items()
    }
    return {**outputs, **sizes(SIDE, SIDE)}


def random_outputs(seed: int, batch: int = 1) -> dict:
    random = np.random.RandomState(seed)
    logits = random.standard_normal([batch, POINTS, 3]) - 2
    distances = np.abs(random.standard_normal([batch, POINTS, 4])) * 2
    return raw(logits, distances, random.standard_normal([batch, POINTS, 1])[..., 0], batch)


def test_channels_of_the_head_are_its_numbers():
    head = Head(classes=3, prior=0.01, filters=32)
    head(np.zeros([1, 2, 1, 32], np.float32))
    head.class_logits.bias.assign(np.arange(3))
    head.distances.bias.assign([-2, 1, 2, 3])
    head.centreness.bias.assign([7])
    logits, distances, centreness = head(np.zeros([1, 2, 1, 32], np.float32))
    np.testing.assert_array_equal(logits, [[[0, 1, 2]] * 2])
    np.testing.assert_array_equal(distances, [[[0, 1, 2, 3]] * 2])  # never negative
    np.testing.assert_array_equal(centreness, [[7] * 2])


def test_an_untrained_head_gives_every_class_its_prior_and_boxes_of_two_strides():
    head = Head(classes=3, prior=0.01, filters=32)
    logits, distances, _ = head(np.zeros([1, 1, 1, 32], np.float32))
    np.testing.assert_allclose(tf.sigmoid(logits), np.full([1, 1, 3], 0.01), rtol=1e-5)
    np.testing.assert_array_equal(distances, np.ones([1, 1, 4]))


@pytest.mark.parametrize("graph", [False, True])
def test_losses_are_torchvisions(graph):
    """Losses recorded of `FCOS.compute_loss` of torchvision 0.28.0, whose points are the corners of cells."""
    detector, outputs = with_settings(offset=0.0, spread=True), random_outputs(2)
    targets = truth([([4, 6, 40, 30], 2, False), ([20, 25, 60, 62], 0, False), ([1, 50, 9, 59], 1, False)])

    def loss(logits, distances, centreness):
        parts = {"logits": logits, "distances": distances, "centreness": centreness, **sizes(SIDE, SIDE)}
        return detector.loss(parts, targets)

    losses = (tf.function(loss, autograph=False) if graph else loss)(*list(outputs.values())[:3])
    assert float(losses["class"]) == pytest.approx(0.7154813408851624, rel=1e-5)
    assert float(losses["box"]) == pytest.approx(0.8380035758018494, rel=1e-5)
    assert float(losses["centreness"]) == pytest.approx(0.8802006244659424, rel=1e-5)


def slow_points() -> list[tuple[float, float, float, float, float]]:
    """Return x, y, stride, and least and largest distance of all points."""
    found = []
    for level, stride in enumerate(STRIDES):
        least, most = (0 if level == 0 else 4 * stride), (np.inf if level == 4 else 8 * stride)
        centres = [(cell + 0.5) * stride for cell in range(-(-SIDE // stride))]
        found += [(x, y, stride, least, most) for y in centres for x in centres]
    return found


def assign(point, boxes) -> int:
    """Return a position in `boxes`, -1 for background, -2 for neither (paper, sections 3.1 and 3.2)."""
    x, y, stride, least, most = point
    best, smallest, ignored = -1, np.inf, False
    for row, ((x1, y1, x2, y2), _, ignore) in enumerate(boxes):
        distances = (x - x1, y - y1, x2 - x, y2 - y)
        near = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2)) < 1.5 * stride
        if min(distances) <= 0:
            continue
        ignored |= ignore
        area = (x2 - x1) * (y2 - y1)
        if not ignore and near and least <= max(distances) <= most and area < smallest:
            best, smallest = row, area
    return -2 if best == -1 and ignored else best


def slow_giou(a, b) -> float:
    overlap = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap
    enclosing = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return overlap / union - (enclosing - union) / enclosing


def slow_losses(outputs, images) -> tuple[float, float, float]:
    """Return class, box and centre-ness loss of a batch, point by point."""
    logits, distances, centres = (value.numpy().astype(float) for value in list(outputs.values())[:3])
    sums, positives = np.zeros(3), 0
    for image, boxes in enumerate(images):
        for position, point in enumerate(slow_points()):
            found = assign(point, boxes)
            if found == -2:
                continue
            for label, logit in enumerate(logits[image, position]):
                yes = 1 / (1 + np.exp(-logit))
                right = found >= 0 and boxes[found][1] == label
                sums[0] -= 0.25 * (1 - yes) ** 2 * np.log(yes) if right else 0.75 * yes**2 * np.log(1 - yes)
            if found >= 0:
                positives += 1
                x, y, stride, _, _ = point
                (x1, y1, x2, y2), (left, top, right, bottom) = boxes[found][0], distances[image, position] * stride
                sums[1] += 1 - slow_giou((x - left, y - top, x + right, y + bottom), (x1, y1, x2, y2))
                across, down = sorted((x - x1, x2 - x)), sorted((y - y1, y2 - y))
                target = np.sqrt(across[0] / across[1] * down[0] / down[1])
                yes = 1 / (1 + np.exp(-centres[image, position]))
                sums[2] -= target * np.log(yes) + (1 - target) * np.log(1 - yes)
    return tuple(sums / max(positives, 1))


def test_losses_are_those_of_plain_loops(detector):
    """Two images with different numbers of boxes are divided by the positives of the batch. One box is ignored."""
    images = [
        [([4, 6, 40, 30], 2, False), ([20, 25, 60, 62], 0, True), ([1, 45, 14, 60], 1, False)],
        [([10, 10, 50, 50], 1, False), ([22, 20, 36, 41], 0, False)],
    ]
    outputs = random_outputs(0, batch=2)
    losses = detector.loss(outputs, truth(*images))
    expected = slow_losses(outputs, images)
    assert tuple(map(float, losses.values())) == pytest.approx(expected, rel=1e-5)
    assert min(expected) > 0


def test_without_boxes_everything_is_background(detector):
    losses = detector.loss(raw(), truth([]))
    assert float(losses["class"]) == pytest.approx(POINTS * 3 * 0.75 * 0.25 * LN2, rel=1e-5)  # divided by 1
    assert float(losses["box"]) == float(losses["centreness"]) == 0


def test_atss_sees_squares_of_eight_strides():
    """The assignment has a test of its own; here all classes score 1/2."""
    targets = truth([([4, 6, 40, 30], 2, False), ([20, 25, 60, 62], 0, False)])
    losses = with_settings(assignment="atss").loss(raw(), targets)
    squares = anchor_boxes(
        SIDE, SIDE, STRIDES, tuple((8.0 * stride,) for stride in STRIDES), (1.0,), offset=0.5, rounded=False
    )
    np.testing.assert_array_equal(squares[0], [4 - 32, 4 - 32, 4 + 32, 4 + 32])
    positives = np.sum(assign_atss(squares, CELLS, *targets.truth).indices.numpy() >= 0)
    assert positives > 1
    focal = 0.25 * LN2 * (0.25 * positives + 0.75 * (2 * positives + 3 * (POINTS - positives))) / positives
    assert float(losses["class"]) == pytest.approx(focal, rel=1e-5)


def test_boxes_are_torchvisions():
    """The five best boxes recorded of torchvision 0.28.0's `FCOS.postprocess_detections` for the raw values above."""
    found = with_settings(offset=0.0, spread=True).decode(random_outputs(2))
    expected = [
        [0.0, 40.06753921508789, 2.6234052181243896, 53.945953369140625],
        [0.0, 31.30341911315918, 20.96432876586914, 61.81494140625],
        [11.553417205810547, 28.177595138549805, 42.20477294921875, 42.64445495605469],
        [0.0, 40.06753921508789, 2.6234052181243896, 53.945953369140625],
        [13.23086166381836, 1.6744575500488281, 29.933452606201172, 17.484909057617188],
    ]
    scores = [0.7059277296066284, 0.6146218180656433, 0.5863779783248901, 0.5343730449676514, 0.5283194184303284]
    np.testing.assert_allclose(found.boxes[0, :5], expected, atol=1e-3)
    np.testing.assert_allclose(found.scores[0, :5], scores, atol=1e-5)
    np.testing.assert_array_equal(found.labels[0, :5], [0, 0, 2, 2, 1])


def test_one_sure_point_becomes_one_box(detector):
    """Row 2, column 3 of the first level is at (28, 20); distances are in strides of 8 pixels."""
    logits, distances = np.full([1, POINTS, 3], -20.0), np.zeros([1, POINTS, 4])
    logits[0, 2 * 8 + 3, 1] = np.log(4)  # a class score of 0.8, a centre-ness of 0.5
    distances[0, 2 * 8 + 3] = [1, 2, 3, 9]
    found = detector.decode(raw(logits, distances))
    np.testing.assert_allclose(found.boxes[0, 0], [20, 4, 52, 64], atol=1e-4)  # clipped at 64
    assert float(found.scores[0, 0]) == pytest.approx(np.sqrt(0.8 * 0.5))
    np.testing.assert_array_equal(found.labels[0, :2], [1, -1])


def test_candidates_are_counted_level_by_level():
    """With one candidate per level and without suppression there is one detection per level."""
    found = with_settings(candidates=1, iou=1.0).decode(raw(np.arange(POINTS)[:, None] / POINTS))
    assert int(tf.reduce_sum(tf.cast(found.labels >= 0, tf.int32))) == 5


@pytest.mark.parametrize("row", ["r18", "r34", "r50", "r101"])
def test_parts_can_be_frozen_by_the_names_of_the_recipe(row):
    variant = models.variant(f"fcos-{row}")
    detector = FCOS(variant.config, classes=1)
    for path in variant.recipe["freeze"]:
        layer = detector
        for name in path.split("."):
            layer = getattr(layer, name)
        assert layer.trainable
