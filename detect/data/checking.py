"""From what annotation files state to records that can be relied on: images that open, boxes within them.

Readers fill an `Annotations`, column by column; `check` reports and removes what is wrong, in whole columns too,
because a data set may have ten million boxes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from detect.data.headers import Header, read_header, turn_boxes
from detect.data.problems import Problems
from detect.data.records import Records
from detect.errors import BadInput

NO_SIZE = (0, 0)
NO_AREA = float("nan")

_TABLE = np.dtype(
    [("row", "i8"), ("number", "i8"), ("box", "f8", (4,)), ("label", "i4"), ("ignore", "?"), ("area", "f8")]
)


@dataclass
class Annotations:
    """One split as its files state it, nothing checked: R images, M boxes."""

    source: str  # the file that lists the images
    locate_image: Callable[[int], str]  # row -> where that image is named, for messages
    locate_box: Callable[[int], str]  # number of a box -> where it is stated
    fractions: bool = False  # boxes are fractions of the upright image's width and height, not pixels
    paths: list[str] = field(default_factory=list)  # [R]
    image_ids: list[int] = field(default_factory=list)  # [R]
    sizes: list[tuple[int, int]] = field(default_factory=list)  # [R] stated width and height, or NO_SIZE
    rows: list[int] = field(default_factory=list)  # [M] which image each box is on
    boxes: list[tuple[float, ...]] = field(default_factory=list)  # [M] x1, y1, x2, y2
    labels: list[int] = field(default_factory=list)  # [M]
    ignore: list[bool] = field(default_factory=list)  # [M]
    areas: list[float] = field(default_factory=list)  # [M] square pixels, or NO_AREA: the box's own
    problems: Problems = field(default_factory=Problems)  # those met while reading

    def add_image(self, path: str, image_id: int, size: tuple[int, int] = NO_SIZE) -> int:
        """Adds an image and gives its row."""
        self.paths.append(path)
        self.image_ids.append(image_id)
        self.sizes.append(size)
        return len(self.paths) - 1

    def add_box(self, row: int, box: tuple, label: int, ignore: bool = False, area: float = NO_AREA) -> None:
        """Adds a box of the image in `row`."""
        self.rows.append(row)
        self.boxes.append(box)
        self.labels.append(label)
        self.ignore.append(ignore)
        self.areas.append(area)


@dataclass(frozen=True)
class _Images:
    """What the headers of R images say."""

    kept: np.ndarray  # bool [R], false for one that is missing, unreadable or named before
    sizes: np.ndarray  # int64 [R, 2], upright width and height, pixels
    orientations: np.ndarray  # int64 [R], EXIF


def check(annotations: Annotations) -> Records:
    """The records of a split; everything that is wrong goes to its `problems`."""
    annotations.problems.images_total += len(annotations.paths)
    annotations.problems.boxes_total += len(annotations.rows)
    first = _first_rows(annotations)
    images = _read_headers(annotations, first)
    table = _table(annotations, first)
    table = _without_lost_images(table, images, annotations)
    if annotations.fractions:
        table["box"] *= np.tile(images.sizes[table["row"]], 2)
    table = _without_impossible(table, annotations)
    _turn(table, images, annotations)
    table = _within_frame(table, images, annotations)
    table = _without_repeats(table, annotations)
    return _pack(table, images, annotations)


def _first_rows(annotations: Annotations) -> np.ndarray:
    """For each image the row where its file is first named; a second naming gives its boxes to the first."""
    first: dict[str, int] = {}
    rows = np.array([first.setdefault(path, row) for row, path in enumerate(annotations.paths)], np.int64)

    def describe(row: int) -> tuple[str, str]:
        where = annotations.locate_image
        return where(row), f"{annotations.paths[row]} is already named by {where(int(rows[row]))}"

    repeats = np.flatnonzero(rows != np.arange(len(rows)))
    annotations.problems.add_many("duplicate image", repeats, describe, "joined with the first")
    return rows


def _read_headers(annotations: Annotations, first: np.ndarray) -> _Images:
    kept = first == np.arange(len(first))
    sizes = np.zeros((len(first), 2), np.int64)
    orientations = np.ones(len(first), np.int64)
    for row in np.flatnonzero(kept).tolist():
        header = _read_header(annotations, row)
        if header is None:
            kept[row] = False
        else:
            sizes[row], orientations[row] = header.size, header.orientation
    return _Images(kept, sizes, orientations)


def _read_header(annotations: Annotations, row: int) -> Header | None:
    path = annotations.paths[row]
    try:
        return read_header(path)
    except OSError as error:
        kind, what = "missing image", f"{path}: {error.strerror}"
    except BadInput as error:
        kind, what = "unreadable image", str(error)
    annotations.problems.add(kind, annotations.locate_image(row), what, "left out with its boxes", images=1)
    return None


def _table(annotations: Annotations, first: np.ndarray) -> np.ndarray:
    table = np.zeros(len(annotations.rows), _TABLE)
    table["row"] = first[np.array(annotations.rows, np.int64)]
    table["number"] = np.arange(len(table))
    table["box"] = np.array(annotations.boxes, np.float64).reshape(-1, 4)
    table["label"] = annotations.labels
    table["ignore"] = annotations.ignore
    table["area"] = annotations.areas
    return table


def _without_lost_images(table: np.ndarray, images: _Images, annotations: Annotations) -> np.ndarray:
    kept = images.kept[table["row"]]
    annotations.problems.lost_boxes += int(np.count_nonzero(~kept))
    return table[kept]


def _without_impossible(table: np.ndarray, annotations: Annotations) -> np.ndarray:
    """Drops boxes that are no boxes wherever the frame is."""
    table = _drop(table, ~np.isfinite(table["box"]).all(axis=1), "box that is not a number", annotations)
    inverted = np.any(table["box"][:, 2:] < table["box"][:, :2], axis=1)
    table = _drop(table, inverted, "inverted box", annotations)
    return _drop(table, _empty(table["box"]), "zero-area box", annotations)


def _empty(boxes: np.ndarray) -> np.ndarray:
    """Which boxes have no width or no height in the precision that records keep."""
    boxes = boxes.astype(np.float32)
    return np.any(boxes[:, 2:] <= boxes[:, :2], axis=1)


def _turn(table: np.ndarray, images: _Images, annotations: Annotations) -> None:
    """Compares stated sizes with the true ones; boxes drawn on a picture before its EXIF rotation are turned with it.

    A picture whose stored and upright sizes are equal (square, or turned by 180 degrees) cannot show which of the two
    was annotated: upright is assumed, as all current tools draw it so.
    """
    stated = np.array(annotations.sizes, np.int64).reshape(-1, 2)
    differing = images.kept & stated.all(axis=1) & (stated != images.sizes).any(axis=1)
    sideways = differing & (images.orientations >= 5) & (stated[:, ::-1] == images.sizes).all(axis=1)

    def describe(row: int) -> tuple[str, str]:
        (width, height), true = stated[row], images.sizes[row]
        return annotations.locate_image(row), f"stated {width}x{height}, the upright image is {true[0]}x{true[1]}"

    report, wrong = annotations.problems.add_many, np.flatnonzero(differing & ~sideways)
    report("annotated before EXIF rotation", np.flatnonzero(sideways), describe, "boxes turned with the image")
    report("stated size differs", wrong, describe, "true size used, boxes kept as they are")
    for orientation in (5, 6, 7, 8):
        own = (sideways & (images.orientations == orientation))[table["row"]]
        table["box"][own] = turn_boxes(table["box"][own], orientation, stated[table["row"][own]])


def _within_frame(table: np.ndarray, images: _Images, annotations: Annotations) -> np.ndarray:
    """Clips boxes to their image: silently where less than a pixel is cut, because exporters round."""
    frame = images.sizes[table["row"]].astype(np.float64)
    outside = ((table["box"][:, 2:] <= 0) | (table["box"][:, :2] >= frame)).any(axis=1)
    table, frame = _drop(table, outside, "box outside its image", annotations), frame[~outside]
    clipped = np.clip(table["box"], 0, np.tile(frame, 2))
    past = (np.abs(table["box"] - clipped) >= 1).any(axis=1)
    _report(table, past, "box past the frame", "clipped", annotations)
    table["box"] = clipped
    return _drop(table, _empty(clipped), "zero-area box", annotations)


def _without_repeats(table: np.ndarray, annotations: Annotations) -> np.ndarray:
    """Drops boxes that state the same object a second time, to the last digit."""
    keys = [table["row"], table["label"], table["ignore"], *table["box"].T]
    order = np.lexsort(keys)  # stable: of equal boxes the first stays first
    same = np.ones(max(len(table) - 1, 0), bool)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    repeats = np.zeros(len(table), bool)
    repeats[order[1:][same]] = True
    _report(table, repeats, "duplicate box", "the first is kept", annotations)
    return table[~repeats]


def _drop(table: np.ndarray, bad: np.ndarray, kind: str, annotations: Annotations) -> np.ndarray:
    _report(table, bad, kind, "dropped", annotations)
    annotations.problems.lost_boxes += int(np.count_nonzero(bad))
    return table[~bad]


def _report(table: np.ndarray, bad: np.ndarray, kind: str, action: str, annotations: Annotations) -> None:
    def describe(index: int) -> tuple[str, str]:
        x1, y1, x2, y2 = (f"{value:g}" for value in table["box"][index])
        image = annotations.paths[table["row"][index]]
        return annotations.locate_box(int(table["number"][index])), f"x {x1}..{x2}, y {y1}..{y2} on {image}"

    annotations.problems.add_many(kind, np.flatnonzero(bad), describe, action)


def _pack(table: np.ndarray, images: _Images, annotations: Annotations) -> Records:
    table = table[np.argsort(table["row"], kind="stable")]
    kept = np.flatnonzero(images.kept)
    paths = [annotations.paths[row].encode("utf-8", "surrogateescape") for row in kept]
    width, height = (table["box"][:, 2:] - table["box"][:, :2]).T
    stated = np.isfinite(table["area"]) & (table["area"] > 0)
    return Records(
        paths=b"".join(paths),
        path_ends=np.cumsum([len(path) for path in paths], dtype=np.int64),
        image_ids=np.array(annotations.image_ids, np.int64)[kept],
        sizes=images.sizes[kept].astype(np.int32),
        box_ends=np.cumsum(np.bincount(table["row"], minlength=len(images.kept))[kept], dtype=np.int64),
        boxes=table["box"].astype(np.float32),
        labels=table["label"].copy(),
        ignore=table["ignore"].copy(),
        areas=np.where(stated, table["area"], width * height),
    )
