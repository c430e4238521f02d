"""Kinds of errors of a detector, and how much AP50 would rise without each.

The kinds, and how AP without one of them is computed, are those of TIDE (Bolya et al., ECCV 2020, arXiv 2008.08115,
section 2): a detection is right from IoU 0.5 on, and near an object from IoU 0.1 on. hotcoco computes them.
"""

from dataclasses import dataclass

import hotcoco

from detect.evaluation.coco_scores import evaluation_of
from detect.evaluation.detections import Found
from detect.evaluation.truth import Truth


@dataclass(frozen=True)
class ErrorKind:
    """One kind of error."""

    name: str
    meaning: str
    count: int
    gain: float  # by which AP50 would rise without these errors, 0..1


_KINDS = (
    ("Cls", "class", "the box is right, the class is wrong"),
    ("Loc", "box", "the class is right, the box is not exact enough (IoU 0.1 to 0.5)"),
    ("Both", "class and box", "class and box are wrong, but there is an object (IoU 0.1 to 0.5)"),
    ("Dupe", "duplicate", "the object has been found already, with a higher confidence"),
    ("Bkg", "background", "there is no object"),
    ("Miss", "missed", "an object that no detection is near"),
)


def error_kinds(truth: Truth, found: Found) -> list[ErrorKind]:
    """Return all kinds of errors of some detections, those that cost most AP50 first."""
    return error_kinds_of(evaluation_of(truth, found))


def error_kinds_of(evaluation: hotcoco.COCOeval) -> list[ErrorKind]:
    """Return the same of what `evaluation_of` returns."""
    measured = evaluation.tide_errors()
    gains, counts = measured["delta_ap"], measured["counts"]
    kinds = [ErrorKind(name, meaning, int(counts[key]), float(gains[key])) for key, name, meaning in _KINDS]
    return sorted(kinds, key=lambda kind: -kind.gain)
