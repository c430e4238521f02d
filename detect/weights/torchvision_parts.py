"""Shared parts of the importers of torchvision's checkpoints: their publication, and layers of several detectors.

Names are those of https://github.com/pytorch/vision, `torchvision/models/detection/` and `torchvision/ops/`
(BSD-3-Clause).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from detect.data.pixels.resizing import Fit
from detect.layers.feature_pyramid import FeaturePyramid
from detect.layers.group_normalization import GroupNormalization
from detect.layers.head_tower import HeadTower
from detect.layers.normalized_convolution import NormalizedConvolution
from detect.layers.resnet import MEAN
from detect.models.fcos import FCOS
from detect.models.retinanet import RetinaNet
from detect.weights.backbones import normalized_targets, resnet_targets
from detect.weights.checkpoint import Checkpoint
from detect.weights.files.tensor_files import read_tensors
from detect.weights.tensors import STEP_COUNT, Convert, Target, kernel

PUBLISHER = "torchvision, https://docs.pytorch.org/vision/stable/models.html"
LICENCE = "BSD-3-Clause; trained on COCO"
# As in `GeneralizedRCNNTransform`: the padding is 0 after normalisation, which is ImageNet's mean.
FIT = Fit(kind="shortest", longest=1333, padding=MEAN, resampling="exact")
IMAGE_SIZE = 800  # short side at which the published AP is measured, pixels
ADDRESS = "https://download.pytorch.org/models/"
# The two branches of dense heads.
CLASSES = "head.classification_head"
BOXES = "head.regression_head"


def checkpoint(model: str, file: str, published_ap: float, **facts: Any) -> Checkpoint:
    """Return the description of one of torchvision's checkpoints.

    Args:
        model: a name in `detect.models.names()`.
        file: name of the file, which ends in the first digits of its SHA-256.
        published_ap: COCO val AP, per cent.
        facts: other fields of `Checkpoint`. By default images are resized as for torchvision's large detectors.
    """
    return Checkpoint(
        name=f"{model}-coco",
        model=model,
        address=ADDRESS + file,
        digest=Path(file).stem.rpartition("-")[2],
        publisher=PUBLISHER,
        licence=LICENCE,
        published_ap=published_ap,
        **{"image_size": IMAGE_SIZE, "fit": FIT, "unused": (STEP_COUNT,), **facts},
    )


def read_detector(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a published detector, by their names in current torchvision."""
    return with_modern_pyramid(read_tensors(path))


def with_modern_pyramid(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename tensors saved before 2022: `inner_blocks.0.weight` is `inner_blocks.0.0.weight` now, as in torchvision."""
    old = re.compile(r"(inner_blocks|layer_blocks)\.(\d)\.(?=weight|bias)")
    return {old.sub(r"\1.\2.0.", name): array for name, array in tensors.items()}


def one_stage_targets(
    detector: RetinaNet | FCOS,
    tower_targets: Callable[[HeadTower, str], Iterator[Target]],
    columns: Sequence[int],
    published: int,
) -> Iterator[Target]:
    """Map the tensors that RetinaNet and FCOS share: those of backbone, pyramid, towers and class logits.

    Args:
        detector: ours.
        tower_targets: maps the tensors of a tower, whose name in torchvision it gets.
        columns: for each label of ours, the number of its logit in torchvision.
        published: number of torchvision's logits per anchor or point.
    """
    yield from resnet_targets(detector.backbone, "backbone.body.")
    yield from pyramid_targets(detector.neck)
    yield from tower_targets(detector.head.class_tower, CLASSES)
    yield from tower_targets(detector.head.box_tower, BOXES)
    yield from class_targets(f"{CLASSES}.cls_logits", detector.head.class_logits, columns, published)


def pyramid_targets(pyramid: FeaturePyramid, prefix: str = "backbone.fpn.") -> Iterator[Target]:
    """Map the tensors of `FeaturePyramidNetwork`, numbered from the finest level."""
    for kind, layers in (("inner_blocks", pyramid.laterals), ("layer_blocks", pyramid.merges)):
        for index, layer in enumerate(layers):
            name = f"{prefix}{kind}.{index}"
            if isinstance(layer, NormalizedConvolution):
                yield from normalized_targets(f"{name}.0", f"{name}.1", layer)
            else:
                yield from convolution_targets(f"{name}.0", layer)
    if pyramid.coarse != "pool":
        yield from convolution_targets(f"{prefix}extra_blocks.p6", pyramid.coarse6)
        yield from convolution_targets(f"{prefix}extra_blocks.p7", pyramid.coarse7)


def convolution_targets(name: str, layer: keras.layers.Conv2D) -> Iterator[Target]:
    """Map the tensors of a convolution."""
    yield Target(f"{name}.weight", layer.kernel, kernel)
    if layer.use_bias:
        yield Target(f"{name}.bias", layer.bias)


def group_normalization_targets(name: str, layer: GroupNormalization) -> Iterator[Target]:
    """Map the tensors of a `GroupNorm`."""
    yield Target(f"{name}.weight", layer.gamma)
    yield Target(f"{name}.bias", layer.beta)


def class_targets(name: str, layer: keras.layers.Conv2D, columns: Sequence[int], published: int) -> Iterator[Target]:
    """Map the tensors of a convolution to class logits, of which some are kept.

    Args:
        name: of the convolution in torchvision.
        layer: ours.
        columns: for each label of ours, the number of its logit in torchvision.
        published: number of torchvision's logits per anchor.
    """
    keep = _columns(columns, published)
    yield Target(f"{name}.weight", layer.kernel, lambda array: kernel(keep(array)))
    yield Target(f"{name}.bias", layer.bias, keep)


def _columns(columns: Sequence[int], published: int) -> Convert:
    """Return a conversion [anchors * published, ...] -> [anchors * len(columns), ...]."""

    def keep(array: np.ndarray) -> np.ndarray:
        anchors = array.reshape(-1, published, *array.shape[1:])
        return anchors[:, list(columns)].reshape(-1, *array.shape[1:])

    return keep
