"""ImageNet weights for ResNet backbones: torchvision's IMAGENET1K_V1 (https://github.com/pytorch/vision, BSD-3-Clause).

They were trained on the pictures of ImageNet, which have terms of their own (https://www.image-net.org/download).
"""

import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from detect.errors import BadInput, RunFailure, did_you_mean
from detect.layers.normalized_convolution import NormalizedConvolution
from detect.layers.resnet import ResNet
from detect.weights.download import fetch
from detect.weights.tensors import Target, fill, kernel

# Each name ends in the first digits of the file's SHA-256.
PUBLISHED = {
    "resnet18": "https://download.pytorch.org/models/resnet18-f37072fd.pth",
    "resnet34": "https://download.pytorch.org/models/resnet34-b627a593.pth",
    "resnet50": "https://download.pytorch.org/models/resnet50-0676ba61.pth",
    "resnet101": "https://download.pytorch.org/models/resnet101-63fe2227.pth",
}
# Parts of a published file that a detector has no use for: the classifier, and a count of training steps.
UNUSED = ("fc.weight", "fc.bias", ".num_batches_tracked")


def backbone_weights(detector: Any) -> str | None:
    """The name in `PUBLISHED` that fits the backbone of `detector`; None where there is none."""
    backbone = _backbone_of(detector)
    name = f"resnet{backbone.depth}" if backbone is not None else None
    return name if name in PUBLISHED else None


def load_backbone(detector: Any, weights: str | Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Fill the backbone of `detector` with published weights; the rest of it stays as it is.

    Args:
        detector: a `Detector` with a ResNet as its backbone, or such a `ResNet`; its weights exist.
        weights: a name in `PUBLISHED`, downloaded if need be, or the path of a `.pth` file with the same tensors.
        progress: called with the bytes that are there and the bytes in all, while downloading.

    Raises:
        BadInput: there is no such name or file, or its tensors are not those of this backbone.
        RunFailure: the file cannot be had, or read.
    """
    backbone = _backbone_of(detector)
    if backbone is None:
        raise BadInput("Backbone weights are for models with a ResNet, which this one has not. Use --weights none.")
    path = _find(str(weights), progress)
    assign(backbone, read_tensors(path), str(path))


def assign(backbone: ResNet, tensors: Mapping[str, np.ndarray], where: str) -> None:
    """Fill `backbone` with `tensors`, named as in torchvision; nothing is assigned unless every one of them fits.

    Raises:
        BadInput: tensors are missing, spare or of another shape: they are named. `where` names their source.
    """
    fill(resnet_targets(backbone), tensors, where, f"resnet{backbone.depth}", UNUSED)


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a PyTorch state dictionary, by name. Nothing but tensors is read: no code in the file can run."""
    try:
        import torch
    except ImportError:
        raise RunFailure(
            f"Reading {path} needs PyTorch: pip install 'detect-tf[weights]'. "
            "Or train from random weights with --weights none."
        ) from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {str(name): tensor.numpy() for name, tensor in state.items()}
    except (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, AttributeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise BadInput(f"{path} is not a PyTorch file of tensors by name: {reason}") from None


def _backbone_of(detector: Any) -> ResNet | None:
    backbone = getattr(detector, "backbone", detector)
    return backbone if isinstance(backbone, ResNet) else None


def _find(weights: str, progress: Callable[[int, int], None] | None) -> Path:
    if weights in PUBLISHED:
        address = PUBLISHED[weights]
        digest = Path(address).stem.rpartition("-")[2]
        return fetch(address, digest, progress, otherwise="Or train from random weights with --weights none.")
    if not Path(weights).is_file():
        raise BadInput(f"Backbone weights {weights!r}: no such file, nor a name. {did_you_mean(weights, PUBLISHED)}")
    return Path(weights)


def resnet_targets(backbone: ResNet, prefix: str = "") -> Iterator[Target]:
    """Where torchvision's tensors go; `prefix` stands before all of their names."""
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


def normalized_targets(convolution: str, normalization: str, layer: NormalizedConvolution) -> Iterator[Target]:
    """Where the tensors of a convolution and its batch normalisation go."""
    yield Target(f"{convolution}.weight", layer.kernel, kernel)
    yield Target(f"{normalization}.weight", layer.normalization.gamma)
    yield Target(f"{normalization}.bias", layer.normalization.beta)
    yield Target(f"{normalization}.running_mean", layer.normalization.moving_mean)
    yield Target(f"{normalization}.running_var", layer.normalization.moving_variance)
