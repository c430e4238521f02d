"""torchvision's RetinaNet checkpoints, version 1 and 2 (`torchvision/models/detection/retinanet.py`, BSD-3-Clause).

Conventions of theirs that the rows below set: cells are spread over the image, up to 300 boxes an image are kept, and
the first version's normalisations, which are frozen, have an epsilon of 0.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from detect.layers.head_tower import HeadTower
from detect.models.retinanet import RetinaNet
from detect.weights.backbones import resnet_targets
from detect.weights.coco_classes import IDS, NAMES
from detect.weights.tensors import Target
from detect.weights.torchvision_parts import (
    checkpoint,
    class_targets,
    convolution_targets,
    group_normalization_targets,
    pyramid_targets,
    read_detector,
)

CLASSES = "head.classification_head"
BOXES = "head.regression_head"


def targets(detector: RetinaNet, columns: Sequence[int] = IDS, published: int = 91) -> Iterator[Target]:
    """Where torchvision's tensors go; together all weights of the detector.

    Its heads have a logit for every id of COCO, 0 to 90, of which ten stand for no class. The class with label k here
    is number `columns[k]` of `published` there.
    """
    yield from resnet_targets(detector.backbone, "backbone.body.")
    yield from pyramid_targets(detector.neck)
    yield from _tower(detector.head.class_tower, CLASSES)
    yield from _tower(detector.head.box_tower, BOXES)
    yield from class_targets(f"{CLASSES}.cls_logits", detector.head.class_logits, columns, published)
    yield from convolution_targets(f"{BOXES}.bbox_reg", detector.head.box_deltas)


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a published file, by the names of today's torchvision."""
    return with_modern_head(read_detector(path))


def with_modern_head(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Before 2022 towers counted their ReLUs: `conv.1.0.weight` was `conv.2.weight`."""
    old = re.compile(r"(?<=_head\.conv\.)(\d)\.(?=weight|bias)")
    return {old.sub(lambda found: f"{int(found[1]) // 2}.0.", name): array for name, array in tensors.items()}


def _tower(tower: HeadTower, name: str) -> Iterator[Target]:
    for index, convolution in enumerate(tower.convolutions):
        yield from convolution_targets(f"{name}.conv.{index}.0", convolution)
    for index, normalization in enumerate(tower.normalizations):
        yield from group_normalization_targets(f"{name}.conv.{index}.1", normalization)


CHECKPOINTS = (
    checkpoint(
        "retinanet-r50",
        "retinanet_resnet50_fpn_coco-eeacb38b.pth",
        36.4,
        classes=NAMES,
        category_ids=IDS,
        read=read,
        targets=targets,
        config={"norm": "frozen", "epsilon": 0.0, "spread": True, "max_detections": 300},
    ),
    checkpoint(
        "retinanet-r50v2",
        "retinanet_resnet50_fpn_v2_coco-5905b1c5.pth",
        41.5,
        classes=NAMES,
        category_ids=IDS,
        read=read,
        targets=targets,
        config={"spread": True, "max_detections": 300},
    ),
)
