"""A small synthetic dataset and video for the demo and the tests: circles, squares and triangles on a textured ground.

Every image is a function of (seed, split, index). Shapes differ in size by a factor of four, in colour, shading and
rotation; some overlap, some reach beyond the frame. Boxes are computed from the geometry, not from pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import yaml

from detect.data.records import Record
from detect.data.writers.coco_writer import coco_document
from detect.errors import RunFailure
from detect.files import whole_file, whole_path, write_bytes, write_text

CLASSES = ("circle", "square", "triangle")

_SMALLEST, _LARGEST = 0.1, 0.4  # diameter of the circle around a shape, as a share of the image's shorter side
_MOST_SHAPES = 6
_MOST_COVERED = 0.3  # of the smaller of two boxes
_EMPTY_SHARE = 0.03  # of images, which have no shape: background is part of the data
_POINTS = 1024  # of an outline that are compared with the frame
_FINER = 4  # shapes are drawn at four times the resolution
_SHIFT = 4  # OpenCV takes corners in 1 / 16 pixel


@dataclass(frozen=True)
class Shape:
    """One object, in pixels."""

    label: int  # index in CLASSES
    x: float  # centre
    y: float
    radius: float  # of the circle around it
    angle: float  # radians
    colour: np.ndarray  # float32 [3], RGB, 0-255
    shading: float  # -1 to 1: how much lighter its top is than its bottom

    def corners(self) -> np.ndarray:
        """Return the corners, float64 [n, 2]; 72 of them for a circle."""
        count = (72, 4, 3)[self.label]
        angles = self.angle + np.arange(count) * 2 * np.pi / count
        return np.stack([self.x + self.radius * np.cos(angles), self.y + self.radius * np.sin(angles)], axis=1)

    def box(self, width: int, height: int) -> np.ndarray:
        """Return the box of the part within the frame, float64 [4]; the shape's centre must lie in the frame."""
        corners = self.corners()
        along = np.linspace(0, 1, _POINTS // len(corners))[:, None, None]
        outline = (corners + along * (np.roll(corners, -1, axis=0) - corners)).reshape(-1, 2)
        visible = outline[((outline >= 0) & (outline <= (width, height))).all(axis=1)]
        return np.concatenate([visible.min(axis=0), visible.max(axis=0)])


def write_shapes(folder: str | Path, train: int = 400, val: int = 100, image_size: int = 192, seed: int = 0) -> Path:
    """Write the dataset: images, COCO JSON and a YAML description.

    Args:
        folder: where to write it.
        train: number of training images.
        val: number of validation images.
        image_size: height and width of the images, pixels.
        seed: decides all that is random.

    Returns:
        The path of the YAML description, to be given as `--data`.
    """
    folder = Path(folder)
    for number, (split, count) in enumerate({"train": train, "val": val}.items()):
        images = folder / "images" / split
        images.mkdir(parents=True, exist_ok=True)
        rngs = (np.random.default_rng([seed, number, index]) for index in range(count))
        records = [_write_image(images, index, image_size, rng) for index, rng in enumerate(rngs)]
        names = [record.image_path.name for record in records]
        with whole_file(folder / f"{split}.json") as file:
            file.writelines(coco_document(records, names, CLASSES, range(1, len(CLASSES) + 1)))
    splits = {split: {"annotations": f"{split}.json", "images": f"images/{split}"} for split in ("train", "val")}
    description = {"format": "coco", "classes": list(CLASSES), "splits": splits}
    path = folder / "shapes.yaml"
    write_text(path, yaml.safe_dump(description, sort_keys=False))
    return path


def write_shapes_video(
    path: str | Path, seconds: float = 4, fps: int = 25, size: tuple[int, int] = (320, 320), seed: int = 0
) -> Path:
    """Write an H.264 video of drifting, rotating shapes.

    Args:
        path: the file.
        seconds: length of the video.
        fps: frames per second.
        size: width and height, pixels, both even.
        seed: decides all that is random.

    Returns:
        The path.
    """
    import av  # 0.1 s, and only this function needs it

    width, height = size
    with whole_path(path) as draft, av.open(str(draft), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in moving_shapes(round(seconds * fps), fps, size, seed):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return Path(path)


def moving_shapes(frames: int, fps: int, size: tuple[int, int], seed: int = 0) -> Iterator[np.ndarray]:
    """Yield the frames of the video: each shape keeps its course and bounces off the frame.

    Args:
        frames: how many there are.
        fps: frames per second, which decides how far shapes move in each.
        size: width and height, pixels.
        seed: decides all that is random.

    Yields:
        A frame, uint8 [H, W, 3] RGB.
    """
    rng = np.random.default_rng([seed, 2])
    width, height = size
    ground = _ground(width, height, rng)
    shapes = _scene(width, height, _MOST_SHAPES, rng)
    course = rng.uniform(-0.25, 0.25, (len(shapes), 2)) * min(size) / fps  # pixels per frame
    turning = rng.uniform(-1, 1, len(shapes)) / fps  # radians per frame
    for frame in range(frames):
        moved = [
            replace(
                shape,
                x=_bounce(shape.x + frame * dx, shape.radius, width - shape.radius),
                y=_bounce(shape.y + frame * dy, shape.radius, height - shape.radius),
                angle=shape.angle + frame * turn,
            )
            for shape, (dx, dy), turn in zip(shapes, course, turning, strict=True)
        ]
        yield draw(ground, moved)


def draw(ground: np.ndarray, shapes: list[Shape]) -> np.ndarray:
    """Draw shapes, the last on top, on a float32 [H, W, 3] ground, and return the image, uint8 [H, W, 3]."""
    image = ground.copy()
    for shape in shapes:
        _paint(image, shape)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def _paint(image: np.ndarray, shape: Shape) -> None:
    """Paint one shape over a float32 image, in place, with smooth edges."""
    low = np.maximum(np.floor([shape.x - shape.radius, shape.y - shape.radius]).astype(int) - 1, 0)
    side = int(2 * shape.radius) + 4
    window = image[low[1] : low[1] + side, low[0] : low[0] + side]
    height, width = window.shape[:2]
    cover = np.zeros((height * _FINER, width * _FINER), np.uint8)
    # OpenCV's smooth lines widen what they surround by a pixel, so the shape is drawn larger and averaged. OpenCV's
    # integer coordinates are centres of pixels.
    corners = (shape.corners() - low) * _FINER - 0.5
    cv2.fillConvexPoly(cover, np.round(corners * 2**_SHIFT).astype(np.int32), 255, cv2.LINE_8, _SHIFT)
    opacity = cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA)[:, :, None].astype(np.float32) / 255
    rows = low[1] + np.arange(len(window), dtype=np.float32)[:, None, None]
    light = 1 - 0.3 * shape.shading * (rows - shape.y) / shape.radius
    window += opacity * (shape.colour * light - window)


def _write_image(folder: Path, index: int, size: int, rng: np.random.Generator) -> Record:
    count = 0 if rng.random() < _EMPTY_SHARE else int(rng.integers(1, _MOST_SHAPES + 1))
    ground = _ground(size, size, rng)
    shapes = _scene(size, size, count, rng)
    path = folder / f"{index:05d}.jpg"
    written, data = cv2.imencode(".jpg", draw(ground, shapes)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not written:
        raise RunFailure(f"{path}: OpenCV could not encode the image.")
    write_bytes(path, data.tobytes())
    boxes = np.array([shape.box(size, size) for shape in shapes], np.float32).reshape(-1, 4)
    labels = np.array([shape.label for shape in shapes], np.int32)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1, dtype=np.float64)
    return Record(path, index + 1, size, size, boxes, labels, np.zeros(len(boxes), bool), areas)


def _scene(width: int, height: int, count: int, rng: np.random.Generator) -> list[Shape]:
    """Draw up to `count` random shapes that cover each other only in part; fewer where there is no room."""
    shapes: list[Shape] = []
    boxes: list[np.ndarray] = []
    for _ in range(count * 4):
        if len(shapes) == count:
            break
        shape = _random_shape(width, height, rng)
        box = shape.box(width, height)
        if all(_covered(box, other) <= _MOST_COVERED for other in boxes):
            shapes.append(shape)
            boxes.append(box)
    return shapes


def _random_shape(width: int, height: int, rng: np.random.Generator) -> Shape:
    radius = min(width, height) * np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST))) / 2
    inside = 0.6 * radius  # the centre keeps this distance from the frame, so most of the shape is visible
    hue, saturation, value = rng.uniform(0, 180), rng.uniform(120, 255), rng.uniform(150, 255)
    colour = cv2.cvtColor(np.array([[[hue, saturation, value]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    return Shape(
        label=int(rng.integers(len(CLASSES))),
        x=rng.uniform(inside, width - inside),
        y=rng.uniform(inside, height - inside),
        radius=radius,
        angle=rng.uniform(0, 2 * np.pi),
        colour=colour.astype(np.float32),
        shading=rng.uniform(-1, 1),
    )


def _ground(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Return muted colours that run into each other, a few faint lines, and grain; float32 [H, W, 3], 0-255."""
    corners = rng.uniform(50, 170) + rng.uniform(-25, 25, (1, 1, 3)) + rng.uniform(-30, 30, (3, 4, 3))
    ground = cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(0, 5))):
        ends = rng.uniform(0, 1, (2, 2)) * (width, height)
        colour = (ground.mean(axis=(0, 1)) + rng.uniform(-45, 45, 3)).tolist()
        (x1, y1), (x2, y2) = ends.astype(int).tolist()
        cv2.line(ground, (x1, y1), (x2, y2), colour, int(rng.integers(1, 4)))
    blotches = rng.normal(0, 12, (height // 8 + 1, width // 8 + 1)).astype(np.float32)
    ground = ground + cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC)[:, :, None]
    ground += rng.normal(0, 5, (height, width, 1)).astype(np.float32)
    return np.clip(ground, 0, 255)


def _covered(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection of two boxes as a share of the smaller one."""
    common = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    smaller = min(np.prod(first[2:] - first[:2]), np.prod(second[2:] - second[:2]))
    return float(np.prod(np.maximum(common, 0)) / smaller)


def _bounce(position: float, low: float, high: float) -> float:
    """Return a position on a straight course that is folded back at both ends of low..high."""
    span = high - low
    return low + span - abs((position - low) % (2 * span) - span)
