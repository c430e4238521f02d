"""Images, boxes and detections for reports: few, with known places, or many."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from detect.data.dataset import Dataset
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble
from detect.evaluation.coco_scores import Scores, score
from detect.evaluation.detections import Found
from detect.evaluation.truth import truth_from_records
from detect.reports.scored_images import ScoredImages, images_of_records

CLASSES = ("</script><b>cat", "dog & $_$")
HOSTILE = "a <img src=x onerror=alert(1)> 'b'.png"
WIDTH, HEIGHT = 400, 300
# Image, class, x, y, width, height; the third image has none.
BOXES = ((0, 0, 100, 60, 120, 90), (0, 1, 300, 200, 60, 40), (1, 1, 20, 30, 200, 150))
# The same, with a score: right, right, of the wrong class, and where nothing is.
FOUND = (
    (0, 0, 104, 62, 120, 90, 0.9), (0, 1, 300, 200, 60, 40, 0.35), (1, 0, 20, 30, 200, 150, 0.8),
    (2, 0, 50, 50, 30, 30, 0.6),
)  # fmt: skip


class Scored(NamedTuple):
    """What a report is written about."""

    dataset: Dataset
    scores: Scores
    images: ScoredImages


def few(folder: Path) -> Scored:
    """Return three images, the first with a name that is hostile to pages."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Annotations("val", str, str)
    for row, name in enumerate((HOSTILE, "b.png", "c #?.png")):
        cv2.imwrite(str(folder / name), np.full((HEIGHT, WIDTH, 3), 60 * row + 60, np.uint8))
        found.add_image(str(folder / name), row + 1)
    for image, label, x, y, width, height in BOXES:
        found.add_box(image, (x, y, x + width, y + height), label)
    dataset = assemble(folder, "test data", CLASSES, (1, 2), {"val": found}, [])
    records = dataset.splits["val"]
    truth = truth_from_records(records, CLASSES, (1, 2))
    rows = np.array(FOUND)
    scores = score(truth, Found(rows[:, 0].astype(int) + 1, rows[:, 1].astype(int) + 1, rows[:, 2:6], rows[:, 6]))
    return Scored(dataset, scores, images_of_records(records, truth))


def many(images: int, classes: int = 20, boxes: int = 7) -> tuple[Scores, ScoredImages]:
    """Return images without files, in which most of the boxes are found, and as many detections are wrong."""
    from detect.evaluation.truth import Truth

    random, total = np.random.default_rng(0), images * boxes
    owners, labels = np.repeat(np.arange(images), boxes), random.integers(0, classes, total)
    placed = np.concatenate([random.uniform(0, 500, (total, 2)), random.uniform(10, 100, (total, 2))], axis=1)
    names = tuple(f"class {number}" for number in range(classes))
    truth = Truth(np.arange(images), np.arange(classes), names, owners, labels, placed, placed[:, 2:].prod(axis=1),
                  np.zeros(total, bool), tuple(f"{number}.jpg" for number in range(images)))  # fmt: skip
    moved = np.concatenate([placed + random.normal(0, 2, placed.shape), random.permutation(placed)])
    moved[:, 2:] = np.maximum(moved[:, 2:], 1)
    confidences = np.concatenate([random.beta(4, 2, total), random.beta(1, 4, total)])
    found = Found(np.tile(owners, 2), np.tile(labels, 2), moved, confidences)
    shown = ScoredImages(list(truth.files), np.full([images, 2], 640.0), np.ones(images))
    return score(truth, found), shown
