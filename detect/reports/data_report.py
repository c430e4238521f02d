"""The page about a dataset: its figures, and every finding of the doctor with pictures, in one file.

The page itself is the template `data_report.html.jinja`.
"""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detect.data.dataset import Dataset
from detect.data.doctor.dataset_check import Box, Example, Finding, Severity
from detect.data.doctor.dataset_tables import Table
from detect.data.pixels.images import read_image
from detect.data.pixels.warping import blank, move_boxes, paint, scaling, translation
from detect.errors import BadInput
from detect.files import write_bytes
from detect.inference.drawing import draw
from detect.inference.image_files import encode
from detect.reports.pages import Figure, data_uri, template

GENERATOR = "detect data check"
PICTURES = 6  # of a finding, at most
SIDE = 360  # of the square that a picture fits into, pixels
SURROUNDINGS = 2.0  # what a picture shows on each side of the boxes that it is about, in lengths of them
LEAST_SHOWN = 96  # pixels of the image that a picture shows at least


def write_data_report(
    path: str | Path, dataset: Dataset, figures: Sequence[Table], findings: Sequence[Finding]
) -> None:
    """Write the page about a dataset.

    Args:
        path: the file.
        dataset: the dataset.
        figures: tables of the dataset.
        findings: what was found in it, the worst first. Images of their examples are read.

    Raises:
        RunFailure: the file cannot be written.
    """
    page = template("data_report.html.jinja").render(
        generator=GENERATOR,
        name=dataset.source.resolve().name,
        subtitle=f"{dataset.source}: {dataset.format}",
        tiles=_tiles(dataset, findings),
        findings=[(finding, _pictures(finding)) for finding in findings],
        tables=figures,
        notes=dataset.notes,
    )
    write_bytes(path, page.encode("utf-8", "backslashreplace"))  # names of files need not be text


def is_data_report(text: str) -> bool:
    """Return whether a file that begins like this is such a page."""
    return f'<meta name="generator" content="{GENERATOR}">' in text


def _tiles(dataset: Dataset, findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Labels and values of the numbers at the top."""
    splits = dataset.splits.values()
    numbers = {"images": sum(map(len, splits)), "boxes": sum(len(records.boxes) for records in splits)}
    numbers["classes"] = len(dataset.classes)
    for severity in Severity:
        numbers[f"{severity.value}s"] = sum(finding.severity is severity for finding in findings)
    return [(label, f"{number:,}") for label, number in numbers.items()]


def _pictures(finding: Finding) -> list[Figure]:
    figures = (_figure(example) for example in finding.examples if example.image)
    return list(itertools.islice(filter(None, figures), PICTURES))


def _figure(example: Example) -> Figure | None:
    """Return a picture of an example; None where its image cannot be read."""
    try:
        image = read_image(Path(example.image))
    except BadInput:
        return None
    boxes = _ordered(example.boxes)
    left, top, right, bottom = _window(boxes, *image.shape[:2])
    scale = SIDE / max(right - left, bottom - top)
    matrix = scaling(scale, scale) @ translation(-left, -top)
    canvas = blank(math.ceil((bottom - top) * scale), math.ceil((right - left) * scale))
    paint(image, matrix, canvas)
    drawn = draw(canvas, move_boxes(boxes, matrix), np.zeros(len(boxes), np.int32), ("",))
    content = encode(drawn, ".jpg")
    return Figure(example.where, data_uri("image/jpeg", content)) if content else None


def _ordered(boxes: Sequence[Box]) -> np.ndarray:
    """Return finite boxes, float32 [n, 4], with their corners in order."""
    corners = np.reshape(np.asarray(boxes, np.float32), (-1, 2, 2))
    ordered = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return ordered[np.isfinite(ordered).all(axis=1)]


def _window(boxes: np.ndarray, height: int, width: int) -> tuple[float, float, float, float]:
    """Return what to show of an image: boxes with their surroundings, also up to half an image beyond the image.

    Args:
        boxes: float32 [n, 4], in order.
        height: of the image, pixels.
        width: of the image, pixels.

    Returns:
        Left, top, right and bottom, pixels of the image. All of it where there are no boxes, or where they are far off.
    """
    limits = np.array([width, height], np.float64)
    if not len(boxes):
        return 0, 0, width, height
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    margin = max(SURROUNDINGS * (high - low).max(), LEAST_SHOWN / 2)
    left, top = np.maximum(np.maximum(low - margin, np.minimum(low, 0)), -limits / 2).tolist()
    right, bottom = np.minimum(np.minimum(high + margin, np.maximum(high, limits)), 1.5 * limits).tolist()
    return (left, top, right, bottom) if left < right and top < bottom else (0, 0, width, height)
