"""A dataset with all that annotations can state, made in memory, for the tests of writers."""

from pathlib import Path

import cv2
import numpy as np

from detect.data.dataset import Dataset
from detect.data.problems import Problems
from detect.data.records import Record, Records
from detect.data.texts import Texts

CLASSES = ("van", "no", "Bus & <tram>", "unused")
CATEGORY_IDS = (3, 7, 1, 90)
WIDTH, HEIGHT = 48, 32
# Name, id, and the boxes: label, corners, whether to be ignored, area where it is not that of the box.
Truth = tuple[str, int, tuple[tuple[int, tuple[float, float, float, float], bool, float | None], ...]]
SPLITS: dict[str, tuple[Truth, ...]] = {
    "train": (
        ("a.png", 70, ((0, (0, 0, 10, 5), False, None), (1, (20.25, 10.5, 48, 32), False, 100.5))),
        ("cam 1/\u00fc b.png", 12, ((2, (4, 4, 8, 8), True, None), (0, (10.1, 5.7, 30.3, 15.9), False, None))),
        ("background.png", 3, ()),
    ),
    "val": (("d.e.png", 5, ((1, (5, 5, 15, 10), False, None), (0, (46, 31, 47, 32), False, None))),),
}


def rich_dataset(folder: Path) -> Dataset:
    """Write the images of the dataset, and return it."""
    splits = {split: _records(folder / split, images) for split, images in SPLITS.items()}
    problems = {split: Problems(len(records), len(records.boxes)) for split, records in splits.items()}
    return Dataset(folder, "none", CLASSES, CATEGORY_IDS, splits, problems, ())


def _records(folder: Path, images: tuple[Truth, ...]) -> Records:
    boxes = [box for _, _, inside in images for box in inside]
    corners = np.array([corners for _, corners, _, _ in boxes], np.float32).reshape(-1, 4)
    own = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    for name, number, _ in images:
        write_image(folder / name, number)
    return Records(
        folder=str(folder),
        paths=Texts(name for name, _, _ in images),
        image_ids=np.array([number for _, number, _ in images], np.int64),
        sizes=np.array([(WIDTH, HEIGHT)] * len(images), np.int32),
        box_ends=np.cumsum([len(inside) for _, _, inside in images], dtype=np.int64),
        boxes=corners,
        labels=np.array([label for label, _, _, _ in boxes], np.int32),
        ignore=np.array([ignore for _, _, ignore, _ in boxes], bool),
        areas=np.array([area or box for (_, _, _, area), box in zip(boxes, own, strict=True)], np.float64),
    )


def write_image(path: Path, level: int) -> None:
    """Write a grey image of the dataset's size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(path.suffix, np.full((HEIGHT, WIDTH, 3), level, np.uint8))
    path.write_bytes(data.tobytes())


def truth(records: Records) -> dict[str, Record]:
    """Return the records by the file names of their images."""
    return {record.image_path.name: record for record in records}
