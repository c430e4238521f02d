"""Where torchvision's tensors go in the layers that several of its detectors have.

Names as in https://github.com/pytorch/vision, `torchvision/models/detection/` and `torchvision/ops/` (BSD-3-Clause).
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from detect.data.pixels.resizing import Fit
from detect.layers.feature_pyramid import FeaturePyramid
from detect.layers.group_normalization import GroupNormalization
from detect.layers.normalized_convolution import NormalizedConvolution
from detect.layers.resnet import MEAN
from detect.weights.backbones import normalized_targets
from detect.weights.checkpoint import Checkpoint
from detect.weights.tensors import Convert, Target, kernel
from detect.weights.torch_files import read_tensors

PUBLISHER = "torchvision, https://docs.pytorch.org/vision/stable/models.html"
LICENCE = "BSD-3-Clause; trained on COCO"
UNUSED = (".num_batches_tracked",)  # a count of training steps
# Pictures as `GeneralizedRCNNTransform` brings them: padding is 0 after normalisation, which is ImageNet's mean.
FIT = Fit(kind="shortest", longest=1333, padding=MEAN, resampling="exact")
IMAGE_SIZE = 800  # short side that published AP is at
ADDRESS = "https://download.pytorch.org/models/"


def checkpoint(model: str, file: str, published_ap: float, **facts: Any) -> Checkpoint:
    """The checkpoint of a model in one of torchvision's files, whose name ends in the first digits of its SHA-256.

    `facts` are the further fields of `Checkpoint`; pictures come as to torchvision's large detectors, unless they say
    otherwise.
    """
    return Checkpoint(
        name=f"{model}-coco",
        model=model,
        address=ADDRESS + file,
        digest=Path(file).stem.rpartition("-")[2],
        publisher=PUBLISHER,
        licence=LICENCE,
        published_ap=published_ap,
        **{"image_size": IMAGE_SIZE, "fit": FIT, "unused": UNUSED, **facts},
    )


def read_detector(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a published detector, by the names of today's torchvision."""
    return with_modern_pyramid(read_tensors(path))


def with_modern_pyramid(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Before 2022 `inner_blocks.0.0.weight` was `inner_blocks.0.weight`; torchvision renames on loading, too."""
    old = re.compile(r"(inner_blocks|layer_blocks)\.(\d)\.(?=weight|bias)")
    return {old.sub(r"\1.\2.0.", name): array for name, array in tensors.items()}


def pyramid_targets(pyramid: FeaturePyramid, prefix: str = "backbone.fpn.") -> Iterator[Target]:
    """The tensors of `FeaturePyramidNetwork`, numbered from the finest level on."""
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
    """The tensors of a convolution."""
    yield Target(f"{name}.weight", layer.kernel, kernel)
    if layer.use_bias:
        yield Target(f"{name}.bias", layer.bias)


def group_normalization_targets(name: str, layer: GroupNormalization) -> Iterator[Target]:
    """The tensors of a `GroupNorm`."""
    yield Target(f"{name}.weight", layer.gamma)
    yield Target(f"{name}.bias", layer.beta)


def class_targets(name: str, layer: keras.layers.Conv2D, columns: Sequence[int], published: int) -> Iterator[Target]:
    """The tensors of a convolution to class logits, of which only some classes are kept.

    Its channels are `published` logits for each anchor of a cell; class k of ours is column `columns[k]` of theirs.
    """
    keep = _columns(columns, published)
    yield Target(f"{name}.weight", layer.kernel, lambda array: kernel(keep(array)))
    yield Target(f"{name}.bias", layer.bias, keep)


def _columns(columns: Sequence[int], published: int) -> Convert:
    """[anchors * published, ...] -> [anchors * len(columns), ...]."""

    def keep(array: np.ndarray) -> np.ndarray:
        anchors = array.reshape(-1, published, *array.shape[1:])
        return anchors[:, list(columns)].reshape(-1, *array.shape[1:])

    return keep
