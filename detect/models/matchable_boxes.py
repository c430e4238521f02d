"""The check of a dataset for a model: which boxes match none of its anchors or points, and which size would fit."""

import math
from collections.abc import Iterator

import numpy as np

from detect.data.dataset import Dataset
from detect.data.doctor.columns import image_of_box, scales
from detect.data.doctor.dataset_check import EXAMPLES, Check, Found, Severity, Subject
from detect.data.doctor.dataset_tables import Table
from detect.data.doctor.found_examples import box_examples
from detect.data.records import Records
from detect.errors import listed
from detect.models.detector import Detector

ENOUGH = 0.99  # of the boxes
SIZES = (320, 416, 512, 640, 800, 1024, 1280)  # pixels; those of the table
STEP, LARGEST_SIZE = 32, 2048  # pixels; sizes that are tried are multiples of the one, up to the other
CHUNK = 16_384  # boxes that are looked at together
SAMPLE = 20_000  # boxes with which sizes are tried: enough to know a share near 99 % to 0.1 %


def matchable_check(name: str, detector: Detector) -> Check:
    """Return the check that boxes of the split "train" match a model at the image size.

    Args:
        name: of the model.
        detector: the model, for any number of classes; it needs no weights.
    """

    def find(subject: Subject) -> Iterator[Found]:
        if "train" in subject.dataset.splits:
            yield from _unmatchable(subject, name, detector)

    return Check(
        "unmatchable-boxes",
        Severity.WARNING,
        f"more than {1 - ENOUGH:.0%} of the boxes match no anchor or point of the model at the image size (`--model`)",
        "The model learns them badly or not at all. Train it at an image size that suits them, use a model without "
        "anchors, or cut the images into tiles.",
        find,
    )


def matchable(detector: Detector, records: Records, side: int) -> np.ndarray:
    """Return which boxes a model can match (see `Detector.matchable`), bool [M].

    Args:
        detector: the model; it needs no weights.
        records: the images and boxes.
        side: of the square into which images are fitted, pixels.
    """
    factors, of_box = scales(records, side).astype(np.float32), image_of_box(records)
    found = np.empty(len(records.boxes), bool)
    for start in range(0, len(found), CHUNK):
        part = slice(start, start + CHUNK)
        found[part] = detector.matchable(records.boxes[part] * factors[of_box[part], None], (side, side))
    return found


def size_table(name: str, detector: Detector, dataset: Dataset, side: int) -> Table:
    """Return the shares of the boxes of each split that match a model, at `side` pixels and at other image sizes."""
    others = [size for size in SIZES if size % detector.size_divisor == 0 and size >= detector.smallest_side]
    samples = [_sample(records) for records in dataset.splits.values()]
    rows = [
        (str(size), *(_in_percent(_share(detector, sample, size)) for sample in samples))
        for size in sorted({*others, side})
    ]
    return Table(f"Boxes that match an anchor or point of {name}", ("image size", *dataset.splits), tuple(rows))


def fitting_size(detector: Detector, records: Records) -> tuple[int, float]:
    """Return the smallest image size at which a model can match 99 % of the boxes that count, pixels, and their share.

    Sizes are multiples of 32 up to 2,048, and are tried with at most 20,000 boxes, evenly spread over the records.
    Where none is enough, it is the smallest of those at which most boxes match.
    """
    sample, step = _sample(records), np.lcm(STEP, detector.size_divisor)
    best = 0, 0.0
    for side in range(-(-detector.smallest_side // step) * step, LARGEST_SIZE + 1, step):
        share = _share(detector, sample, side)
        best = max(best, (side, share), key=lambda found: found[1])
        if share >= ENOUGH:
            break
    return best


def _sample(records: Records) -> Records:
    """Return records with at most 20,000 of their boxes, evenly spread over those that count."""
    counting = np.flatnonzero(~records.ignore)
    chosen = np.zeros(len(records.boxes), bool)
    chosen[counting[:: max(1, -(-len(counting) // SAMPLE))]] = True
    return records.select_boxes(chosen)


def _share(detector: Detector, records: Records, side: int) -> float:
    """Return which share of the boxes matches, 0-1; NaN where there are none."""
    found = matchable(detector, records, side)
    return float(found.mean()) if len(found) else math.nan


def _in_percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.1%}"


def _unmatchable(subject: Subject, name: str, detector: Detector) -> Iterator[Found]:
    records, side = subject.dataset.splits["train"], subject.image_size
    counting = ~records.ignore
    rows, total = np.flatnonzero(counting & ~matchable(detector, records, side)), np.count_nonzero(counting)
    if len(rows) <= (1 - ENOUGH) * total:
        return
    share = f"{len(rows) / total:.1%} of the boxes match no anchor or point of {name} at {side} pixels"
    what = f"{share}, of {_most_frequent(subject.dataset.classes, records.labels[rows])}; {_better(detector, records)}"
    spread = rows[:: -(-len(rows) // EXAMPLES)]
    yield Found("train", len(rows), what, box_examples(records, spread))


def _most_frequent(classes: tuple[str, ...], labels: np.ndarray) -> str:
    counts = np.bincount(labels, minlength=len(classes))
    return listed([f"{classes[label]} ({counts[label]})" for label in np.argsort(-counts) if counts[label]], 3)


def _better(detector: Detector, records: Records) -> str:
    size, share = fitting_size(detector, records)
    return f"at {size} pixels {share:.1%} match" if share >= ENOUGH else f"at most {share:.1%} match, at {size} pixels"
