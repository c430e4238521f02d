"""RT-DETRv2's published checkpoints: the authors' (https://github.com/lyuwenyu/RT-DETR), and theirs on the model hub.

The files of both are read. Names are those of `dfine_names`, but those of the backbone are the authors'.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from detect.models.rtdetrv2 import BoxDecoder, RTDETRv2
from detect.weights.backbones import resnet_vd_targets
from detect.weights.checkpoint import Checkpoint
from detect.weights.dfine_names import renamed
from detect.weights.files.tensor_files import read_tensors
from detect.weights.hybrid_transformers import (
    decoder_layer_targets,
    denoising_targets,
    dense_targets,
    encoder_targets,
    perceptron_targets,
    projection_targets,
    selection_targets,
)
from detect.weights.model_hub import hub_checkpoint
from detect.weights.tensors import Target

# Numbers that the settings have too, and positions that are computed.
CONSTANTS = (".n_points_scale", ".num_points_scale", "decoder.anchors", "decoder.valid_mask")
# What replaces patterns in the names that all versions of `transformers` have for the tensors of the backbone.
_BACKBONE = (
    (r"^model\.backbone\.model\.embedder\.embedder\.0\.", "backbone.conv1.conv1_1."),
    (r"^model\.backbone\.model\.embedder\.embedder\.1\.", "backbone.conv1.conv1_2."),
    (r"^model\.backbone\.model\.embedder\.embedder\.2\.", "backbone.conv1.conv1_3."),
    (r"^model\.backbone\.model\.encoder\.stages\.(\d+)\.layers\.", r"backbone.res_layers.\1.blocks."),
    (r"\.layer\.0\.", ".branch2a."),
    (r"\.layer\.1\.", ".branch2b."),
    (r"\.layer\.2\.", ".branch2c."),
    (r"\.shortcut\.1\.", ".short.conv."),
    (r"\.shortcut\.", ".short."),
    (r"\.convolution\.", ".conv."),
    (r"\.normalization\.", ".norm."),
)


def targets(detector: RTDETRv2) -> Iterator[Target]:
    """Map the tensors of a file to all weights of the detector."""
    yield from resnet_vd_targets(detector.backbone, "backbone.")
    yield from encoder_targets(detector.encoder)
    for index, projection in enumerate(detector.projections):
        yield from projection_targets(projection, f"model.decoder_input_proj.{index}")
    yield from selection_targets(detector.selection)
    yield from _decoder(detector.decoder)
    yield from denoising_targets(detector.denoised_classes)


def _decoder(decoder: BoxDecoder) -> Iterator[Target]:
    name = "model.decoder"
    yield from perceptron_targets(decoder.position, f"{name}.query_pos_head")
    for index, layer in enumerate(decoder.layers):
        yield from decoder_layer_targets(layer, f"{name}.layers.{index}")
        yield from dense_targets(decoder.class_logits[index], f"{name}.class_embed.{index}")
        yield from perceptron_targets(decoder.moves[index], f"{name}.bbox_embed.{index}")


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a file of the model hub, or of the authors, who save the average of the weights beside them."""
    tensors = read_tensors(path, entry="ema.module")
    others = {name: tensor for name, tensor in renamed(tensors).items() if not _is_of_backbone(name)}
    return {**_backbone(tensors), **others}


def _backbone(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors of the backbone by the authors' names."""
    found = {}
    for name in filter(_is_of_backbone, tensors):
        own = name
        for pattern, replacement in _BACKBONE:
            own = re.sub(pattern, replacement, own)
        found[own] = tensors[name]
    return found


def _is_of_backbone(name: str) -> bool:
    return name.startswith(("backbone.", "model.backbone."))


def _checkpoint(row: str, published_ap: float) -> Checkpoint:
    name, page = f"rtdetrv2-{row}-coco", f"PekingU/rtdetr_v2_{row}vd"
    return hub_checkpoint(name, page, "Peking University and Baidu", published_ap, read, targets, CONSTANTS)


CHECKPOINTS = (
    _checkpoint("r18", 48.1),
    _checkpoint("r34", 49.9),
    _checkpoint("r50", 53.4),
    _checkpoint("r101", 54.3),
)
