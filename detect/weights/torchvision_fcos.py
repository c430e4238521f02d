"""torchvision's FCOS checkpoint (`torchvision/models/detection/fcos.py`, BSD-3-Clause).

Conventions of its own that the row below sets: points are the top-left corners of cells, which are spread over the
image; the backbone's normalisations are frozen.
"""

from collections.abc import Iterator, Sequence

from detect.layers.head_tower import HeadTower
from detect.models.fcos import FCOS
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


def targets(detector: FCOS, columns: Sequence[int] = IDS, published: int = 91) -> Iterator[Target]:
    """Where torchvision's tensors go; together all weights of the detector.

    Its head has a logit for every id of COCO, 0 to 90, of which ten stand for no class. The class with label k here is
    number `columns[k]` of `published` there.
    """
    yield from resnet_targets(detector.backbone, "backbone.body.")
    yield from pyramid_targets(detector.neck)
    yield from _tower(detector.head.class_tower, CLASSES)
    yield from _tower(detector.head.box_tower, BOXES)
    yield from class_targets(f"{CLASSES}.cls_logits", detector.head.class_logits, columns, published)
    yield from convolution_targets(f"{BOXES}.bbox_reg", detector.head.distances)
    yield from convolution_targets(f"{BOXES}.bbox_ctrness", detector.head.centreness)


def _tower(tower: HeadTower, name: str) -> Iterator[Target]:
    """Convolutions, normalisations and ReLUs are numbered in one row."""
    for index, (convolution, normalization) in enumerate(zip(tower.convolutions, tower.normalizations, strict=True)):
        yield from convolution_targets(f"{name}.conv.{3 * index}", convolution)
        yield from group_normalization_targets(f"{name}.conv.{3 * index + 1}", normalization)


CHECKPOINTS = (
    checkpoint(
        "fcos-r50",
        "fcos_resnet50_fpn_coco-99b0c9b7.pth",
        39.2,
        classes=NAMES,
        category_ids=IDS,
        read=read_detector,
        targets=targets,
        config={"norm": "frozen", "offset": 0.0, "spread": True},
    ),
)
