"""torchvision's RetinaNet checkpoints, version 1 and 2 (`torchvision/models/detection/retinanet.py`, BSD-3-Clause).

The rows below set torchvision's conventions: cells are spread over the image, up to 300 boxes per image are kept, and
the normalisations of the first version, which are frozen, have an epsilon of 0.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from detect.layers.head_tower import HeadTower
from detect.models.retinanet import RetinaNet
from detect.weights.coco_classes import IDS, NAMES
from detect.weights.tensors import Target
from detect.weights.torchvision_parts import (
    BOXES,
    checkpoint,
    convolution_targets,
    group_normalization_targets,
    one_stage_targets,
    read_detector,
)


def targets(detector: RetinaNet, columns: Sequence[int] = IDS, published: int = 91) -> Iterator[Target]:
    """Map torchvision's tensors to all weights of the detector.

    Its head has a logit for every id of COCO, 0 to 90, of which eleven are not classes. The class with label k here is
    number `columns[k]` of `published` there.
    """
    yield from one_stage_targets(detector, _tower, columns, published)
    yield from convolution_targets(f"{BOXES}.bbox_reg", detector.head.box_deltas)


def read(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a published file, by their names in current torchvision."""
    return with_modern_head(read_detector(path))


def with_modern_head(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename tensors saved before 2022, when ReLUs were numbered too: `conv.2.weight` is `conv.1.0.weight` now."""
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
