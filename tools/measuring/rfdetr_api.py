"""Tasks of `workers.py`: RF-DETR-N through its own package, with random weights: `predict SIDE FILE COUNT`."""

import os
from typing import Any

import torch
from measuring.serving import Task, serve
from PIL import Image
from rfdetr import RFDETRNano


def prepare(task: str) -> Task:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    _, side, file, count = task.split()
    model = RFDETRNano(pretrain_weights=None, resolution=int(side), device="cpu")
    image = Image.open(file).convert("RGB")
    images: Any = image if count == "1" else [image] * int(count)

    def run() -> dict[str, Any]:
        found = model.predict(images, threshold=0.25)
        return {"boxes": sum(map(len, found if isinstance(found, list) else [found]))}

    return run


if __name__ == "__main__":
    serve(prepare)
