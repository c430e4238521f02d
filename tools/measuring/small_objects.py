"""A synthetic dataset of large images with objects of 8 to 15 pixels, on which tiles are measured."""

from pathlib import Path

import cv2
import numpy as np
import yaml

from detect.data.records import Record
from detect.data.shapes import CLASSES, Shape
from detect.data.writers.coco_writer import coco_document
from detect.files import whole_file, write_text

WIDTH, HEIGHT = 1600, 1200  # pixels
OBJECTS = 40  # per image
RADIUS = (4.5, 7.5)  # pixels: boxes have sides of 6 to 15
FINER = 8  # shapes are drawn at eight times the resolution


def write_small_objects(folder: Path, train: int = 24, val: int = 12, seed: int = 0) -> Path:
    """Write the dataset, and return the path of its description, to be given as `--data`."""
    splits = {}
    for number, (split, count) in enumerate({"train": train, "val": val}.items()):
        images = folder / "images" / split
        images.mkdir(parents=True, exist_ok=True)
        records = [_write(images / f"{index}.png", index, [seed, number, index]) for index in range(count)]
        names = [record.image_path.name for record in records]
        with whole_file(folder / f"{split}.json") as file:
            file.writelines(coco_document(records, names, CLASSES, range(1, len(CLASSES) + 1)))
        splits[split] = {"annotations": f"{split}.json", "images": f"images/{split}"}
    path = folder / "small_objects.yaml"
    write_text(path, yaml.safe_dump({"format": "coco", "classes": list(CLASSES), "splits": splits}))
    return path


def _write(path: Path, index: int, seed: list[int]) -> Record:
    rng = np.random.default_rng(seed)
    image = _ground(rng)
    boxes: list[np.ndarray] = []
    labels: list[int] = []
    while len(boxes) < OBJECTS:
        shape = _shape(rng)
        box = shape.box(WIDTH, HEIGHT)
        if all(_apart(box, other) for other in boxes):
            _draw(image, shape)
            boxes.append(box)
            labels.append(shape.label)
    cv2.imwrite(str(path), image[..., ::-1])
    corners = np.array(boxes, np.float32)
    areas = (corners[:, 2:] - corners[:, :2]).prod(axis=1).astype(np.float64)
    return Record(
        path, index + 1, WIDTH, HEIGHT, corners, np.array(labels, np.int32), np.zeros(len(boxes), bool), areas
    )


def _ground(rng: np.random.Generator) -> np.ndarray:
    """Return soft patches of colour with fine noise, uint8 [H, W, 3]."""
    patches = cv2.resize(rng.uniform(60, 200, (12, 16, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.clip(patches + rng.normal(0, 8, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)


def _shape(rng: np.random.Generator) -> Shape:
    radius = rng.uniform(*RADIUS)
    x, y = rng.uniform(radius, WIDTH - radius), rng.uniform(radius, HEIGHT - radius)
    colour = rng.choice([[230, 60, 40], [40, 200, 80], [60, 90, 240], [245, 235, 80], [15, 15, 15], [250, 250, 250]])
    return Shape(int(rng.integers(3)), x, y, radius, rng.uniform(0, 2 * np.pi), colour.astype(np.float32), 0.0)


def _apart(box: np.ndarray, other: np.ndarray, gap: float = 2.0) -> bool:
    return bool((box[2:] + gap < other[:2]).any() or (other[2:] + gap < box[:2]).any())


def _draw(image: np.ndarray, shape: Shape) -> None:
    """Draw a shape with soft edges: as the mean of many fine pixels."""
    left, top = (int(np.floor(middle - shape.radius)) - 1 for middle in (shape.x, shape.y))
    left, top, side = max(left, 0), max(top, 0), int(2 * shape.radius) + 4
    region = image[top : top + side, left : left + side]
    corners = ((shape.corners() - (left, top)) * FINER).round().astype(np.int32)
    mask = cv2.fillPoly(np.zeros((region.shape[0] * FINER, region.shape[1] * FINER), np.float32), [corners], 1.0)
    share = cv2.resize(mask, region.shape[1::-1], interpolation=cv2.INTER_AREA)[..., None]
    region[:] = np.round(region * (1 - share) + shape.colour * share).astype(np.uint8)
