"""One affine warp from a picture onto a canvas, and the same warp for its boxes.

Coordinates are continuous: pixel i covers `i..i+1`, so its centre lies at `i + 0.5`, and a box scales with its picture
without any offset. A matrix is float64 [3, 3] and takes source points `(x, y, 1)` to canvas points; crop, scale, flip,
rotation, shear and placement are multiplied into one, so that every pixel is interpolated once.
"""

import math

import cv2
import numpy as np

from detect.structures import Example

GREY = 114  # what a canvas shows where no picture lies; YOLOX, yolox/data/data_augment.py
MIN_VISIBLE = 0.1  # a box that loses more than nine tenths of its area at the border is dropped
MIN_SIDE = 2.0  # and so is one with a side shorter than this, canvas pixels

Truth = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes float32 [n, 4], labels int32 [n], ignore bool [n]


def blank(height: int, width: int) -> np.ndarray:
    """An empty canvas, uint8 [height, width, 3]."""
    return np.full((height, width, 3), GREY, np.uint8)


def translation(x: float, y: float) -> np.ndarray:
    """The matrix that moves points by (x, y)."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scaling(x: float, y: float) -> np.ndarray:
    """The matrix that multiplies coordinates, about the origin."""
    return np.array([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]])


def flip(width: float, height: float, horizontal: bool, vertical: bool) -> np.ndarray:
    """The matrix that mirrors a picture of this size within its own frame."""
    x, y = (-1 if horizontal else 1), (-1 if vertical else 1)
    return np.array([[x, 0.0, width if horizontal else 0.0], [0.0, y, height if vertical else 0.0], [0.0, 0.0, 1.0]])


def rotation_and_shear(rotate_degrees: float, shear_x_degrees: float, shear_y_degrees: float) -> np.ndarray:
    """The matrix that first shears, then rotates clockwise as seen on the screen, about the origin."""
    sine, cosine = math.sin(math.radians(rotate_degrees)), math.cos(math.radians(rotate_degrees))
    rotation = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    shear = np.eye(3)
    shear[0, 1], shear[1, 0] = math.tan(math.radians(shear_x_degrees)), math.tan(math.radians(shear_y_degrees))
    return rotation @ shear


def paint_example(example: Example, matrix: np.ndarray, canvas: np.ndarray) -> Truth:
    """Paint the picture on `canvas` in place; what is visible of its boxes there, boxes of ignored regions included."""
    paint(example.image, matrix, canvas)
    height, width = canvas.shape[:2]
    return visible(move_boxes(example.boxes, matrix), example.labels, example.ignore, height, width)


def paint(image: np.ndarray, matrix: np.ndarray, canvas: np.ndarray) -> None:
    """Paint uint8 `image` [h, w, 3] on uint8 `canvas` [H, W, 3] in place; pixels that it does not reach are left alone.

    Interpolation is linear. A picture that shrinks to half or less is first halved by averaging until it does not:
    linear interpolation alone would skip source pixels, and small objects would flicker in and out.
    """
    left, top, right, bottom = _reach(image, matrix, canvas)
    if right <= left or bottom <= top:
        return
    image, matrix = _halve_to_scale(image, matrix)
    if _fits_by_resizing(image, matrix, right, bottom):
        factors = {"fx": matrix[0, 0], "fy": matrix[1, 1]}
        canvas[:bottom, :right] = cv2.resize(image, None, **factors, interpolation=cv2.INTER_LINEAR)[:bottom, :right]
        return
    # OpenCV's coordinates are indices: the centre of the first pixel is 0, not 0.5.
    indices = translation(-left - 0.5, -top - 0.5) @ matrix @ translation(0.5, 0.5)
    # A rotated picture covers its reach in part. OpenCV fades its rim into what the canvas holds.
    straight = matrix[0, 1] == 0 and matrix[1, 0] == 0
    border = cv2.BORDER_REPLICATE if straight else cv2.BORDER_TRANSPARENT
    region = canvas[top:bottom, left:right]
    size = (right - left, bottom - top)
    cv2.warpAffine(image, indices[:2], size, dst=region, flags=cv2.INTER_LINEAR, borderMode=border)


def move_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The smallest upright boxes around the warped boxes, float32 [n, 4].

    Under rotation or shear they are larger than the objects in them (a square turned by 5 degrees: 8 %), since
    nothing is known of the shape inside a box.
    """
    linear, shift = matrix[:2, :2], matrix[:2, 2]
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 @ linear.T + shift
    halves = (boxes[:, 2:] - boxes[:, :2]) / 2 @ np.abs(linear).T
    return np.concatenate([centres - halves, centres + halves], axis=1).astype(np.float32)


def visible(boxes: np.ndarray, labels: np.ndarray, ignore: np.ndarray, height: int, width: int) -> Truth:
    """The boxes clipped to a canvas, without those of which too little is left (`MIN_VISIBLE`, `MIN_SIDE`)."""
    limits = np.array([width, height, width, height], np.float32)
    clipped = np.clip(boxes, 0, limits)
    sides = clipped[:, 2:] - clipped[:, :2]
    whole = boxes[:, 2:] - boxes[:, :2]
    keep = (sides.min(axis=1) >= MIN_SIDE) & (sides.prod(axis=1) >= MIN_VISIBLE * whole.prod(axis=1))
    return clipped[keep], labels[keep], ignore[keep]


def halvings(height: int, width: int, scale: float) -> int:
    """How often a picture of this size is halved before it is scaled: of `scale`, a factor in (0.5, 1] remains.

    Fewer times where a side would come down to nothing.
    """
    times = math.floor(-math.log2(scale) + 1e-9)
    return max(0, min(times, min(height, width).bit_length() - 1))


def halve(image: np.ndarray, times: int) -> np.ndarray:
    """The picture at 1/2, 1/4, ... of its size by averaging; an odd last row or column is left out.

    `paint` fills what is then missing of the last output pixel with its neighbour.
    """
    for _ in range(times):
        height, width = image.shape[0] // 2, image.shape[1] // 2
        image = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return image


def _halve_to_scale(image: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = math.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    times = halvings(image.shape[0], image.shape[1], scale)
    return halve(image, times), matrix @ scaling(2**times, 2**times)


def _fits_by_resizing(image: np.ndarray, matrix: np.ndarray, right: int, bottom: int) -> bool:
    """Whether the picture is only scaled, about the origin, and then fills the canvas up to `right` and `bottom`.

    Resizing by factors, without whole sides, is the same as the warp, within a level, in a third of the time.
    """
    scaled_only = matrix[0, 0] > 0 and matrix[1, 1] > 0 and np.array_equal(matrix, scaling(matrix[0, 0], matrix[1, 1]))
    width, height = image.shape[1] * matrix[0, 0], image.shape[0] * matrix[1, 1]
    return scaled_only and right <= round(width) <= right + 1 and bottom <= round(height) <= bottom + 1


def _reach(image: np.ndarray, matrix: np.ndarray, canvas: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the canvas pixels whose centres lie in the upright hull of the warped picture."""
    frame = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float64)
    left, top, right, bottom = (math.ceil(edge - 0.5) for edge in move_boxes(frame, matrix)[0].tolist())
    return max(left, 0), max(top, 0), min(right, canvas.shape[1]), min(bottom, canvas.shape[0])
