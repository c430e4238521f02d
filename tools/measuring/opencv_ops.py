"""Task of `workers.py`: suppression by OpenCV."""

import cv2
from measuring.operands import CANDIDATES, CONFIDENCE, KEPT, OVERLAP, boxes_and_scores
from measuring.serving import Task, serve


def prepare(task: str) -> Task:
    """Return the task. Each box competes in its best class only, since OpenCV's function takes one class per box."""
    _, images, count = task.split()
    boxes, scores = boxes_and_scores(int(images), int(count))
    rectangles = boxes.copy()
    rectangles[..., 2:] -= rectangles[..., :2]

    def run() -> None:
        for own, all_scores in zip(rectangles, scores, strict=True):
            classes, best = all_scores.argmax(axis=1), all_scores.max(axis=1)
            kept = cv2.dnn.NMSBoxesBatched(own, best, classes, CONFIDENCE, OVERLAP, top_k=CANDIDATES)[:KEPT]
            _ = own[kept], best[kept], classes[kept]

    return run


if __name__ == "__main__":
    serve(prepare)
