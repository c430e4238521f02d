"""Tasks of `workers.py`: COCO results files scored by other libraries: `LIBRARY TRUTH RESULTS`."""

import contextlib
import importlib
import io
from typing import Any

from measuring.serving import Task, serve

CLASSES = {  # library -> its two classes, each as module and name
    "pycocotools": ("pycocotools.coco", "COCO", "pycocotools.cocoeval", "COCOeval"),
    "faster-coco-eval": ("faster_coco_eval", "COCO", "faster_coco_eval", "COCOeval_faster"),
    "hotcoco": ("hotcoco", "COCO", "hotcoco", "COCOeval"),
}


def prepare(task: str) -> Task:
    library, truth, results = task.split()
    first, annotations, second, evaluator = CLASSES[library]
    read = getattr(importlib.import_module(first), annotations)
    evaluate = getattr(importlib.import_module(second), evaluator)

    def run() -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()):
            true = read(truth)
            evaluation = evaluate(true, true.loadRes(results), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        stats = list(evaluation.stats)
        return {"stats": [float(stats[position]) for position in (0, 1, 2, 8)]}

    return run


if __name__ == "__main__":
    serve(prepare)
