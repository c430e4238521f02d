"""ImageNet weights for backbones, most from torchvision (https://github.com/pytorch/vision, BSD-3-Clause).

Those of ResNet and MobileNetV3 are IMAGENET1K_V1, those of VGG16 are IMAGENET1K_FEATURES, from which SSD is trained.
Those of HGNetV2 are from D-FINE's authors (https://github.com/Peterande/D-FINE, Apache-2.0), those of ResNet-vd from
RT-DETR's (https://github.com/lyuwenyu/RT-DETR, Apache-2.0), who have them from PaddleClas. The three smallest HGNetV2
are parts of B0, and start with its weights, as DEIMv2's authors have it; of Atto, whose last stage is narrower, those
that do not fit there stay random.
They were trained on the images of ImageNet, which have terms of their own (https://www.image-net.org/download).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detect.errors import BadInput, did_you_mean
from detect.layers.hgnet import Block, ConvolutionUnit, HGNetV2
from detect.layers.mobilenet import InvertedResidual, MobileNetV3Large
from detect.layers.normalized_convolution import NormalizedConvolution, NormalizedDepthwise
from detect.layers.resnet import ResNet
from detect.layers.resnet_vd import PooledConvolution, ResNetVD
from detect.layers.vgg import VGG16
from detect.weights.download import fetch
from detect.weights.files.tensor_files import read_tensors
from detect.weights.tensors import (
    STEP_COUNT,
    Target,
    batch_normalization_targets,
    depthwise_kernel,
    fill,
    kernel,
)

_HGNETS = "https://github.com/Peterande/storage/releases/download/dfinev1.0"
_VDS = "https://github.com/lyuwenyu/storage/releases/download/v0.1"
# Where there is a hyphen in the name of a file, the first digits of its SHA-256 follow.
PUBLISHED = {
    **{f"hgnetv2_b{number}": f"{_HGNETS}/PPHGNetV2_B{number}_stage1.pth" for number in range(6)},
    "resnet18_vd": f"{_VDS}/ResNet18_vd_pretrained_from_paddle.pth",
    "resnet34_vd": f"{_VDS}/ResNet34_vd_pretrained_from_paddle.pth",
    "resnet50_vd": f"{_VDS}/ResNet50_vd_ssld_v2_pretrained_from_paddle.pth",
    "resnet101_vd": f"{_VDS}/ResNet101_vd_ssld_pretrained_from_paddle.pth",
    "resnet18": "https://download.pytorch.org/models/resnet18-f37072fd.pth",
    "resnet34": "https://download.pytorch.org/models/resnet34-b627a593.pth",
    "resnet50": "https://download.pytorch.org/models/resnet50-0676ba61.pth",
    "resnet101": "https://download.pytorch.org/models/resnet101-63fe2227.pth",
    "mobilenet_v3_large": "https://download.pytorch.org/models/mobilenet_v3_large-8738ca79.pth",
    "vgg16": "https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth",
}

Backbone = ResNet | ResNetVD | MobileNetV3Large | VGG16 | HGNetV2


@dataclass(frozen=True)
class Kind:
    """A kind of backbone and the published file for it."""

    name: str  # in `PUBLISHED`
    fits: bool  # whether the backbone has the published width
    targets: Callable[..., Iterator[Target]]
    unused: tuple[str, ...]  # tensors that a detector does not need: the classifier, and counts of training steps
    pruned: bool = False  # whether the backbone is a part of the published one


def backbone_weights(detector: Any) -> str | None:
    """Return the name in `PUBLISHED` that fits the backbone of `detector`; None where there is none."""
    backbone = _backbone_of(detector)
    if backbone is None:
        return None
    kind = _kind(backbone)
    return kind.name if kind.fits and kind.name in PUBLISHED else None


def licence_of(published: str) -> str:
    """Return the licence of the weights of this name."""
    is_apache = published.startswith("hgnet") or published.endswith("_vd")
    return f"{'Apache-2.0' if is_apache else 'BSD-3-Clause'}; trained on ImageNet"


def load_backbone(detector: Any, weights: str | Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Assign published weights to the backbone of `detector`; its other weights stay as they are.

    Args:
        detector: a `Detector` with such a backbone, or the backbone itself; its weights exist.
        weights: a name in `PUBLISHED`, which is downloaded if necessary, or the path of a `.pth` file with the same
            tensors.
        progress: called while downloading with the bytes received and the total.

    Raises:
        BadInput: there is no such name or file, or its tensors are not those of this backbone.
        RunFailure: the file cannot be downloaded or read.
    """
    backbone = _backbone_of(detector)
    if backbone is None:
        raise BadInput(
            "Backbone weights are for models with a ResNet, ResNet-vd, MobileNetV3-Large, VGG16 or HGNetV2, and this "
            "model has another backbone. For the file of a whole detector, name its model with --model; otherwise use "
            "--weights none."
        )
    path = _find(str(weights), progress)
    assign(backbone, read_tensors(path), str(path))


def assign(backbone: Backbone, tensors: Mapping[str, np.ndarray], where: str) -> None:
    """Assign `tensors`, named as in torchvision, to `backbone`; nothing is assigned unless all of them fit.

    Args:
        backbone: its weights exist.
        tensors: by name.
        where: names their source, in errors.

    Raises:
        BadInput: tensors are missing, unexpected or of another shape; the message names them.
    """
    kind = _kind(backbone)
    targets = list(kind.targets(backbone))
    if kind.pruned:
        targets = [target for target in targets if not _is_narrower(target, tensors)]
        tensors = {target.name: tensors[target.name] for target in targets if target.name in tensors}
    fill(targets, tensors, where, kind.name, kind.unused)


def _is_narrower(target: Target, tensors: Mapping[str, np.ndarray]) -> bool:
    """Return whether the variable of a target in the third stage has another shape than its tensor in the file."""
    is_there = target.name.startswith("stages.2.") and target.name in tensors
    return is_there and target.convert(tensors[target.name]).shape != tuple(target.variable.shape)


def _kind(backbone: Backbone) -> Kind:
    if isinstance(backbone, ResNet):
        unused: tuple[str, ...] = ("fc.weight", "fc.bias", STEP_COUNT)
        return Kind(f"resnet{backbone.depth}", True, resnet_targets, unused)
    if isinstance(backbone, MobileNetV3Large):
        fits = backbone.width == 1 and not backbone.reduced_tail
        unused = (*_classifier(0, 3), STEP_COUNT)
        return Kind("mobilenet_v3_large", fits, mobilenet_targets, unused)
    if isinstance(backbone, ResNetVD):
        return Kind(f"resnet{backbone.depth}_vd", True, resnet_vd_targets, (STEP_COUNT,))
    if isinstance(backbone, HGNetV2):
        pruned = backbone.size in ("atto", "femto", "pico")
        name = f"hgnetv2_{'b0' if pruned else backbone.size}"
        return Kind(name, backbone.size is not None, hgnet_targets, (STEP_COUNT,), pruned)
    return Kind("vgg16", backbone.width == 1, vgg_targets, _classifier(0, 3, 6))


def _classifier(*numbers: int) -> tuple[str, ...]:
    return tuple(f"classifier.{number}.{kind}" for number in numbers for kind in ("weight", "bias"))


def _backbone_of(detector: Any) -> Backbone | None:
    backbone = getattr(detector, "backbone", detector)
    return backbone if isinstance(backbone, Backbone) else None


def _find(weights: str, progress: Callable[[int, int], None] | None) -> Path:
    if weights in PUBLISHED:
        address = PUBLISHED[weights]
        _, hyphen, end = Path(address).stem.rpartition("-")
        digest = end if hyphen else ""
        return fetch(address, digest, progress, otherwise="Or train from random weights with --weights none.")
    if not Path(weights).is_file():
        raise BadInput(
            f"Backbone weights: {weights!r} is neither a file nor a known name. {did_you_mean(weights, PUBLISHED)}"
        )
    return Path(weights)


def resnet_targets(backbone: ResNet, prefix: str = "") -> Iterator[Target]:
    """Map torchvision's tensors, whose names all start with `prefix`, to the variables of the backbone."""
    yield from normalized_targets(f"{prefix}conv1", f"{prefix}bn1", backbone.stem.convolution)
    for level, stage in enumerate(backbone.stages, start=1):
        for index, block in enumerate(stage.blocks):
            name = f"{prefix}layer{level}.{index}"
            for number in (1, 2, 3):
                if hasattr(block, f"convolution{number}"):
                    unit = getattr(block, f"convolution{number}")
                    yield from normalized_targets(f"{name}.conv{number}", f"{name}.bn{number}", unit)
            if block.projection is not None:
                yield from normalized_targets(f"{name}.downsample.0", f"{name}.downsample.1", block.projection)


def resnet_vd_targets(backbone: ResNetVD, prefix: str = "") -> Iterator[Target]:
    """Map the tensors of RT-DETR's authors, whose names all start with `prefix`, to the variables of the backbone."""
    for number, convolution in enumerate(backbone.stem.convolutions, start=1):
        yield from _resnet_vd_unit(convolution, f"{prefix}conv1.conv1_{number}")
    for level, stage in enumerate(backbone.stages):
        for index, block in enumerate(stage.blocks):
            name = f"{prefix}res_layers.{level}.blocks.{index}"
            for number, letter in enumerate("abc", start=1):
                if hasattr(block, f"convolution{number}"):
                    yield from _resnet_vd_unit(getattr(block, f"convolution{number}"), f"{name}.branch2{letter}")
            if isinstance(block.projection, PooledConvolution):
                yield from _resnet_vd_unit(block.projection.convolution, f"{name}.short.conv")
            elif block.projection is not None:
                yield from _resnet_vd_unit(block.projection, f"{name}.short")


def _resnet_vd_unit(layer: NormalizedConvolution, name: str) -> Iterator[Target]:
    yield from normalized_targets(f"{name}.conv", f"{name}.norm", layer)


def mobilenet_targets(backbone: MobileNetV3Large, prefix: str = "features.") -> Iterator[Target]:
    """Map torchvision's tensors to the variables of the backbone; `prefix` precedes the number of each block."""
    blocks = [block for stage in backbone.stages for block in stage.blocks]
    yield from normalized_targets(f"{prefix}0.0", f"{prefix}0.1", backbone.stem)
    for number, block in enumerate(blocks, start=1):
        yield from _inverted_residual_targets(block, f"{prefix}{number}.block")
    last = f"{prefix}{len(blocks) + 1}"
    yield from normalized_targets(f"{last}.0", f"{last}.1", backbone.last)


def vgg_targets(backbone: VGG16, prefix: str = "features.") -> Iterator[Target]:
    """Map torchvision's tensors to the variables of the backbone.

    `prefix` precedes the number of each convolution; ReLUs and maxima are numbered too.
    """
    number = 0
    for stage in backbone.stages:
        for convolution in stage.convolutions:
            yield Target(f"{prefix}{number}.weight", convolution.kernel, kernel)
            yield Target(f"{prefix}{number}.bias", convolution.bias)
            number += 2
        number += 1


def hgnet_targets(backbone: HGNetV2, prefix: str = "") -> Iterator[Target]:
    """Map the tensors of D-FINE's authors, whose names all start with `prefix`, to the variables of the backbone."""
    stem = backbone.stem
    parts = {"stem1": stem.first, "stem2a": stem.narrow, "stem2b": stem.wide, "stem3": stem.reduce, "stem4": stem.last}
    for part, unit in parts.items():
        yield from _hgnet_unit(unit, f"{prefix}stem.{part}")
    for number, stage in enumerate(backbone.stages):
        name = f"{prefix}stages.{number}"
        if stage.reduce is not None:
            yield from _hgnet_unit(stage.reduce, f"{name}.downsample")
        for index, block in enumerate(stage.blocks):
            yield from _hgnet_block(block, f"{name}.blocks.{index}")


def _hgnet_block(block: Block, name: str) -> Iterator[Target]:
    for index, layer in enumerate(block.layers):
        if isinstance(layer, ConvolutionUnit):
            yield from _hgnet_unit(layer, f"{name}.layers.{index}")
        else:
            yield from _hgnet_unit(layer.pointwise, f"{name}.layers.{index}.conv1")
            yield from _hgnet_unit(layer.depthwise, f"{name}.layers.{index}.conv2")
    yield from _hgnet_unit(block.squeeze, f"{name}.aggregation.0")
    yield from _hgnet_unit(block.excite, f"{name}.aggregation.1")


def _hgnet_unit(unit: ConvolutionUnit, name: str) -> Iterator[Target]:
    yield from normalized_targets(f"{name}.conv", f"{name}.bn", unit.convolution)
    if unit.affine is not None:
        yield Target(f"{name}.lab.scale", unit.affine.scale)
        yield Target(f"{name}.lab.bias", unit.affine.offset)


def _inverted_residual_targets(block: InvertedResidual, name: str) -> Iterator[Target]:
    """Map the tensors of a block, whose existing parts are numbered."""
    parts = [part for part in (block.expand, block.depthwise, block.squeeze, block.project) if part is not None]
    for number, part in enumerate(parts):
        if part is block.squeeze:
            for layer, own in ((part.reduce, "fc1"), (part.restore, "fc2")):
                yield Target(f"{name}.{number}.{own}.weight", layer.kernel, kernel)
                yield Target(f"{name}.{number}.{own}.bias", layer.bias)
        else:
            yield from normalized_targets(f"{name}.{number}.0", f"{name}.{number}.1", part)


def normalized_targets(
    convolution: str, normalization: str, layer: NormalizedConvolution | NormalizedDepthwise
) -> Iterator[Target]:
    """Map the tensors of a convolution and of its batch normalisation, by the names of the two."""
    convert = depthwise_kernel if isinstance(layer, NormalizedDepthwise) else kernel
    yield Target(f"{convolution}.weight", layer.kernel, convert)
    yield from batch_normalization_targets(normalization, layer.normalization)
