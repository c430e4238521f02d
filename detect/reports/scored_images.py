"""The images of a report, and what its script knows about their boxes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from detect.data.pixels.resizing import Placing
from detect.data.records import Records
from detect.evaluation.coco_scores import Compared
from detect.evaluation.confusion import Confusion
from detect.evaluation.diagnosis.diagnosing import Diagnosis
from detect.evaluation.truth import Truth, positions_of

LEAST_SCORE = 0.05  # of detections on the page, or half of the best threshold where that is less


class ScoredImages(NamedTuple):
    """I images, in the order of the truth."""

    names: Sequence[str]
    sizes: np.ndarray  # float64 [I, 2], width and height; NaN where they are not known
    scales: np.ndarray  # float64 [I], by which each image is resized for the model; 1 where there is none
    paths: Sequence[Path] = ()  # [I], the files; none where they are not known


def images_of_records(records: Records, truth: Truth, placing: Placing | None = None) -> ScoredImages:
    """Return the images of a truth that comes from `records`; `placing` is that of the model."""
    order = np.argsort(records.image_ids, kind="stable")
    rows = order[positions_of(truth.image_ids, records.image_ids[order])]
    sizes = records.sizes[rows].astype(np.float64)
    paths = [records.image_path(row) for row in rows.tolist()]
    return ScoredImages(_short_names(paths), sizes, _scales(records.sizes[rows], placing), paths)


def images_of_file(truth: Truth) -> ScoredImages:
    """Return the images of a truth that comes from an annotation file, of which only names are known."""
    count = len(truth.image_ids)
    names = list(truth.files) or [str(each) for each in truth.image_ids.tolist()]
    return ScoredImages(names, np.full([count, 2], np.nan), np.ones(count))


def image_data(
    compared: Compared, confusion: Confusion, diagnosis: Diagnosis, images: ScoredImages, rows: np.ndarray
) -> dict[str, Any]:
    """Return what the script of a page knows about some images, as JSON has it. Boxes are x, y, width and height.

    Args:
        compared: the boxes and the detections.
        confusion: of these.
        diagnosis: of these.
        images: all images.
        rows: positions of those on the page, in its order.
    """
    truth, found = compared
    threshold = diagnosis.curves.best_threshold
    places = positions_of(found.image_ids, truth.image_ids)
    sizes = known_sizes(images, compared)
    shown = np.flatnonzero(found.scores >= min(LEAST_SCORE, threshold / 2))
    detections = _by_image(places[shown], found.scores[shown], rows, len(truth.image_ids))
    chosen, boxes = shown[detections.rows], _by_image(truth.images, -np.arange(len(truth)), rows, len(truth.image_ids))
    found_by = diagnosis.boxes.found_by
    by = np.where(truth.crowd, -1.0, np.where(found_by < 0, 0.0, np.append(found.scores, 0.0)[found_by]))
    return {
        "classes": list(truth.names),
        "threshold": threshold,
        "names": [_printable(images.names[row]) for row in rows.tolist()],
        "sizes": sizes[rows].round().astype(int).ravel().tolist(),
        "scales": _rounded(images.scales[rows], 4),
        "lost": _rounded(diagnosis.lost[rows], 6),
        "found": {
            "ends": detections.ends.tolist(),
            "boxes": _rounded(found.boxes[chosen].ravel(), 1),
            "scores": _rounded(found.scores[chosen], 4),
            "labels": positions_of(found.category_ids[chosen], truth.category_ids).tolist(),
            "kinds": diagnosis.boxes.kinds[chosen].tolist(),
            "objects": confusion.objects_of[chosen].tolist(),
        },
        "true": {
            "ends": boxes.ends.tolist(),
            "boxes": _rounded(truth.boxes[boxes.rows].ravel(), 1),
            "labels": truth.categories[boxes.rows].tolist(),
            "by": _rounded(by[boxes.rows], 4),
            "as": confusion.detected_as[boxes.rows].tolist(),
        },
        "hints": _hints(compared, diagnosis, places, rows),
    }


def originals(images: ScoredImages, folder: Path) -> list[str] | None:
    """Return the address of each image file for a page in `folder`; None unless all of them are files.

    Addresses are relative, so that the folder of the data and that of the page can be moved together.
    """
    if not images.paths or not all(map(os.path.isfile, images.paths)):
        return None
    return [_address(path, folder) for path in images.paths]


def _short_names(paths: Sequence[Path]) -> list[str]:
    """Return the paths within the folder that all of them have in common."""
    try:
        common = os.path.commonpath({path.parent for path in paths})
    except ValueError:  # several drives
        return list(map(str, paths))
    return [path.relative_to(common).as_posix() for path in paths]


def _address(path: Path, folder: Path) -> str:
    try:
        return quote(Path(os.path.relpath(path, folder)).as_posix().encode("utf-8", "surrogateescape"))
    except ValueError:  # another drive
        return path.absolute().as_uri()


class _Rows(NamedTuple):
    rows: np.ndarray  # of boxes, image by image
    ends: np.ndarray  # where those of each image end


def _by_image(places: np.ndarray, scores: np.ndarray, wanted: np.ndarray, images: int) -> _Rows:
    """Return the boxes of the wanted images, the highest score first."""
    ranks = np.full(images, -1)
    ranks[wanted] = np.arange(len(wanted))
    rank = ranks[places]
    order = np.lexsort((-scores, rank))
    order = order[rank[order] >= 0]
    return _Rows(order, np.cumsum(np.bincount(rank[order], minlength=len(wanted))))


def _hints(compared: Compared, diagnosis: Diagnosis, places: np.ndarray, rows: np.ndarray) -> list[list[Any]]:
    """Return the position on the page and the box of each hint whose image is on it."""
    position = {row: place for place, row in enumerate(rows.tolist())}
    boxes = compared.found.boxes
    return [
        [position.get(int(places[hint.detection]), -1), *_rounded(boxes[hint.detection], 1)] for hint in diagnosis.hints
    ]


def known_sizes(images: ScoredImages, compared: Compared) -> np.ndarray:
    """Return width and height of each image, float64 [I, 2]; where they are not known, of what holds all boxes."""
    if np.isfinite(images.sizes).all():
        return images.sizes
    truth, found = compared
    least = np.ones_like(images.sizes)
    np.maximum.at(least, truth.images, truth.boxes[:, :2] + truth.boxes[:, 2:])
    places = positions_of(found.image_ids, truth.image_ids)
    np.maximum.at(least, places, found.boxes[:, :2] + found.boxes[:, 2:])
    return np.where(np.isfinite(images.sizes), images.sizes, np.ceil(least))


def _scales(sizes: np.ndarray, placing: Placing | None) -> np.ndarray:
    if placing is None:
        return np.ones(len(sizes))
    unique, inverse = np.unique(sizes, axis=0, return_inverse=True)
    placements = [placing(height, width) for width, height in unique.tolist()]
    of_size = np.array([np.sqrt(each.scale_x * each.scale_y) for each in placements])
    return of_size[inverse.reshape(-1)]


def _rounded(values: np.ndarray, digits: int) -> list[float]:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _printable(name: str) -> str:
    """Return a name of a file, of which bytes that are no text are written in ASCII."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
