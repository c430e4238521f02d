"""Tasks of `workers.py`: the operations of `our_ops.py` in torchvision and PyTorch."""

from collections.abc import Callable
from typing import Any

import torch
import torchvision.models.detection._utils as detection
from measuring.operands import (
    CANDIDATES,
    CLASSES,
    CONFIDENCE,
    KEPT,
    OVERLAP,
    PYRAMID_SIDE,
    boxes_and_scores,
    focal_operands,
    matching_operands,
    pyramid_operands,
)
from measuring.serving import Task, serve
from measuring.torch_device import finished, on_device
from torchvision.ops import MultiScaleRoIAlign, batched_nms, box_iou, sigmoid_focal_loss


def prepare(task: str) -> Task:
    name, *numbers = task.split()
    tasks: dict[str, Callable[..., Task]] = {
        "iou": pairwise_iou, "matching": matching, "focal": focal, "nms": nms, "roi": roi,
        "roi_gradient": roi_gradient,
    }  # fmt: skip
    return finished(tasks[name](*map(int, numbers)))


def pairwise_iou() -> Task:
    anchors, boxes = map(on_device, matching_operands())
    return lambda: [box_iou(anchors, own) for own in boxes]


def matching() -> Task:
    """Return a call that matches as torchvision's RetinaNet does."""
    anchors, boxes = map(on_device, matching_operands())
    matcher = detection.Matcher(0.5, 0.4, allow_low_quality_matches=True)
    return lambda: [matcher(box_iou(own, anchors)) for own in boxes]


def focal() -> Task:
    """Return a call that computes the loss and its gradient; turning labels into one-hot targets is not counted."""
    logits, labels = map(on_device, focal_operands())
    targets = torch.nn.functional.one_hot(labels.long() + 1, CLASSES + 1)[..., 1:].float()
    logits.requires_grad_()

    def run() -> None:
        logits.grad = None
        sigmoid_focal_loss(logits, targets, reduction="sum").backward()

    return run


def nms(images: int, count: int) -> Task:
    """Return a call as in torchvision's RetinaNet: threshold, best pairs of box and class, suppression per class."""
    boxes, scores = map(on_device, boxes_and_scores(images, count))

    def run() -> None:
        for own, confidence in zip(boxes, scores, strict=True):
            flat = confidence.flatten()
            pairs = torch.where(flat > CONFIDENCE)[0]
            best, order = flat[pairs].topk(min(CANDIDATES, len(pairs)))
            rows, labels = pairs[order] // CLASSES, pairs[order] % CLASSES
            kept = batched_nms(own[rows], best, labels, OVERLAP)[:KEPT]
            _ = own[rows][kept], best[kept], labels[kept]

    return run


def roi() -> Task:
    pool, features, *others = roi_operands()
    return torch.inference_mode()(lambda: pool(features, *others))


def roi_gradient() -> Task:
    """Return a call that computes the sum of the squared results, and its gradient."""
    pool, features, *others = roi_operands()
    levels = [level.requires_grad_() for level in features.values()]
    return lambda: torch.autograd.grad((pool(features, *others) ** 2).sum(), levels)


def roi_operands() -> tuple[Any, ...]:
    levels, boxes = pyramid_operands()
    features = {str(level): on_device(x).permute(0, 3, 1, 2).contiguous() for level, x in enumerate(levels)}
    pool = MultiScaleRoIAlign(list(features), output_size=7, sampling_ratio=2)
    return pool, features, list(on_device(boxes)), [(PYRAMID_SIDE, PYRAMID_SIDE)] * len(boxes)


if __name__ == "__main__":
    serve(prepare)
