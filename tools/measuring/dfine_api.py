"""Tasks of `workers.py`: D-FINE-N in transformers, where its authors publish it: `predict SIDE FILE COUNT`.

Its configuration is downloaded; its weights are random.
"""

import os
from typing import Any

import torch
from measuring.serving import Task, serve
from PIL import Image
from transformers import AutoConfig, AutoImageProcessor, AutoModelForObjectDetection

PUBLISHED = "ustc-community/dfine-nano-coco"


def prepare(task: str) -> Task:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    _, side, file, count = task.split()
    model = AutoModelForObjectDetection.from_config(AutoConfig.from_pretrained(PUBLISHED)).eval()
    processor = AutoImageProcessor.from_pretrained(PUBLISHED, size={"height": int(side), "width": int(side)})
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
