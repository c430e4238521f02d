"""The parts of a report that show scores, and what explains them."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from detect.evaluation.coco_scores import METRICS, Compared, Scores
from detect.evaluation.confusion import Confusion
from detect.evaluation.diagnosis.diagnosing import Diagnosis
from detect.evaluation.diagnosis.label_hints import LabelHint
from detect.evaluation.diagnosis.threshold_curves import THRESHOLDS, ThresholdCurves
from detect.evaluation.intervals import Interval
from detect.evaluation.matching_by_image import mean_of_defined
from detect.evaluation.truth import positions_of
from detect.reports.charts import Axis, Chart, Line, line_chart
from detect.reports.scored_images import ScoredImages

MEANINGS = {
    "AP": "average precision, mean over IoU 0.50 to 0.95",
    "AP50": "average precision at IoU 0.50",
    "AP75": "average precision at IoU 0.75",
    "APs": "AP of small objects, under 32 x 32 pixels",
    "APm": "AP of medium objects",
    "APl": "AP of large objects, over 96 x 96 pixels",
    "AR1": "average recall with 1 detection per image",
    "AR10": "average recall with 10 detections per image",
    "AR100": "average recall with 100 detections per image",
    "ARs": "AR100 of small objects",
    "ARm": "AR100 of medium objects",
    "ARl": "AR100 of large objects",
}
HEADLINES = ("AP", "AP50", "AP75", "AR100")  # at the top of the page, and for each class
MOST_NARROW = 30  # classes up to which the confusion matrix is shown whole
MOST_CONFUSIONS = 50  # in a list where there are more
MOST_LINES = 100  # classes in a chart
SHARE = Axis("", 0.0, 1.0)


class Cell(NamedTuple):
    """A cell of the confusion matrix."""

    true: int  # class; K for nothing
    found: int
    number: int
    share: float  # of the objects of the true class, 0..1


def score_rows(numbers: dict[str, Any], diagnosis: Diagnosis | None) -> list[tuple[str, float, Interval | None, str]]:
    """Return name, value, interval and meaning of each of COCO's twelve numbers, from those that JSON has."""
    known: dict[str, Interval] = {}
    if diagnosis:
        whole = diagnosis.intervals
        known = {"AP": whole.AP, "AP50": whole.AP50, "AP75": whole.AP75, **diagnosis.intervals_of_sizes}
    return [(name, numbers[name], _finite(known.get(name)), MEANINGS[name]) for name in METRICS if name in numbers]


def class_rows(
    numbers: dict[str, Any], diagnosis: Diagnosis | None, thresholds: Mapping[str, float] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """Return the scores of each class, with the interval of its AP and its thresholds where they are known.

    Args:
        numbers: the scores as JSON has them.
        diagnosis: what explains them.
        thresholds: the chosen ones of the model, by class.
    """
    rows = [
        {"name": name, **dict.fromkeys(("interval", "f1", "threshold", "chosen", "precision", "recall")), **row}
        for name, row in numbers.get("per_class", {}).items()
    ]
    for position, row in enumerate(rows if diagnosis else ()):
        f1 = diagnosis.curves.f1[position]  # type: ignore[union-attr]
        row["interval"] = _finite(diagnosis.intervals.per_class[position])  # type: ignore[union-attr]
        if np.isfinite(f1).all():
            row["f1"], row["threshold"] = float(f1.max()), float(THRESHOLDS[f1.argmax()])
        if row["name"] in thresholds:
            row |= _at_chosen(diagnosis.curves, position, thresholds[row["name"]])  # type: ignore[union-attr]
    return sorted(rows, key=lambda row: (row["AP"] is None, -(row["AP"] or 0)))


def _at_chosen(curves: ThresholdCurves, position: int, chosen: float) -> dict[str, float]:
    """Return the chosen threshold of a class, with precision and recall at the next point of its curves."""
    place = min(int(np.searchsorted(THRESHOLDS, chosen)), len(THRESHOLDS) - 1)
    return {"chosen": chosen, "precision": curves.precision[position, place], "recall": curves.recall[position, place]}


def curve_charts(scores: Scores, diagnosis: Diagnosis | None) -> list[Chart]:
    """Return the charts of precision and recall, against each other and against the threshold, and of calibration."""
    precisions = dict(list(scores.curves.precisions.items())[:MOST_LINES])
    if not precisions:
        return []
    lines = [Line(name, scores.curves.recalls, values) for name, values in precisions.items()]
    charts = [_chart("Precision and recall at IoU 0.5", lines, "recall", "precision")]
    if diagnosis is None:
        return charts
    names = scores.confusion.names
    for title, values in (
        ("F1", diagnosis.curves.f1),
        ("Precision", diagnosis.curves.precision),
        ("Recall", diagnosis.curves.recall),
    ):
        lines = [Line(name, THRESHOLDS, values[row]) for row, name in enumerate(names) if name in precisions]
        charts.append(_chart(f"{title} against the threshold, at IoU 0.5", lines, "threshold", title.lower()))
    return [*charts, _calibration(diagnosis)]


def confusion_table(confusion: Confusion) -> dict[str, Any]:
    """Return the confusion matrix as the page shows it: whole, or its largest cells where there are many classes."""
    names = [*confusion.names, "nothing"]
    totals = confusion.counts.sum(axis=1, keepdims=True)
    totals[-1] = confusion.counts[:-1].sum()  # detections of nothing are compared with all objects
    shares = np.minimum(confusion.counts / np.maximum(totals, 1), 1)
    cells = [
        [Cell(true, found, int(count), float(shares[true, found])) for found, count in enumerate(row)]
        for true, row in enumerate(confusion.counts)
    ]
    wrong = sorted((cell for row in cells for cell in row if cell.true != cell.found and cell.number), key=_by_count)
    whole = len(confusion.names) <= MOST_NARROW
    return {
        "names": names,
        "rows": cells if whole else [],
        "largest": [] if whole else wrong[:MOST_CONFUSIONS],
        "confidence": confusion.confidence,
    }


def hint_rows(compared: Compared, hints: Sequence[LabelHint], images: ScoredImages) -> list[tuple[str, str]]:
    """Return the image of each annotation that is probably wrong, and why it is."""
    truth, found = compared
    places = positions_of(found.image_ids, truth.image_ids)
    labels = positions_of(found.category_ids, truth.category_ids)
    return [
        (images.names[places[hint.detection]], _reason(hint, truth.names[labels[hint.detection]], compared))
        for hint in hints
    ]


def _reason(hint: LabelHint, detected: str, compared: Compared) -> str:
    score = compared.found.scores[hint.detection]
    if hint.box is None:
        return f"A box may be missing: {detected} is detected with a score of {score:.2f} where nothing is annotated."
    stated = compared.truth.names[compared.truth.categories[hint.box]]
    return (
        f"The class may be wrong: the box is annotated as {stated}, and {detected} is detected there with a score of "
        f"{score:.2f} (IoU {hint.overlap:.2f})."
    )


def _chart(caption: str, lines: list[Line], x: str, y: str) -> Chart:
    if len(lines) > 1:
        mean = mean_of_defined(np.stack([np.asarray(line.ys, np.float64) for line in lines]))
        lines = [*lines, Line("mean of the classes", lines[0].xs, mean, is_main=True)]
    return line_chart(caption, lines, SHARE._replace(label=x), SHARE._replace(label=y))


def _calibration(diagnosis: Diagnosis) -> Chart:
    bins = diagnosis.calibration.bins
    line = Line("detections", [each.score for each in bins], [each.precision for each in bins])
    caption = (
        "Calibration: of the detections with a score, the share that is right at IoU 0.5. On the diagonal, scores are "
        f"probabilities; the mean distance from it is {diagnosis.calibration.error:.3f}"
    )
    axes = SHARE._replace(label="score"), SHARE._replace(label="share right")
    return line_chart(caption, [line], *axes, diagonal=True)


def _by_count(cell: Cell) -> tuple[int, int, int]:
    return -cell.number, cell.true, cell.found


def _finite(interval: Interval | None) -> Interval | None:
    return interval if interval and all(map(math.isfinite, interval)) else None
