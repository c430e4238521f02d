"""Annotations that are probably wrong: where a confident detection contradicts them. hotcoco finds them."""

from typing import Any, NamedTuple

MOST_HINTS = 200  # that are listed
CONFIDENT = 0.5  # least score of the detections


class LabelHint(NamedTuple):
    """A detection because of which an annotation is probably wrong."""

    detection: int  # row
    box: int | None  # row of the true box that probably has another class; None: an annotation is probably missing
    overlap: float  # IoU of both


def label_hints(judged: dict[str, Any]) -> list[LabelHint]:
    """Return what hotcoco's `image_diagnostics` suspects, the most confident detections first, at most `MOST_HINTS`."""
    ordered = sorted(judged["label_errors"], key=lambda error: (-error["dt_score"], error["dt_id"]))
    return [
        LabelHint(error["dt_id"] - 1, None if error["gt_id"] is None else error["gt_id"] - 1, error["iou"])
        for error in ordered[:MOST_HINTS]
    ]
