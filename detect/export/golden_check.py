"""Run the images of `golden.npz` through an export on this machine, and compare: `detect.check_export`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detect.artefacts.export_card import OUTPUTS, ExportCard, load_export_card
from detect.artefacts.format import Canvas
from detect.artefacts.golden_vectors import GoldenCall, read_golden
from detect.errors import BadInput
from detect.export.pairing import OBJECT, largest_differences, overlaps_with_any, rows_of, same_objects
from detect.inference.exports import find_artefact
from detect.inference.loading import load
from detect.inference.predictor import Model
from detect.structures import Detections

TIES = 3  # detections of an image that may be missing, even if they are more than half, because they tie with a limit


class Difference(NamedTuple):
    """A place at which an output is not what it was, and by how much."""

    output: str  # one of `OUTPUTS`
    image: int  # of the call
    position: int  # among the detections of the image, as they were or, of one that is new, as they are
    expected: str
    got: str
    size: float  # pixels of a box, or difference of scores; infinite where there is nothing to compare with


@dataclass(frozen=True)
class CheckedOutput:
    """An output of the model for one canvas."""

    canvas: Canvas
    name: str  # one of `OUTPUTS`
    largest: float  # difference: pixels of boxes, or of scores; for labels, how many differ
    allowed: float
    first: Difference | None  # the first that is larger than allowed; None: the output agrees


@dataclass(frozen=True)
class CheckedExport:
    """The outcome of `check_export`."""

    folder: Path
    card: ExportCard
    detections: int  # that were expected
    outputs: tuple[CheckedOutput, ...]

    @property
    def agrees(self) -> bool:
        """Whether the export computes here what it computed where it was made."""
        return all(output.first is None for output in self.outputs)


def check_export(folder: str | Path) -> CheckedExport:
    """Run an export on the images in it, on this machine, and compare its outputs with those that it gave when made.

    TensorFlow is needed only where the format needs it. Detections are compared with those of their class that overlap
    them best, so that neither the order of equal scores nor a tie at the threshold is a difference.

    Args:
        folder: the export, as `detect.export` has written it.

    Raises:
        BadInput: it is not an export, or it is damaged; an earlier version made it without such images; or a package
            is missing that runs it.
    """
    artefact = find_artefact(folder)
    if artefact is None:
        raise BadInput(f"{folder} is not an export. Give one that `detect export` wrote, such as RUN/exports/onnx.")
    card = load_export_card(artefact)
    model = load(artefact)
    calls = read_golden(artefact, card.canvases)
    found = {canvas: outputs_of(model, canvas, call) for canvas, call in calls.items()}
    outputs = [output for canvas, call in calls.items() for output in compared(canvas, call, found[canvas])]
    detections = sum(int((call.labels >= 0).sum()) for call in calls.values())
    return CheckedExport(artefact, card, detections, tuple(outputs))


def outputs_of(model: Model, canvas: Canvas, call: GoldenCall) -> Detections:
    """Return what a model finds in the images of a call."""
    images = call.images(canvas).astype(model.placement(1, 1).dtype)
    return model.detect(images, float(call.confidence), float(call.iou), call.extents)


def compared(canvas: Canvas, call: GoldenCall, found: Detections) -> list[CheckedOutput]:
    """Return how each output compares with that in the call.

    Args:
        canvas: of the images.
        call: the images and the outputs for them.
        found: the outputs here.
    """
    expected = Detections(call.boxes, call.scores, call.labels)
    allowed = {"boxes": float(call.box_tolerance), "scores": float(call.score_tolerance), "labels": 0.0}
    if wrong := list(_wrong_shapes(expected, found)):
        largest = dict.fromkeys(OUTPUTS, 0.0)
    else:
        images = [tuple(_real(each, image) for each in (expected, found)) for image in range(len(call.labels))]
        wrong = [fault for image, (ours, theirs) in enumerate(images) for fault in _faults(image, call, ours, theirs)]
        largest = _largest(images)
    return [_checked(canvas, name, largest[name], allowed[name], wrong) for name in OUTPUTS]


def _checked(canvas: Canvas, name: str, largest: float, allowed: float, faults: list[Difference]) -> CheckedOutput:
    own = [fault for fault in faults if fault.output == name]
    largest = max([largest if name != "labels" else 0.0, *(fault.size for fault in own)])
    return CheckedOutput(canvas, name, len(own) if name == "labels" else largest, allowed, next(iter(own), None))


def _wrong_shapes(expected: Detections, found: Detections) -> Iterator[Difference]:
    for name, ours, theirs in zip(OUTPUTS, expected, found, strict=True):
        before, now = (f"{values.dtype} {list(values.shape)}" for values in (ours, theirs))
        if before != now:
            yield Difference(name, 0, 0, before, now, np.inf)


def _real(found: Detections, image: int) -> Detections:
    """Return the detections of an image without padding."""
    rows = Detections(*(part[image] for part in found))
    return rows_of(rows, rows.labels >= 0)


def _largest(images: list[tuple[Detections, ...]]) -> dict[str, float]:
    """Return the largest differences between detections that match."""
    boxes, scores = 0.0, 0.0
    for ours, theirs in images:
        rows, columns = same_objects(ours, theirs)
        of_boxes, of_scores = largest_differences(rows_of(ours, rows), rows_of(theirs, columns))
        boxes, scores = max(boxes, float(of_boxes.max(initial=0))), max(scores, float(of_scores.max(initial=0)))
    return {"boxes": boxes, "scores": scores, "labels": 0.0}


def _faults(image: int, call: GoldenCall, ours: Detections, theirs: Detections) -> Iterator[Difference]:
    """Yield the differences that are larger than allowed, in the order of the detections of one image."""
    rows, columns = same_objects(ours, theirs)
    partners = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    room, tolerance = call.labels.shape[1], float(call.score_tolerance)
    floors = [_end(found, room, float(call.confidence)) + tolerance for found in (theirs, ours)]
    floors = [
        -np.inf if _are_many(len(found.labels) - len(rows), len(found.labels)) else floor
        for found, floor in zip((ours, theirs), floors, strict=True)
    ]
    for row in range(len(ours.labels)):
        if row in partners:
            yield from _beyond(image, row, call, rows_of(ours, row), rows_of(theirs, partners[row]))
        elif not ours.scores[row] <= floors[0]:
            yield _alone(image, row, ours, theirs, is_new=False)
    for column in np.delete(np.arange(len(theirs.labels)), columns):
        if not theirs.scores[column] <= floors[1]:
            yield _alone(image, int(column), theirs, ours, is_new=True)
    for place in np.flatnonzero(~(np.diff(theirs.scores) <= tolerance))[:1]:
        before, after = (float(score) for score in theirs.scores[place : place + 2])
        yield Difference("scores", image, int(place) + 1, f"at most {before:.4g}", f"{after:.4g}", after - before)


def _are_many(alone: int, detections: int) -> bool:
    """Return whether so many detections of an image have no match that ties do not explain it."""
    return alone > max(TIES, detections / 2)


def _end(found: Detections, room: int, confidence: float) -> float:
    """Return the score below which the detections of an image may be cut off."""
    return float(found.scores[-1]) if len(found.scores) == room else confidence


def _beyond(image: int, row: int, call: GoldenCall, ours: Detections, theirs: Detections) -> Iterator[Difference]:
    """Yield in what a detection differs from its match by more than allowed; a number that is none does, too."""
    of_box, of_score = float(np.abs(ours.boxes - theirs.boxes).max()), float(np.abs(ours.scores - theirs.scores))
    if not of_box <= call.box_tolerance:
        size = float(np.nan_to_num(of_box, nan=np.inf))
        yield Difference("boxes", image, row, _corners(ours.boxes), _corners(theirs.boxes), size)
    if not of_score <= call.score_tolerance:
        size = float(np.nan_to_num(of_score, nan=np.inf))
        yield Difference("scores", image, row, f"{ours.scores:.4g}", f"{theirs.scores:.4g}", size)


def _alone(image: int, row: int, found: Detections, others: Detections, is_new: bool) -> Difference:
    """Return the difference that a detection makes to which the other side has none.

    It is one of labels where a box of another class is at its place, of scores where one of its own class has another
    match, and else one of boxes.
    """
    box, score, label = (part[row] for part in found)
    told = f"class {label}, {score:.4g}, at {_corners(box)}"
    output, other = "boxes", "none there"
    overlaps = overlaps_with_any(found, row, others)
    if overlaps.max(initial=0) >= OBJECT:
        label_there, score_there = (part[int(overlaps.argmax())] for part in (others.labels, others.scores))
        if label_there == label:
            output, other = "scores", f"another one there, {score_there:.4g}"
        else:
            output, other = "labels", f"class {label_there} there"
    expected, got = (other, told) if is_new else (told, other)
    return Difference(output, image, row, expected, got, np.inf)


def _corners(box: np.ndarray) -> str:
    return f"[{', '.join(f'{edge:.1f}' for edge in box)}]"


def sentences(checked: CheckedExport) -> Iterator[str]:
    """Yield a line for each output: those that differ, the earliest of each canvas first, and then those that agree."""

    def order(output: CheckedOutput) -> tuple[int, ...]:
        first, canvas = output.first, checked.card.canvases.index(output.canvas)
        return (0, canvas, first.image, first.position) if first else (1, canvas)

    for output in sorted(checked.outputs, key=order):
        place = f"{output.canvas[0]}x{output.canvas[1]}: {output.name}"
        unit = " pixels" if output.name == "boxes" else ""
        limits = f"the largest difference is {output.largest:.2g}{unit}, {output.allowed:.2g}{unit} are allowed"
        if output.name == "labels" or not np.isfinite(output.largest):
            limits = ""
        if output.first is None:
            yield f"{place} agree: {limits}" if limits else f"{place} agree"
        else:
            first = output.first
            where = f"image {first.image}, position {first.position}: expected {first.expected}, got {first.got}"
            yield f"{place} differ: {where}; {limits}" if limits else f"{place} differ: {where}"
