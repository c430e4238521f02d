"""The page that compares models: one file. The page itself is the template `comparison.html.jinja`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detect.evaluation.coco_scores import Compared, evaluation_of
from detect.evaluation.comparing import Contender, Difference
from detect.evaluation.diagnosis.box_kinds import RIGHT_FROM, Kind, box_kinds
from detect.evaluation.truth import positions_of
from detect.files import write_bytes
from detect.models.card import CONFIDENCE
from detect.reports.pages import data_uri, template
from detect.reports.scored_images import ScoredImages, known_sizes
from detect.reports.thumbnails import thumbnails

GENERATOR = "detect compare"
MOST_IMAGES = 12  # of a contender, those that changed most


class Outline(NamedTuple):
    """A box on a picture."""

    box: list[float]  # x, y, width, height
    kind: str  # CSS class


class Frame(NamedTuple):
    """An image with the boxes of one contender."""

    name: str  # of the contender
    outlines: list[Outline]


class Changed(NamedTuple):
    """An image on which a contender differs from the first one."""

    name: str
    size: tuple[int, int]  # width and height, pixels
    picture: str  # its address; empty where there is none
    gained: float  # AP
    frames: list[Frame]  # of the first contender, and of the other one


def write_comparison(
    path: str | Path,
    contenders: Sequence[Contender],
    differences: Sequence[Difference],
    images: ScoredImages,
    settings: Sequence[tuple[str, list[str]]],
    data: str,
) -> None:
    """Write the page.

    Args:
        path: the file.
        contenders: what is compared.
        differences: of each but the first one.
        images: that all were scored on.
        settings: those that differ, with the value of each contender.
        data: names the images.

    Raises:
        RunFailure: the file cannot be written.
    """
    page = template("comparison.html.jinja").render(
        generator=GENERATOR,
        name=" and ".join([contenders[0].name, *(each.name for each in contenders[1:])]),
        subtitle=f"compared on {data}",
        tiles=[(each.name, f"{each.mean('AP'):.3f}") for each in contenders],
        contenders=contenders,
        differences=differences,
        classes=list(differences[0].per_class),
        settings=settings,
        changed=[
            (difference.name, _changed(contenders[0], contender, difference, images))
            for contender, difference in zip(contenders[1:], differences, strict=True)
        ],
    )
    write_bytes(path, page.encode("utf-8", "backslashreplace"))  # names of files need not be text


def is_comparison(text: str) -> bool:
    """Return whether a file that begins like this is such a page."""
    return f'<meta name="generator" content="{GENERATOR}">' in text


def _changed(first: Contender, own: Contender, difference: Difference, images: ScoredImages) -> list[Changed]:
    """Return the images that changed most, of the first run of each contender."""
    order = np.argsort(-np.abs(difference.gained), kind="stable")[:MOST_IMAGES]
    rows = order[difference.gained[order] != 0]
    pairs = [each.scores[0].compared for each in (first, own)]
    sizes = known_sizes(images, pairs[0])
    framed = [_frames(each.name, pair, rows) for each, pair in zip((first, own), pairs, strict=True)]
    whole = [(int(width), int(height)) for width, height in sizes[rows].tolist()]
    copies = thumbnails([images.paths[row] for row in rows], whole) if images.paths else [None] * len(rows)
    pictures = [data_uri("image/jpeg", copy) if copy else "" for copy in copies]
    return [
        Changed(images.names[row], size, picture, float(difference.gained[row]), frames)
        for row, size, picture, *frames in zip(rows.tolist(), whole, pictures, *framed, strict=True)
    ]


def _frames(name: str, pair: Compared, rows: np.ndarray) -> list[Frame]:
    """Return the boxes of a contender on each of the images in `rows`."""
    truth, found = pair
    boxes = box_kinds(pair, evaluation_of(*pair).image_diagnostics(iou_thr=RIGHT_FROM))
    shown = np.flatnonzero(found.scores >= CONFIDENCE)
    places = positions_of(found.image_ids, truth.image_ids)
    by = np.where(boxes.found_by < 0, 0.0, np.append(found.scores, 0.0)[boxes.found_by])
    frames = []
    for row in rows.tolist():
        objects = np.flatnonzero((truth.images == row) & ~truth.crowd)
        detections = shown[places[shown] == row]
        outlines = [_outline(truth.boxes[each], "true", by[each] >= CONFIDENCE, "missed") for each in objects]
        outlines += [
            _outline(found.boxes[each], "found", boxes.kinds[each] <= Kind.RIGHT, "wrong") for each in detections
        ]
        frames.append(Frame(name, outlines))
    return frames


def _outline(box: np.ndarray, kind: str, is_right: bool, otherwise: str) -> Outline:
    return Outline(box.tolist(), kind if is_right else f"{kind} {otherwise}")
