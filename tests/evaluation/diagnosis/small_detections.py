"""Few boxes and detections, of which everything can be worked out by hand."""

from typing import Any

from detect.evaluation.coco_scores import Compared, score
from detect.evaluation.detections import from_entries
from detect.evaluation.truth import truth_from_entries

CATEGORIES = {1: "cat", 2: "dog"}


def compared(boxes: list[tuple], found: list[tuple], images: int = 2) -> Compared:
    """Return true boxes (image, category, box, crowd) and detections (image, category, box, score) as scores have them.

    Args:
        boxes: the true boxes; a box is x, y, width, height.
        found: the detections.
        images: number of images, whose ids are 1, 2 ...
    """
    annotations: list[dict[str, Any]] = [
        {"image_id": image, "category_id": category, "bbox": box, "iscrowd": crowd}
        for image, category, box, crowd in boxes
    ]
    entries = [
        {"image_id": image, "category_id": category, "bbox": box, "score": confidence}
        for image, category, box, confidence in found
    ]
    scores = score(truth_from_entries(tuple(range(1, images + 1)), CATEGORIES, annotations), from_entries(entries))
    assert scores.compared is not None
    return scores.compared
