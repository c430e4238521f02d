"""torchvision's Faster R-CNN checkpoints (`torchvision/models/detection/faster_rcnn.py`, BSD-3-Clause).

The rows below set torchvision's conventions: cells are spread over the image; normalisations are frozen where they were
in training, in the first version with an epsilon of 0. The softmax is over all ids of COCO, 1 to 90, so the ten that
are not classes are classes here too.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from detect.layers.region_head import RegionHead
from detect.layers.region_proposals import RegionProposalHead
from detect.layers.resnet import ResNet
from detect.models.fasterrcnn import FasterRCNN
from detect.weights.backbones import mobilenet_targets, normalized_targets, resnet_targets
from detect.weights.coco_classes import IDS_90, NAMES_90
from detect.weights.tensors import Convert, Target, matrix
from detect.weights.torchvision_parts import FIT, checkpoint, convolution_targets, pyramid_targets, read_detector

BODY = "backbone.body."
HEAD = "roi_heads.box_head"
PREDICTIONS = "roi_heads.box_predictor"


def targets(detector: FasterRCNN) -> Iterator[Target]:
    """Map torchvision's tensors to all weights of the detector."""
    body = resnet_targets if isinstance(detector.backbone, ResNet) else mobilenet_targets
    yield from body(detector.backbone, BODY)
    yield from pyramid_targets(detector.neck)
    yield from _proposal_targets(detector.proposal_head)
    yield from _region_targets(detector.region_head, detector.config.filters)


def read(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a published file, by their names in current torchvision."""
    return with_modern_head(read_detector(path))


def with_modern_head(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename tensors saved before 2022, when the first stage had one convolution, `rpn.head.conv`."""
    old = re.compile(r"(?<=^rpn\.head\.conv\.)(?=weight|bias)")
    return {old.sub("0.0.", name): array for name, array in tensors.items()}


def _proposal_targets(head: RegionProposalHead) -> Iterator[Target]:
    for index, layer in enumerate(head.tower):
        yield from convolution_targets(f"rpn.head.conv.{index}.0", layer)
    yield from convolution_targets("rpn.head.cls_logits", head.objectness)
    yield from convolution_targets("rpn.head.bbox_pred", head.box_deltas)


def _region_targets(head: RegionHead, channels: int) -> Iterator[Target]:
    """Map the tensors of the second stage; features have `channels` channels before the fully connected layers."""
    for index, layer in enumerate(head.convolutions):
        yield from normalized_targets(f"{HEAD}.{index}.0", f"{HEAD}.{index}.1", layer)
    # With convolutions, layers are numbered, the one that flattens features included.
    names = [str(len(head.convolutions) + 1)] if head.convolutions else ["fc6", "fc7"]
    for index, (name, layer) in enumerate(zip(names, head.hidden, strict=True)):
        yield Target(f"{HEAD}.{name}.weight", layer.kernel, _pooled_matrix(channels) if index == 0 else matrix)
        yield Target(f"{HEAD}.{name}.bias", layer.bias)
    yield Target(
        f"{PREDICTIONS}.cls_score.weight", head.class_logits.kernel, lambda array: matrix(_background_last(array))
    )
    yield Target(f"{PREDICTIONS}.cls_score.bias", head.class_logits.bias, _background_last)
    yield Target(
        f"{PREDICTIONS}.bbox_pred.weight", head.class_deltas.kernel, lambda array: matrix(_without_background(array))
    )
    yield Target(f"{PREDICTIONS}.bbox_pred.bias", head.class_deltas.bias, _without_background)


def _pooled_matrix(channels: int) -> Convert:
    """Return a conversion [out, channels * places] -> [places * channels, out]: PyTorch flattens channels first."""

    def convert(array: np.ndarray) -> np.ndarray:
        return array.reshape(len(array), channels, -1).transpose(2, 1, 0).reshape(-1, len(array))

    return convert


def _background_last(array: np.ndarray) -> np.ndarray:
    """Move the first row, that of the background, to the end."""
    return np.roll(array, -1, axis=0)


def _without_background(array: np.ndarray) -> np.ndarray:
    """Remove the first four rows: the box of the background, which neither losses nor detections use."""
    return array[4:]


CHECKPOINTS = (
    checkpoint(
        "fasterrcnn-r50",
        "fasterrcnn_resnet50_fpn_coco-258fb6c6.pth",
        37.0,
        classes=NAMES_90,
        category_ids=IDS_90,
        read=read,
        targets=targets,
        config={"norm": "frozen", "epsilon": 0.0, "spread": True},
    ),
    checkpoint(
        "fasterrcnn-r50v2",
        "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth",
        46.7,
        classes=NAMES_90,
        category_ids=IDS_90,
        read=read,
        targets=targets,
        config={"spread": True},
    ),
    checkpoint(
        "fasterrcnn-mobilenetv3",
        "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
        22.8,
        image_size=320,
        fit=FIT.model_copy(update={"longest": 640}),
        classes=NAMES_90,
        category_ids=IDS_90,
        read=read,
        targets=targets,
        config={"norm": "frozen", "spread": True},
    ),
)
