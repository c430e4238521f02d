"""DEIMv2's published checkpoints: the authors' (https://github.com/Intellindust-AI-Lab/DEIMv2), on the model hub too.

Files of `transformers` 5, which names the tensors otherwise, are read as well, if they hold the authors' weights. That
has four additional tensors, for a projection and a normalisation of the tokens of the encoder, which change nothing in
such files but the scale of tokens, and which the authors' model does not have.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from detect.layers.lite_encoder import LiteEncoder
from detect.models.deimv2 import DEIMv2
from detect.weights.backbones import hgnet_targets
from detect.weights.checkpoint import Checkpoint
from detect.weights.dfine_names import CONSTANTS, renamed
from detect.weights.files.tensor_files import read_tensors
from detect.weights.hybrid_transformers import (
    denoising_targets,
    encoder_targets,
    lite_encoder_targets,
    refinement_decoder_targets,
    selection_targets,
)
from detect.weights.model_hub import hub_checkpoint
from detect.weights.tensors import Target

# Patterns and what replaces them, in order, where names differ from those that `renamed` knows.
_OF_AUTHORS = (
    (r"^encoder\.down_sample(\d)\.1\.", r"encoder.down_conv\1.conv."),
    (r"^encoder\.down_sample(\d)\.2\.", r"encoder.down_conv\1.norm."),
    (r"^encoder\.bi_fusion\.cv\.", "encoder.bi_fusion_conv."),
    (r"\.swish_ffn\.w12\.", ".linear1."),
    (r"\.swish_ffn\.w3\.", ".linear2."),
    (r"^(decoder\..*norm\d?)\.scale$", r"\1.weight"),
)
_OF_TRANSFORMERS = (
    (r"^model\.conv_encoder\.model\.", "model.backbone.model."),
    (r"^model\.(conv_encoder\.encoder|encoder)[._]input_proj\.(\d+)\.conv\.", r"model.encoder_input_proj.\2.0."),
    (r"^model\.(conv_encoder\.encoder|encoder)[._]input_proj\.(\d+)\.norm\.", r"model.encoder_input_proj.\2.1."),
    (r"^(model\.encoder\.(?:fpn|pan)_block(?:s\.\d+)?)\.conv2\.", r"\1.conv4."),
    (r"\.csp_rep1\.conv2\.", ".conv2."),
    (r"\.csp_rep2\.conv2\.", ".conv3."),
    (r"\.mlp\.down_proj\.", ".mlp.layers.1."),
)
_GATES, _FEATURES = ".mlp.gate_proj.", ".mlp.up_proj."  # two tensors in `transformers`, one in the authors' code
_BOXES = "model.decoder.bbox_embed."


def targets(detector: DEIMv2) -> Iterator[Target]:
    """Map the tensors, by the names of `read`, to all weights of the detector."""
    yield from hgnet_targets(detector.backbone, "model.backbone.")
    encoder = detector.encoder
    yield from lite_encoder_targets(encoder) if isinstance(encoder, LiteEncoder) else encoder_targets(encoder)
    yield from selection_targets(detector.selection)
    yield from refinement_decoder_targets(detector.decoder)
    yield from denoising_targets(detector.denoised_classes)


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a file of the authors or of `transformers`, by the names of `renamed`."""
    tensors = read_tensors(path, entry="model")
    plain = {_plain(name): tensor for name, tensor in tensors.items()}
    return _without_copies(_without_identity(dict(_parts(renamed(plain)))))


def _plain(name: str) -> str:
    for pattern, replacement in (*_OF_AUTHORS, *_OF_TRANSFORMERS):
        name = re.sub(pattern, replacement, name)
    return name


def _parts(tensors: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the tensors by the names of D-FINE's layers.

    There a partial block starts with two convolutions, which are one here; `transformers` has the halves of a gated
    perceptron apart.
    """
    for name, tensor in tensors.items():
        if re.search(r"\.csp_rep\d\.conv1\.", name) and np.ndim(tensor):
            around, through = np.split(np.asarray(tensor), 2)
            yield name, through
            yield name.replace(".conv1.", ".conv2."), around
        elif _GATES in name:
            joined = [tensor, tensors[name.replace(_GATES, _FEATURES)]]
            yield name.replace(_GATES, ".mlp.layers.0."), np.concatenate(joined)
        elif _FEATURES not in name:
            yield name, tensor


def _without_identity(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors without a projection that changes no token and its normalisation, if they have one."""
    names = [f"model.enc_output.{part}.{kind}" for part in (0, 1) for kind in ("weight", "bias")]
    if not all(name in tensors for name in names):
        return tensors
    projection, shift, scale, offset = (np.asarray(tensors[name]) for name in names)
    same = (
        np.array_equal(projection, np.eye(len(projection))) and np.all(scale == 1) and not (shift.any() | offset.any())
    )
    return {name: tensor for name, tensor in tensors.items() if name not in names} if same else tensors


def _without_copies(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors without those of boxes that equal those of the first layer, if it shares them with others."""
    copies = [name for name in tensors if name.startswith(_BOXES) and not name.startswith(f"{_BOXES}0.")]
    shared = all(
        np.array_equal(tensors[name], tensors.get(re.sub(r"embed\.\d+\.", "embed.0.", name), [])) for name in copies
    )
    return {name: tensor for name, tensor in tensors.items() if name not in copies} if shared else tensors


def _checkpoint(row: str, published_ap: float, image_size: int) -> Checkpoint:
    page = f"Intellindust/DEIMv2_HGNetv2_{row.upper()}_COCO"
    name = f"deimv2-{row}-coco"
    return hub_checkpoint(name, page, "Intellindust AI Lab", published_ap, read, targets, CONSTANTS, image_size)


CHECKPOINTS = (
    _checkpoint("atto", 23.8, 320),
    _checkpoint("femto", 31.0, 416),
    _checkpoint("pico", 38.5, 640),
    _checkpoint("n", 43.0, 640),
)
