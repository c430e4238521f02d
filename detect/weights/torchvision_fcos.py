"""torchvision's FCOS checkpoint (`torchvision/models/detection/fcos.py`, BSD-3-Clause).

The row below sets torchvision's conventions: points are the top-left corners of cells, which are spread over the image;
the normalisations of the backbone are frozen.
"""

from collections.abc import Iterator, Sequence

from detect.layers.head_tower import HeadTower
from detect.models.fcos import FCOS
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


def targets(detector: FCOS, columns: Sequence[int] = IDS, published: int = 91) -> Iterator[Target]:
    """Map torchvision's tensors to all weights of the detector.

    Its head has a logit for every id of COCO, 0 to 90, of which eleven are not classes. The class with label k here is
    number `columns[k]` of `published` there.
    """
    yield from one_stage_targets(detector, _tower, columns, published)
    yield from convolution_targets(f"{BOXES}.bbox_reg", detector.head.distances)
    yield from convolution_targets(f"{BOXES}.bbox_ctrness", detector.head.centreness)


def _tower(tower: HeadTower, name: str) -> Iterator[Target]:
    """Map the tensors of a tower, whose convolutions, normalisations and ReLUs are numbered in sequence."""
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
