"""The numbers that single operations are given, the same for all sides. NumPy only."""

from collections.abc import Iterator

import numpy as np

IMAGES, OBJECTS, CLASSES, SIDE = 8, 100, 80, 640
ANCHORS = 76_725  # of RetinaNet at 640 pixels
POINTS = 8_400  # of YOLOX at 640 pixels
ROIS, CHANNELS = 1_000, 256  # regions an image, channels of the pyramid
PYRAMID_STRIDES, PYRAMID_SIDE = (4, 8, 16, 32), 512
CONFIDENCE, OVERLAP, CANDIDATES, KEPT = 0.01, 0.65, 1_000, 100  # of suppression


def made_by(call: str) -> list[np.ndarray]:
    """What a function of this file returns, in one list; `call` is its name, and its numbers after it."""
    name, *numbers = call.split()
    return list(_flat(globals()[name](*map(int, numbers))))


def part(values: np.ndarray, most: int = 100_000) -> np.ndarray:
    """Numbers from all over an array, in one row, at most so many and a few."""
    return values.reshape(-1)[:: max(values.size // most, 1)]


def matching_operands() -> tuple[np.ndarray, np.ndarray]:
    """Anchors float32 [A, 4] and true boxes [B, N, 4]."""
    random = np.random.default_rng(0)
    strides = np.repeat([8, 16, 32, 64, 128], [57_600, 14_400, 3_600, 900, 225])  # nine anchors a cell
    sides = strides[:, None] * random.uniform(3, 7, (ANCHORS, 2))
    corners = random.uniform(0, SIDE, (ANCHORS, 2)) - sides / 2
    anchors = np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
    return anchors, random_boxes(random, (IMAGES, OBJECTS))


def sim_ota_operands() -> tuple[np.ndarray, ...]:
    """Predicted boxes [B, A, 4], class logits [B, A, K], objectness logits [B, A], points [A, 2], strides [A], true
    boxes [B, N, 4] and labels int32 [B, N].
    """
    random = np.random.default_rng(0)
    points, strides = [], []
    for stride in (8, 16, 32):
        steps = (np.arange(SIDE // stride) + 0.5) * stride
        points.append(np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2))
        strides.append(np.full(len(points[-1]), stride))
    centres, reach = np.concatenate(points), np.concatenate(strides)[:, None]
    sides = reach * random.lognormal(1, 0.7, (IMAGES, POINTS, 2))
    middles = centres + reach * random.normal(0, 0.5, (IMAGES, POINTS, 2))
    predicted = np.concatenate([middles - sides / 2, middles + sides / 2], axis=-1)
    classes, objectness = random.normal(-3, 2, (IMAGES, POINTS, CLASSES)), random.normal(-3, 2, (IMAGES, POINTS))
    boxes, labels = random_boxes(random, (IMAGES, OBJECTS)), random.integers(0, CLASSES, (IMAGES, OBJECTS), np.int32)
    floats = (predicted, classes, objectness, centres, reach[:, 0], boxes)
    return (*(values.astype(np.float32) for values in floats), labels)


def focal_operands() -> tuple[np.ndarray, np.ndarray]:
    """Logits float32 [B, A, K] and labels int32 [B, A], -1 for background, one anchor in a hundred positive."""
    random = np.random.default_rng(0)
    logits = random.normal(-4, 1, (IMAGES, ANCHORS, CLASSES)).astype(np.float32)
    labels = random.integers(0, CLASSES, (IMAGES, ANCHORS), np.int32)
    return logits, np.where(random.random(labels.shape) < 0.01, labels, np.int32(-1))


def boxes_and_scores(images: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes float32 [B, A, 4] that crowd around fifty objects an image, and scores [B, A, K] that favour one class."""
    random = np.random.default_rng(0)
    objects = random_boxes(random, (images, 50))
    owner = random.integers(0, 50, (images, count))
    boxes = np.take_along_axis(objects, owner[..., None], axis=1) + random.normal(0, 6, (images, count, 4))
    boxes[..., 2:] = np.maximum(boxes[..., 2:], boxes[..., :2] + 1)  # the noise may have turned small ones inside out
    logits = random.normal(-7, 1, (images, count, CLASSES))
    rows, columns = np.indices(owner.shape)
    logits[rows, columns, owner % CLASSES] += random.uniform(0, 8, owner.shape)
    return boxes.astype(np.float32), (1 / (1 + np.exp(-logits))).astype(np.float32)


def pyramid_operands() -> tuple[list[np.ndarray], np.ndarray]:
    """Levels float32 [B, h, w, C], finest first, and boxes [B, R, 4]."""
    random = np.random.default_rng(0)
    sides = [PYRAMID_SIDE // stride for stride in PYRAMID_STRIDES]
    levels = [random.normal(size=(IMAGES, side, side, CHANNELS)).astype(np.float32) for side in sides]
    return levels, random_boxes(random, (IMAGES, ROIS), PYRAMID_SIDE)


def random_boxes(random: np.random.Generator, shape: tuple[int, ...], side: int = SIDE) -> np.ndarray:
    """Boxes float32 [..., 4] within a square, mostly small, as in COCO."""
    sides = np.minimum(random.lognormal(np.log(side / 10), 0.8, (*shape, 2)), 0.9 * side)
    corners = random.random((*shape, 2)) * (side - sides)
    return np.concatenate([corners, corners + sides], axis=-1).astype(np.float32)


def _flat(values: np.ndarray | tuple | list) -> Iterator[np.ndarray]:
    if isinstance(values, np.ndarray):
        yield values
    else:
        for value in values:
            yield from _flat(value)
