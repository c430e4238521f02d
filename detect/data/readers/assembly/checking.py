"""Check the content of annotation files, and make records of it: images that open, boxes within them.

Readers fill an `Annotations`; `check` reports and removes what is wrong, in whole columns and in the memory of the
annotations, because a dataset may have ten million boxes.
"""

from array import array
from dataclasses import dataclass, replace

import numpy as np

from detect.data.joining import repeats
from detect.data.pixels.headers import Header, read_header, turn_boxes
from detect.data.problems import Box, Problems
from detect.data.readers.assembly.annotations import NO_SIZE, Annotations
from detect.data.readers.assembly.box_forms import (
    Form,
    corners_of,
    in_other_unit,
    likely_form,
    likely_unturned,
    to_corners,
    to_sizes,
)
from detect.data.readers.assembly.same_images import find_same
from detect.data.records import Records
from detect.data.regular_files import is_absent
from detect.data.stated_truth import StatedTruth, sizes_of
from detect.errors import BadInput

_UNREAD = Header(*NO_SIZE, orientation=1)


@dataclass(frozen=True)
class _Images:
    """The contents of the headers of R images."""

    kept: np.ndarray  # bool [R], false for an image that is missing, unreadable, or the same as another
    sizes: np.ndarray  # int32 [R, 2], upright width and height, pixels
    orientations: np.ndarray  # int8 [R], EXIF


@np.errstate(over="ignore", invalid="ignore")  # what overflows is not in an image, and its box is reported
def check(annotations: Annotations) -> Records:
    """Return the records of a split, without what is wrong, which is reported to `annotations.problems`.

    The boxes of `annotations` are changed in place.
    """
    annotations.problems.images_total += len(annotations.images)
    annotations.problems.boxes_total += len(annotations.boxes)
    first, contradicting = find_same(annotations)
    images = _read_headers(annotations, (first == np.arange(len(first))) & ~contradicting)
    table, sideways = annotations.boxes.table, _sideways(images, annotations)
    drawn_on = np.where(sideways[:, None], images.sizes[:, ::-1], images.sizes)
    stated = _stated(table, images, drawn_on, annotations)
    to_corners(table["box"], annotations.kept_form)
    table["row"] = first[table["row"]]
    table = _without_lost_images(table, images, annotations)
    table = _without_unturned(table, images, sideways, annotations)
    table = _without_misread(table, images, annotations)
    if annotations.fractions:
        for side in range(4):
            table["box"][:, side] *= drawn_on[table["row"], side % 2]
    table = _without_impossible(table, drawn_on, annotations)
    _turn(table, images, sideways, annotations)
    table = _within_frame(table, images, annotations)
    specks = (table["box"][:, 2:] - table["box"][:, :2] < 1).all(axis=1)
    _report(table, specks, "box under a pixel", "kept", annotations)
    table = _without_repeats(table, annotations)
    looked_for = annotations.looked_for and annotations.looked_for.joined(first).select(images.kept)
    records = _pack(table, images, annotations)
    return replace(
        records,
        looked_for=looked_for and looked_for.unless_complete(),
        stated=stated.unless_same(records.stated_truth()),
    )


def _read_headers(annotations: Annotations, kept: np.ndarray) -> _Images:
    """Read the headers of the images to be `kept`, bool [R], which becomes false where that fails."""
    sizes, orientations = array("i"), array("b")
    for row, path in enumerate(annotations.paths()):
        header = _read_header(path, row, annotations) if kept[row] else _UNREAD
        if header is _UNREAD:
            kept[row] = False
        sizes.extend(header.size)
        orientations.append(header.orientation)
    return _Images(kept, np.frombuffer(sizes, np.int32).reshape(-1, 2), np.frombuffer(orientations, np.int8))


def _read_header(path: str, row: int, annotations: Annotations) -> Header:
    try:
        return read_header(path)
    except OSError as error:
        kind = "missing image" if is_absent(error) else "unreadable image"
        what = f"{path}: {error.strerror}"
    except BadInput as error:
        kind, what = "unreadable image", str(error)
    annotations.problems.add(kind, annotations.locate_image(row), what, "left out with its boxes", images=1)
    return _UNREAD


def _stated(table: np.ndarray, images: _Images, drawn_on: np.ndarray, annotations: Annotations) -> StatedTruth:
    """Return the boxes of images that are kept, as they are stated; what is not a number is not a box.

    Boxes of images that were annotated before their EXIF rotation are turned with them.

    Args:
        table: the boxes, in the form that they are kept in.
        images: the images.
        drawn_on: the sizes of the images as the boxes were drawn, [R, 2].
        annotations: say what the numbers of the table are.
    """
    chosen = np.flatnonzero(images.kept[table["row"]] & np.isfinite(table["box"]).all(axis=1))
    rows = table["row"][chosen]
    order = np.argsort(rows, kind="stable")
    chosen, rows = chosen[order], rows[order]
    boxes = to_sizes(table["box"][chosen], annotations.kept_form)
    if annotations.fractions:
        boxes *= np.tile(drawn_on[rows], 2)
    turned = (drawn_on != images.sizes).any(axis=1)
    for orientation in (5, 6, 7, 8):
        own = (turned & (images.orientations == orientation))[rows]
        boxes[own] = sizes_of(turn_boxes(corners_of(boxes[own].T, Form.SIZE), orientation, drawn_on[rows[own]]))
    areas = table["area"][chosen]
    return StatedTruth(
        box_ends=np.cumsum(np.bincount(rows, minlength=len(images.kept))[images.kept], dtype=np.int64),
        boxes=boxes,
        labels=table["label"][chosen].astype(np.int32),
        ignore=table["ignore"][chosen],
        areas=np.where(np.isfinite(areas), areas, boxes[:, 2] * boxes[:, 3]),
    )


def _without_lost_images(table: np.ndarray, images: _Images, annotations: Annotations) -> np.ndarray:
    kept = images.kept[table["row"]]
    annotations.problems.lost_boxes += int(np.count_nonzero(~kept))
    return _select(table, kept)


def _select(table: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the rows where `kept`; where that is all of them, the table itself instead of a copy."""
    return table if kept.all() else table[kept]


def _without_misread(table: np.ndarray, images: _Images, annotations: Annotations) -> np.ndarray:
    """Drop boxes whose numbers are in all likelihood not in the unit or in the form that the format has."""
    form, fractions = annotations.form, annotations.fractions
    other_unit = in_other_unit(table["box"], form, fractions)
    units = "pixels in place of fractions" if fractions else "fractions of the image in place of pixels"
    table = _drop(table, other_unit, "box in another unit", annotations, f"dropped: {units}. Convert them")
    # Where stated sizes differ from the true ones, boxes may be in either.
    sizes = np.ones_like(images.sizes) if fractions else np.maximum(images.sizes, annotations.images.sizes)
    likely = likely_form(table["box"], sizes[table["row"]], form)
    if likely is None:
        return table
    why = f"{likely.misfitting:.0%} of the boxes leave their images by far as {form.value}"
    instead = f"{likely.fitting:.0%} are within them as {likely.form.value}"
    every = np.ones(len(table), bool)
    return _drop(table, every, "box in another form", annotations, f"dropped: {why}, and {instead}. Convert them")


def _without_unturned(table: np.ndarray, images: _Images, sideways: np.ndarray, annotations: Annotations) -> np.ndarray:
    """Drop boxes that, in all likelihood, were drawn before their images were turned; those `sideways` are turned."""
    turned = ((images.orientations >= 5) & ~sideways)[table["row"]]
    own = table[turned]
    likely = None
    if len(own) and not annotations.fractions:  # fractions fit any frame
        likely = likely_unturned(own["box"], images.sizes[own["row"]], annotations.form)
    if likely is None:
        return table
    why = f"{likely.misfitting:.0%} of the boxes of turned images leave these by far"
    instead = f"{likely.fitting:.0%} are within them as they are stored"
    way_on = "State the sizes that the tool showed, or store the images upright"
    return _drop(table, turned, "box drawn before turning", annotations, f"dropped: {why}, and {instead}. {way_on}")


def _without_impossible(table: np.ndarray, drawn_on: np.ndarray, annotations: Annotations) -> np.ndarray:
    """Drop boxes that cannot be boxes; `drawn_on` [R, 2] are the sizes of the images as the boxes were drawn."""
    table = _drop(table, ~np.isfinite(table["box"]).all(axis=1), "box that is not a number", annotations)
    table = _with_ordered_corners(table, drawn_on, annotations)
    return _drop(table, _empty(table["box"]), "zero-area box", annotations)


def _with_ordered_corners(table: np.ndarray, drawn_on: np.ndarray, annotations: Annotations) -> np.ndarray:
    """Order the corners of boxes that end before they begin, and drop those that then are not within their image.

    Tools that store a box as it was drawn, from any corner to the opposite one, write such boxes.
    """
    inverted = np.any(table["box"][:, 2:] < table["box"][:, :2], axis=1)
    rows = np.flatnonzero(inverted)
    first, last = table["box"][rows, :2], table["box"][rows, 2:]
    ordered = np.concatenate([np.minimum(first, last), np.maximum(first, last)], axis=1)
    within = _is_within(ordered, drawn_on[table["row"][rows]])
    exchanged = np.zeros(len(table), bool)
    exchanged[rows[within]] = True
    _report(table, exchanged, "box with exchanged corners", "kept, its corners in order", annotations)
    table["box"][rows[within]] = ordered[within]
    return _drop(table, inverted & ~exchanged, "inverted box", annotations)


def _is_within(boxes: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return which boxes [n, 4] are within frames [n, 2], but for less than a pixel, because exporters round."""
    return np.all((boxes[:, :2] > -1) & (boxes[:, 2:] < frame + 1), axis=1)


def _empty(boxes: np.ndarray) -> np.ndarray:
    """Return which boxes have no width or no height in the precision of records."""
    boxes = boxes.astype(np.float32)
    return np.any(boxes[:, 2:] <= boxes[:, :2], axis=1)


def _sideways(images: _Images, annotations: Annotations) -> np.ndarray:
    """Return which images were annotated before their EXIF rotation, bool [R]: their stated size is the stored one.

    An image whose stored and upright sizes are equal (square, or turned by 180 degrees) cannot show which of the two
    was annotated: upright is assumed, as all current tools show it so.
    """
    return (
        _differing(images, annotations)
        & (images.orientations >= 5)
        & (annotations.images.sizes[:, ::-1] == images.sizes).all(axis=1)
    )


def _differing(images: _Images, annotations: Annotations) -> np.ndarray:
    """Return which images have a stated size other than their own, bool [R]."""
    stated = annotations.images.sizes
    return images.kept & stated.all(axis=1) & (stated != images.sizes).any(axis=1)


def _turn(table: np.ndarray, images: _Images, sideways: np.ndarray, annotations: Annotations) -> None:
    """Report stated sizes that are not the true ones, and turn the boxes of images that are `sideways`, bool [R]."""
    stated = annotations.images.sizes

    def describe(row: int) -> tuple[str, str]:
        (width, height), true = stated[row], images.sizes[row]
        return annotations.locate_image(row), f"stated {width}x{height}, the upright image is {true[0]}x{true[1]}"

    def show(row: int) -> tuple[str, None]:
        return str(annotations.path(row)), None

    report, wrong = annotations.problems.add_many, np.flatnonzero(_differing(images, annotations) & ~sideways)
    report("annotated before EXIF rotation", np.flatnonzero(sideways), describe, "boxes turned with the image", show)
    report("stated size differs", wrong, describe, "true size used, boxes kept as they are", show)
    for orientation in (5, 6, 7, 8):
        own = (sideways & (images.orientations == orientation))[table["row"]]
        table["box"][own] = turn_boxes(table["box"][own], orientation, stated[table["row"][own]])


def _within_frame(table: np.ndarray, images: _Images, annotations: Annotations) -> np.ndarray:
    """Clip boxes to their image: silently where less than a pixel is cut, because exporters round."""
    frame = images.sizes[table["row"]]
    outside = ((table["box"][:, 2:] <= 0) | (table["box"][:, :2] >= frame)).any(axis=1)
    past = ~_is_within(table["box"], frame)
    _count_drawn_unturned(table[outside | past], images, annotations.problems)
    table, frame = _drop(table, outside, "box outside its image", annotations), frame[~outside]
    _report(table, past[~outside], "box past the frame", "clipped", annotations)
    for side in range(4):
        np.clip(table["box"][:, side], 0, frame[:, side % 2], out=table["box"][:, side])
    return _drop(table, _empty(table["box"]), "zero-area box", annotations)


def _count_drawn_unturned(leaving: np.ndarray, images: _Images, problems: Problems) -> None:
    """Count the boxes that leave a turned image, and those of them that are within it as it is stored."""
    leaving = leaving[(images.orientations >= 5)[leaving["row"]]]
    problems.boxes_leaving_turned += len(leaving)
    stored = images.sizes[leaving["row"]][:, ::-1]
    problems.boxes_drawn_unturned += int(np.count_nonzero(_is_within(leaving["box"], stored)))


def _without_repeats(table: np.ndarray, annotations: Annotations) -> np.ndarray:
    """Drop boxes that state the same object a second time, to the last digit."""
    repeated = repeats([table["row"], table["label"], table["ignore"], *table["box"].T])
    _report(table, repeated, "duplicate box", "the first is kept", annotations)
    return _select(table, ~repeated)


def _drop(
    table: np.ndarray, bad: np.ndarray, kind: str, annotations: Annotations, action: str = "dropped"
) -> np.ndarray:
    _report(table, bad, kind, action, annotations)
    annotations.problems.lost_boxes += int(np.count_nonzero(bad))
    return _select(table, ~bad)


def _report(table: np.ndarray, bad: np.ndarray, kind: str, action: str, annotations: Annotations) -> None:
    def describe(index: int) -> tuple[str, str]:
        x1, y1, x2, y2 = (f"{value:g}" for value in table["box"][index])
        image = annotations.path(int(table["row"][index]))
        return annotations.locate_box(int(table["number"][index])), f"x {x1}..{x2}, y {y1}..{y2} on {image}"

    def show(index: int) -> tuple[str, Box]:
        return str(annotations.path(int(table["row"][index]))), tuple(table["box"][index].tolist())

    annotations.problems.add_many(kind, np.flatnonzero(bad), describe, action, show)


def _pack(table: np.ndarray, images: _Images, annotations: Annotations) -> Records:
    if (table["row"][1:] < table["row"][:-1]).any():
        table = table[np.argsort(table["row"], kind="stable")]
    stated, kept = annotations.images, images.kept
    if not kept.all():
        stated = stated.select(np.flatnonzero(kept))
    areas = _areas(table)
    return Records(
        folder=annotations.folder,
        paths=stated.names,
        image_ids=annotations.keys.column(stated.ids),
        sizes=_select(images.sizes, kept),
        box_ends=np.cumsum(np.bincount(table["row"], minlength=len(kept))[kept], dtype=np.int64),
        boxes=table["box"].astype(np.float32),
        labels=table["label"].astype(np.int32),
        ignore=table["ignore"].copy(),
        areas=areas,
    )


def _areas(table: np.ndarray) -> np.ndarray:
    """Return the areas of boxes, float64 [M]: the stated ones where they can be, else those of the boxes themselves."""
    box, stated = table["box"], table["area"]
    areas = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
    np.copyto(areas, stated, where=np.isfinite(stated) & (stated > 0))
    return areas
