"""One affine warp from an image onto a canvas, and the same warp for its boxes.

Coordinates are continuous: pixel i covers `i..i+1`, so its centre lies at `i + 0.5`, and a box scales with its image
without any offset. A matrix is float64 [3, 3] and maps source points `(x, y, 1)` to canvas points; crop, scale, flip,
rotation, shear and placement are multiplied into one, so that every pixel is interpolated once.
"""

import math

import cv2
import numpy as np

from detect.data.pixels.colour import ColourShift
from detect.structures import Example

GREY = 114  # level of a canvas where it shows no image; YOLOX, yolox/data/data_augment.py
MIN_VISIBLE = 0.1  # a box that loses more than nine tenths of its area at the border is dropped
MIN_SIDE = 2.0  # canvas pixels; a box with a shorter side is dropped, too

Truth = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes float32 [n, 4], labels int32 [n], ignore bool [n]


def blank(height: int, width: int) -> np.ndarray:
    """Return an empty canvas, uint8 [height, width, 3]."""
    return np.full((height, width, 3), GREY, np.uint8)


def translation(x: float, y: float) -> np.ndarray:
    """Return the matrix that moves points by (x, y)."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scaling(x: float, y: float) -> np.ndarray:
    """Return the matrix that multiplies coordinates by (x, y), about the origin."""
    return np.array([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]])


def flip(width: float, height: float, horizontal: bool, vertical: bool) -> np.ndarray:
    """Return the matrix that mirrors an image within its own frame.

    Args:
        width: of the image, pixels.
        height: of the image, pixels.
        horizontal: whether left and right are exchanged.
        vertical: whether top and bottom are exchanged.
    """
    x, y = (-1 if horizontal else 1), (-1 if vertical else 1)
    return np.array([[x, 0.0, width if horizontal else 0.0], [0.0, y, height if vertical else 0.0], [0.0, 0.0, 1.0]])


def rotation_and_shear(rotate_degrees: float, shear_x_degrees: float, shear_y_degrees: float) -> np.ndarray:
    """Return the matrix that first shears, then rotates clockwise as seen on the screen, about the origin."""
    sine, cosine = math.sin(math.radians(rotate_degrees)), math.cos(math.radians(rotate_degrees))
    rotation = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    shear = np.eye(3)
    shear[0, 1], shear[1, 0] = math.tan(math.radians(shear_x_degrees)), math.tan(math.radians(shear_y_degrees))
    return rotation @ shear


def paint_example(example: Example, matrix: np.ndarray, canvas: np.ndarray, colours: ColourShift) -> np.ndarray:
    """Paint the image of an example on `canvas` in place.

    Images that are flipped or moved, but neither rotated nor sheared, may end up to one pixel, of the image or of the
    canvas, beside `matrix`, and their boxes with them.

    Args:
        example: the image and its boxes.
        matrix: from the image to the canvas.
        canvas: uint8 [H, W, 3].
        colours: a shift of the image's colours.

    Returns:
        The boxes on the canvas, float32 [n, 4], not clipped.
    """
    if is_upright(matrix) and not is_scaling(matrix):
        matrix = paint_upright(example.image, matrix, canvas, colours)
    else:
        paint(colours.apply(example.image), matrix, canvas)
    return move_boxes(example.boxes, matrix)


def is_upright(matrix: np.ndarray) -> bool:
    """Return whether a matrix only scales, flips and moves."""
    return bool(matrix[0, 1] == 0 and matrix[1, 0] == 0)


def is_scaling(matrix: np.ndarray) -> bool:
    """Return whether a matrix only scales, about the origin."""
    (across, b, x), (c, down, y) = matrix[:2].tolist()
    return b == c == x == y == 0 and across > 0 and down > 0


def paint_upright(image: np.ndarray, matrix: np.ndarray, canvas: np.ndarray, colours: ColourShift) -> np.ndarray:
    """Paint as `paint` does, for an upright matrix: from whole pixels of the image to whole pixels of the canvas.

    It is a crop that is resized, which takes a quarter of the time of a warp. Colours are shifted before or after,
    whichever has fewer pixels.

    Args:
        image: uint8 [h, w, 3].
        matrix: from the image to the canvas, as `is_upright` says.
        canvas: uint8 [H, W, 3], painted in place.
        colours: a shift of the image's colours.

    Returns:
        The matrix that was painted with. Its scales may differ a little from those of `matrix`, and from each other.
    """
    left, top, right, bottom = _reach(image, matrix, canvas)
    if right <= left or bottom <= top:
        return matrix
    times = _halvings(image, matrix)
    first_column, last_column, across = _whole_pixels(matrix[0], 0, left, right, image.shape[1], 2**times)
    first_row, last_row, down = _whole_pixels(matrix[1], 1, top, bottom, image.shape[0], 2**times)
    part, region = halve(image[first_row:last_row, first_column:last_column], times), canvas[top:bottom, left:right]
    source_is_smaller = part.size < region.size
    part = colours.apply(part) if source_is_smaller else part
    cv2.resize(part, (right - left, bottom - top), dst=region, interpolation=cv2.INTER_LINEAR)
    if across[0] < 0 or down[1] < 0:
        cv2.flip(region, {(True, False): 1, (False, True): 0, (True, True): -1}[across[0] < 0, down[1] < 0], dst=region)
    if not source_is_smaller:
        colours.apply(region, in_place=True)
    return np.array([across, down, [0, 0, 1]])


def paint(image: np.ndarray, matrix: np.ndarray, canvas: np.ndarray) -> None:
    """Paint uint8 `image` [h, w, 3] on uint8 `canvas` [H, W, 3] in place; pixels that it does not reach are left alone.

    Interpolation is linear. An image that shrinks to half or less is first halved by averaging until it does not:
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
    # A rotated image covers only a part of its reach. OpenCV fades its border into what the canvas holds.
    border = cv2.BORDER_REPLICATE if is_upright(matrix) else cv2.BORDER_TRANSPARENT
    region = canvas[top:bottom, left:right]
    size = (right - left, bottom - top)
    cv2.warpAffine(image, indices[:2], size, dst=region, flags=cv2.INTER_LINEAR, borderMode=border)


def move_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return the smallest upright boxes around the warped boxes, float32 [n, 4].

    Under rotation or shear they are larger than the objects in them (a square rotated by 5 degrees: 8 %), since
    nothing is known of the shape inside a box.
    """
    linear = matrix[:2, :2].T
    corners = np.empty((4, 4))  # of old corners to new ones; a negative factor swaps the two
    corners[:2, :2] = corners[2:, 2:] = np.maximum(linear, 0)
    corners[:2, 2:] = corners[2:, :2] = np.minimum(linear, 0)
    return (boxes @ corners + matrix[[0, 1, 0, 1], 2]).astype(np.float32)


def visible(boxes: np.ndarray, labels: np.ndarray, ignore: np.ndarray, height: int, width: int) -> Truth:
    """Clip boxes to a canvas, and drop those of which too little is left (`MIN_VISIBLE`, `MIN_SIDE`).

    Args:
        boxes: float32 [n, 4].
        labels: int32 [n].
        ignore: bool [n].
        height: of the canvas, pixels.
        width: of the canvas, pixels.

    Returns:
        Boxes, labels and ignore of the m boxes that are left.
    """
    limits = np.array([width, height, width, height], np.float32)
    clipped = np.minimum(np.maximum(boxes, 0), limits)
    sides, whole = (part[:, 2:] - part[:, :2] for part in (clipped, boxes))
    keep = (sides >= MIN_SIDE).all(axis=1) & (sides[:, 0] * sides[:, 1] >= MIN_VISIBLE * whole[:, 0] * whole[:, 1])
    return clipped[keep], labels[keep], ignore[keep]


def halvings(height: int, width: int, scale: float) -> int:
    """Return how often an image of this size is halved before it is scaled, so that a factor in (0.5, 1] remains.

    Fewer times where a side would become 0.
    """
    times = math.floor(-math.log2(scale) + 1e-9)
    return max(0, min(times, min(height, width).bit_length() - 1))


def halve(image: np.ndarray, times: int) -> np.ndarray:
    """Return the image at 1/2, 1/4, ... of its size by averaging; an odd last row or column is left out.

    `paint` fills what is then missing of the last output pixel with its neighbour.
    """
    for _ in range(times):
        height, width = image.shape[0] // 2, image.shape[1] // 2
        image = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return image


def _halve_to_scale(image: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    times = _halvings(image, matrix)
    return halve(image, times), matrix @ scaling(2**times, 2**times)


def _halvings(image: np.ndarray, matrix: np.ndarray) -> int:
    """Return how often the image is halved before it is painted with this matrix."""
    (a, b), (c, d) = matrix[:2, :2].tolist()
    return halvings(image.shape[0], image.shape[1], math.sqrt(abs(a * d - b * c)))


def _whole_pixels(
    line: np.ndarray, axis: int, low: int, high: int, length: int, block: int
) -> tuple[int, int, list[float]]:
    """Find the source pixels that are shown on canvas pixels `low` to `high` of one axis.

    Args:
        line: the line of the matrix for this axis.
        axis: 0 for x, 1 for y.
        low: the first canvas pixel.
        high: one behind the last canvas pixel.
        length: pixels of the source, which limit the answer.
        block: the answer is rounded to multiples of it.

    Returns:
        The first source pixel, one behind the last, and the line of the matrix that maps just these.
    """
    scale, shift = float(line[axis]), float(line[2])
    near, far = sorted(((low - shift) / scale, (high - shift) / scale))
    first = min(max(round(near / block), 0), length // block - 1)
    last = min(max(round(far / block), first + 1), length // block)
    first, last = first * block, last * block
    scale = math.copysign((high - low) / (last - first), scale)
    exact = [0.0, 0.0, (low if scale > 0 else high) - first * scale]
    exact[axis] = scale
    return first, last, exact


def _fits_by_resizing(image: np.ndarray, matrix: np.ndarray, right: int, bottom: int) -> bool:
    """Return whether the image is only scaled, about the origin, and then fills the canvas up to `right` and `bottom`.

    Resizing by factors, not to whole sides, gives the same as the warp, within one level, in a third of the time.
    """
    width, height = image.shape[1] * matrix[0, 0], image.shape[0] * matrix[1, 1]
    return is_scaling(matrix) and right <= round(width) <= right + 1 and bottom <= round(height) <= bottom + 1


def _reach(image: np.ndarray, matrix: np.ndarray, canvas: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the canvas pixels with centres in the upright hull of the warped image."""
    rows, columns = image.shape[:2]
    (a, b, x), (c, d, y) = matrix[:2].tolist()
    middle_x, middle_y = (a * columns + b * rows) / 2 + x, (c * columns + d * rows) / 2 + y
    half_x, half_y = (abs(a) * columns + abs(b) * rows) / 2, (abs(c) * columns + abs(d) * rows) / 2
    edges = middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y
    left, top, right, bottom = (math.ceil(round(edge - 0.5, 4)) for edge in edges)  # whole pixels stay whole
    return max(left, 0), max(top, 0), min(right, canvas.shape[1]), min(bottom, canvas.shape[0])
