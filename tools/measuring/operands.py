"""The operands of single operations, the same for all sides. Imports only NumPy."""

import math
from collections.abc import Iterator

import numpy as np

IMAGES, OBJECTS, CLASSES, SIDE = 8, 100, 80, 640
REAL = 8  # of the true boxes of an image in a training step
ANCHORS = 76_725  # of RetinaNet at 640 pixels
POINTS = 8_400  # of YOLOX at 640 pixels
ROIS, CHANNELS = 1_000, 256  # regions per image, channels of the pyramid
PYRAMID_STRIDES, PYRAMID_SIDE = (4, 8, 16, 32), 512
CONFIDENCE, OVERLAP, CANDIDATES, KEPT = 0.01, 0.65, 1_000, 100  # of suppression


def made_by(call: str) -> list[np.ndarray]:
    """Return the arrays that a function of this file returns; `call` is its name, followed by its arguments."""
    name, *numbers = call.split()
    return list(_flat(globals()[name](*map(int, numbers))))


def part(values: np.ndarray, most: int = 100_000) -> np.ndarray:
    """Return about `most` numbers, evenly spread over the array, as one row."""
    return values.reshape(-1)[:: max(values.size // most, 1)]


def matching_operands() -> tuple[np.ndarray, np.ndarray]:
    """Return anchors float32 [A, 4] and true boxes [B, N, 4]."""
    random = np.random.default_rng(0)
    strides = np.repeat([8, 16, 32, 64, 128], [57_600, 14_400, 3_600, 900, 225])  # nine anchors per cell
    sides = strides[:, None] * random.uniform(3, 7, (ANCHORS, 2))
    corners = random.uniform(0, SIDE, (ANCHORS, 2)) - sides / 2
    anchors = np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
    return anchors, random_boxes(random, (IMAGES, OBJECTS))


def sim_ota_operands() -> tuple[np.ndarray, ...]:
    """Return predicted boxes [B, A, 4], class logits [B, A, K], objectness logits [B, A], points [A, 2], strides [A],
    true boxes [B, N, 4] and labels int32 [B, N].
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
    """Return logits float32 [B, A, K] and labels int32 [B, A], -1 for background; one anchor in 100 is positive."""
    random = np.random.default_rng(0)
    logits = random.normal(-4, 1, (IMAGES, ANCHORS, CLASSES)).astype(np.float32)
    labels = random.integers(0, CLASSES, (IMAGES, ANCHORS), np.int32)
    return logits, np.where(random.random(labels.shape) < 0.01, labels, np.int32(-1))


def boxes_and_scores(images: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes float32 [B, A, 4] around fifty objects per image, and scores [B, A, K] that favour one class."""
    random = np.random.default_rng(0)
    objects = random_boxes(random, (images, 50))
    owner = random.integers(0, 50, (images, count))
    boxes = np.take_along_axis(objects, owner[..., None], axis=1) + random.normal(0, 6, (images, count, 4))
    boxes[..., 2:] = np.maximum(boxes[..., 2:], boxes[..., :2] + 1)  # noise may have swapped the corners
    logits = random.normal(-7, 1, (images, count, CLASSES))
    rows, columns = np.indices(owner.shape)
    logits[rows, columns, owner % CLASSES] += random.uniform(0, 8, owner.shape)
    return boxes.astype(np.float32), (1 / (1 + np.exp(-logits))).astype(np.float32)


def pyramid_operands() -> tuple[list[np.ndarray], np.ndarray]:
    """Return levels float32 [B, h, w, C], finest first, and boxes [B, R, 4]."""
    random = np.random.default_rng(0)
    sides = [PYRAMID_SIDE // stride for stride in PYRAMID_STRIDES]
    levels = [random.normal(size=(IMAGES, side, side, CHANNELS)).astype(np.float32) for side in sides]
    return levels, random_boxes(random, (IMAGES, ROIS), PYRAMID_SIDE)


def training_batch(count: int, side: int) -> tuple[np.ndarray, ...]:
    """Return images uint8 [B, S, S, 3], noise in squares of 32 pixels, with true boxes [B, N, 4] and labels [B, N].

    Eight boxes of each image are real, and the other rows are padding, as most are in a run.
    """
    random = np.random.default_rng(0)
    squares = random.integers(0, 256, (count, side // 32, side // 32, 3), np.uint8)
    boxes = random_boxes(random, (count, OBJECTS), side)
    labels = random.integers(0, CLASSES, (count, OBJECTS), np.int32)
    labels[:, REAL:] = -1
    return squares.repeat(32, axis=1).repeat(32, axis=2), boxes, labels


def is_drawn(shape: tuple[int, ...]) -> bool:
    """Return whether `weights` stands for the kernels of this shape."""
    return len(shape) > 1 and math.prod(shape) >= 10_000


def weights(*shape: int) -> np.ndarray:
    """Return kernels float32, the last axis of which are the outputs. They depend on the shape alone."""
    deviation = math.sqrt(2 / math.prod(shape[:-1]))
    return np.random.default_rng(shape).normal(0, deviation, shape).astype(np.float32)


def random_boxes(random: np.random.Generator, shape: tuple[int, ...], side: int = SIDE) -> np.ndarray:
    """Return boxes float32 [..., 4] within a square, most of them small, as in COCO."""
    sides = np.minimum(random.lognormal(np.log(side / 10), 0.8, (*shape, 2)), 0.9 * side)
    corners = random.random((*shape, 2)) * (side - sides)
    return np.concatenate([corners, corners + sides], axis=-1).astype(np.float32)


def _flat(values: np.ndarray | tuple | list) -> Iterator[np.ndarray]:
    if isinstance(values, np.ndarray):
        yield values
    else:
        for value in values:
            yield from _flat(value)
