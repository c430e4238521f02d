"""Tasks of `workers.py`: D-FINE-N in transformers, where its authors publish it: `predict SIDE FILE COUNT`.

It is built without a download, with random weights: 3.77 million parameters.
"""

import os
from typing import Any

import torch
from measuring.serving import Task, serve
from measuring.transformers_models import create
from PIL import Image
from transformers import RTDetrImageProcessor


def prepare(task: str) -> Task:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    _, side, file, count = task.split()
    model = create("dfine-n").eval()
    processor = RTDetrImageProcessor(size={"height": int(side), "width": int(side)})
    image = Image.open(file).convert("RGB")
    images = [image] * int(count)
    sizes = [(image.height, image.width)] * int(count)

    def run() -> dict[str, Any]:
        with torch.inference_mode():
            outputs = model(**processor(images=images, return_tensors="pt"))
        found = processor.post_process_object_detection(outputs, threshold=0.25, target_sizes=sizes)
        return {"boxes": sum(len(result["scores"]) for result in found)}

    return run


if __name__ == "__main__":
    serve(prepare)
