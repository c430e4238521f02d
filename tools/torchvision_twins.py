"""torchvision's detectors as peers of ours in measurements: the same network, images of the same size, no resizing.

Where torchvision's compiled operators do not load, because they were built for another PyTorch, others as fast stand in
for them: TensorFlow's suppression, and RoIAlign by PyTorch's `grid_sample`.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import torch

TWINS = {  # name of our model -> torchvision's function
    "retinanet-r50": "retinanet_resnet50_fpn",
    "retinanet-r50v2": "retinanet_resnet50_fpn_v2",
    "fcos-r50": "fcos_resnet50_fpn",
    "ssd-vgg16": "ssd300_vgg16",
    "ssdlite-mobilenetv3": "ssdlite320_mobilenet_v3_large",
    "fasterrcnn-r50": "fasterrcnn_resnet50_fpn",
    "fasterrcnn-r50v2": "fasterrcnn_resnet50_fpn_v2",
    "fasterrcnn-mobilenetv3": "fasterrcnn_mobilenet_v3_large_320_fpn",
}
_libraries: list[torch.library.Library] = []  # what they define goes with them


def create_twin(name: str) -> torch.nn.Module | None:
    """torchvision's model of the same structure as ours of that name, with random weights that all learn, if any."""
    if name not in TWINS:
        return None
    detection = _import_torchvision().models.detection
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    model = getattr(detection, TWINS[name])(weights=None, weights_backbone=None, num_classes=81)
    model.transform.resize = lambda image, target=None: (image, target)
    return model


def prediction(model: torch.nn.Module, images: np.ndarray) -> Callable[[], Any]:
    """What finds the objects in uint8 RGB images [B, S, S, 3]."""

    @torch.inference_mode()
    def run() -> Any:
        return model.eval()([_as_tensor(image) for image in images])

    return run


def training(model: torch.nn.Module, images: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> Callable[[], Any]:
    """What does one step of SGD on images [B, S, S, 3] with boxes [B, N, 4] of labels [B, N]."""
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


def _import_torchvision() -> Any:
    try:
        import torchvision
    except RuntimeError:  # "operator torchvision::nms does not exist"
        _define_suppression()
        import torchvision
        import torchvision.ops.boxes
        import torchvision.ops.poolers

        torchvision.ops.boxes._assert_has_ops = lambda: None
        torchvision.ops.poolers.roi_align = _roi_align
    return torchvision


def _define_suppression() -> None:
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _suppress, "CPU")
    _libraries.append(library)


def _suppress(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    values = boxes.detach().numpy(), scores.detach().numpy()
    kept = tf.image.non_max_suppression(*values, max_output_size=len(boxes), iou_threshold=threshold)
    return torch.from_numpy(kept.numpy()).long()


def _roi_align(
    features: torch.Tensor,
    regions: torch.Tensor,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
) -> torch.Tensor:
    """Features [B, C, h, w] of regions [R, 5] (image, x1, y1, x2, y2), [R, C, rows, columns]."""
    count = sampling_ratio * output_size[0]
    steps = (torch.arange(count) + 0.5) / count
    corners = regions[:, 1:] * spatial_scale
    sides = (corners[:, 2:] - corners[:, :2]).clamp(min=1)
    limits = torch.tensor([features.shape[3] - 1, features.shape[2] - 1]).clamp(min=1)
    x, y = ((corners[:, axis, None] + sides[:, axis, None] * steps) * 2 / limits[axis] - 1 for axis in (0, 1))
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1)  # [R, count, count, 2]
    pooled = features.new_empty([len(regions), features.shape[1], *output_size])
    for image in range(len(features)):
        rows = torch.where(regions[:, 0] == image)[0]
        places = grid[rows].flatten(0, 1)[None]
        options = {"padding_mode": "border", "align_corners": True}
        sampled = torch.nn.functional.grid_sample(features[image : image + 1], places, **options)
        sampled = sampled[0].unflatten(1, (-1, count)).transpose(0, 1)  # [rows, C, count, count]
        pooled[rows] = torch.nn.functional.avg_pool2d(sampled, sampling_ratio)
    return pooled
