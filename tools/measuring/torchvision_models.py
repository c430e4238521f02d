"""Tasks of `workers.py`: `NAME SIDE one`, `NAME SIDE many` and `NAME SIDE train` for torchvision's detectors.

The networks are those of `our_models.py`. Images are squares with this side, and are not resized.
"""

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torchvision
from measuring.batches import CLASSES, PREDICTED, TRAINED, TWINS, made_up_batch
from measuring.serving import Task, serve


def prepare(task: str) -> Task:
    name, side, what = task.split()
    images, boxes, labels = made_up_batch(int(side), PREDICTED)
    if what == "train":
        return training(model_of(name), images[:TRAINED], boxes[:TRAINED], labels[:TRAINED])
    return predicting(model_of(name), images[:1] if what == "one" else images)


@functools.lru_cache(maxsize=1)
def model_of(name: str) -> torch.nn.Module:
    """Return the model with the structure of ours of that name, with random weights, all of them trainable."""
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    build = getattr(torchvision.models.detection, TWINS[name])
    model = build(weights=None, weights_backbone=None, num_classes=CLASSES + 1)  # torchvision counts the background
    model.transform.resize = lambda image, target=None: (image, target)
    return model


def predicting(model: torch.nn.Module, images: np.ndarray) -> Callable[[], Any]:
    """Return a call that detects objects in uint8 RGB images [B, S, S, 3]."""

    @torch.inference_mode()
    def run() -> Any:
        return model.eval()([_as_tensor(image) for image in images])

    return run


def training(model: torch.nn.Module, images: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> Callable[[], Any]:
    """Return a call that makes one step of SGD on images [B, S, S, 3] with boxes [B, N, 4] and labels [B, N]."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, weight_decay=1e-4)
    targets = [
        {"boxes": torch.from_numpy(box), "labels": torch.from_numpy(label.astype(np.int64)) + 1}
        for box, label in zip(boxes, labels, strict=True)
    ]

    def run() -> Any:
        losses = model.train()([_as_tensor(image) for image in images], targets)
        total = sum(losses.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return float(total.detach())

    return run


def _as_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1) / 255


if __name__ == "__main__":
    serve(prepare)
