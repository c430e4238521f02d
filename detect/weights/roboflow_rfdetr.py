"""RF-DETR's published checkpoints: the authors' (https://github.com/roboflow/rf-detr), and theirs on the model hub.

Both have the authors' names: those of the modules in `rfdetr/models/`, without a prefix (Apache-2.0). The addresses and
digests are those in `rfdetr/assets/model_weights.py`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from detect.data.pixels.resizing import Fit
from detect.layers.attention import MultiHeadAttention
from detect.layers.decoder_layer import DecoderLayer
from detect.layers.dinov2 import Block, DINOv2
from detect.layers.grouped_decoder import GroupedDecoder, GroupedDense, GroupedSelection
from detect.layers.scale_projector import ProjectorConvolution, ScaleProjector
from detect.models.rfdetr import RFDETR
from detect.weights.checkpoint import Checkpoint
from detect.weights.coco_classes import IDS, NAMES
from detect.weights.files.tensor_files import read_tensors
from detect.weights.hybrid_transformers import dense_targets, perceptron_targets, token_normalization_targets
from detect.weights.tensors import Convert, Target, kernel, matrix

BACKBONE = "backbone.0.encoder.encoder"
UNUSED = (".mask_token",)  # of DINOv2's training
BUCKET = "https://storage.googleapis.com/rfdetr"
# The name of a tensor of one of the groups, with the group's number.
_OF_A_GROUP = re.compile(r"(transformer\.enc_\w+)\.(\d+)\.(.+)")


def read(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a file; those of all groups as one, without the group's number in its name."""
    tensors: dict[str, np.ndarray] = {}
    grouped: defaultdict[str, dict[int, np.ndarray]] = defaultdict(dict)
    for name, tensor in read_tensors(path, entry="model").items():
        match = _OF_A_GROUP.fullmatch(name)
        if match is None:
            tensors[name] = tensor
        else:
            grouped[f"{match[1]}.{match[3]}"][int(match[2])] = tensor
    return tensors | {name: np.stack([parts[number] for number in sorted(parts)]) for name, parts in grouped.items()}


def targets(detector: RFDETR, columns: tuple[int, ...] = IDS) -> Iterator[Target]:
    """Map the authors' tensors to all weights of the detector.

    There are logits for every id of COCO, 0 to 90, of which eleven are not classes.

    Args:
        detector: ours.
        columns: for each label of ours, the number of its logit.
    """
    yield from backbone_targets(detector.backbone, BACKBONE)
    yield from _projector(detector.projector, "backbone.0.projector.stages.0")
    yield from _selection(detector.selection, columns)
    yield from _decoder(detector.decoder, columns)


def backbone_targets(backbone: DINOv2, name: str) -> Iterator[Target]:
    """Map the tensors of a backbone, whose blocks have numbers."""
    stem, embeddings = backbone.stem, f"{name}.embeddings"
    side, channels = stem.side, stem.projection.filters
    positions = f"{embeddings}.position_embeddings"
    yield Target(f"{embeddings}.cls_token", stem.class_token, lambda token: token[0])
    yield Target(positions, stem.class_position, lambda codes: codes[0, :1])
    yield Target(positions, stem.positions, lambda codes: codes[0, 1:].reshape(side, side, channels))
    yield Target(f"{embeddings}.patch_embeddings.projection.weight", stem.projection.kernel, kernel)
    yield Target(f"{embeddings}.patch_embeddings.projection.bias", stem.projection.bias)
    blocks = [block for stage in backbone.stages for block in stage.blocks]
    for number, block in enumerate(blocks):
        yield from _block(block, f"{name}.encoder.layer.{number}")
    yield from token_normalization_targets(backbone.normalization, f"{name}.layernorm")


def _block(block: Block, name: str) -> Iterator[Target]:
    attention = block.attention
    yield from token_normalization_targets(block.attention_normalization, f"{name}.norm1")
    yield from dense_targets(attention.query, f"{name}.attention.attention.query")
    yield from dense_targets(attention.key, f"{name}.attention.attention.key")
    yield from dense_targets(attention.value, f"{name}.attention.attention.value")
    yield from dense_targets(attention.output_projection, f"{name}.attention.output.dense")
    yield Target(f"{name}.layer_scale1.lambda1", block.attention_scale.factors)
    yield from token_normalization_targets(block.normalization, f"{name}.norm2")
    yield from dense_targets(block.perceptron.layers[0], f"{name}.mlp.fc1")
    yield from dense_targets(block.perceptron.layers[1], f"{name}.mlp.fc2")
    yield Target(f"{name}.layer_scale2.lambda1", block.scale.factors)


def _projector(projector: ScaleProjector, name: str) -> Iterator[Target]:
    yield from _convolution(projector.first, f"{name}.0.cv1")
    for index, halves in enumerate(projector.blocks):
        for half, layer in enumerate(halves, start=1):
            yield from _convolution(layer, f"{name}.0.m.{index}.cv{half}")
    yield from _convolution(projector.last, f"{name}.0.cv2")
    yield from token_normalization_targets(projector.normalization, f"{name}.1")


def _convolution(layer: ProjectorConvolution, name: str) -> Iterator[Target]:
    yield Target(f"{name}.conv.weight", layer.convolution.kernel, kernel)
    yield from token_normalization_targets(layer.normalization, f"{name}.bn")


def _selection(selection: GroupedSelection, columns: tuple[int, ...]) -> Iterator[Target]:
    name = "transformer.enc_out"
    yield from _grouped(selection.projection, f"{name}put")
    yield Target(f"{name}put_norm.weight", selection.normalization.gamma, _row_of_group)
    yield Target(f"{name}put_norm.bias", selection.normalization.beta, _row_of_group)
    yield from _grouped(selection.class_logits, f"{name}_class_embed", columns)
    for index, layer in enumerate((selection.box0, selection.box1, selection.box2)):
        yield from _grouped(layer, f"{name}_bbox_embed.layers.{index}")


def _grouped(layer: GroupedDense, name: str, columns: tuple[int, ...] | None = None) -> Iterator[Target]:
    """Map the tensors of a fully connected layer of each group, of whose outputs `columns` are used, or all."""
    used = slice(None) if columns is None else list(columns)
    yield Target(f"{name}.weight", layer.kernel, lambda weights: weights[:, used].transpose(0, 2, 1))
    yield Target(f"{name}.bias", layer.bias, lambda biases: biases[:, None, used])


def _row_of_group(values: np.ndarray) -> np.ndarray:
    """Return the values of each group [G, C] as [G, 1, C]."""
    return values[:, None]


def _decoder(decoder: GroupedDecoder, columns: tuple[int, ...]) -> Iterator[Target]:
    def by_group(values: np.ndarray) -> np.ndarray:
        return values.reshape(*decoder.shape, -1)

    name = "transformer.decoder"
    yield Target("query_feat.weight", decoder.features, by_group)
    yield Target("refpoint_embed.weight", decoder.deltas, by_group)
    yield from perceptron_targets(decoder.position, f"{name}.ref_point_head")
    for index, layer in enumerate(decoder.layers):
        yield from _decoder_layer(layer, f"{name}.layers.{index}")
    yield from token_normalization_targets(decoder.normalization, f"{name}.norm")
    yield Target("class_embed.weight", decoder.class_logits.kernel, lambda weights: weights[list(columns)].T)
    yield Target("class_embed.bias", decoder.class_logits.bias, lambda biases: biases[list(columns)])
    yield from perceptron_targets(decoder.box, "bbox_embed")


def _decoder_layer(layer: DecoderLayer, name: str) -> Iterator[Target]:
    yield from _attention(layer.attention, f"{name}.self_attn")
    yield from token_normalization_targets(layer.attention_normalization, f"{name}.norm1")
    yield from dense_targets(layer.sampling.offsets, f"{name}.cross_attn.sampling_offsets")
    yield from dense_targets(layer.sampling.weights_of_points, f"{name}.cross_attn.attention_weights")
    yield from dense_targets(layer.sampling.memory_projection, f"{name}.cross_attn.value_proj")
    yield from dense_targets(layer.sampling.projection, f"{name}.cross_attn.output_proj")
    yield from token_normalization_targets(layer.sampling_normalization, f"{name}.norm2")
    yield from dense_targets(layer.perceptron.layers[0], f"{name}.linear1")
    yield from dense_targets(layer.perceptron.layers[1], f"{name}.linear2")
    yield from token_normalization_targets(layer.normalization, f"{name}.norm3")


def _attention(layer: MultiHeadAttention, name: str) -> Iterator[Target]:
    """Map the tensors of an attention, three of whose projections are parts of one."""
    for number, projection in enumerate((layer.query, layer.key, layer.value)):
        yield Target(f"{name}.in_proj_weight", projection.kernel, _third(number, matrix))
        yield Target(f"{name}.in_proj_bias", projection.bias, _third(number))
    yield from dense_targets(layer.output_projection, f"{name}.out_proj")


def _third(number: int, convert: Convert = lambda array: array) -> Convert:
    """Return the conversion of one of three equal parts of a tensor."""
    return lambda array: convert(np.split(array, 3)[number])


def _checkpoint(row: str, published_ap: float, image_size: int, file: str, md5: str) -> Checkpoint:
    return Checkpoint(
        name=f"rfdetr-{row}-coco",
        model=f"rfdetr-{row}",
        address=f"{BUCKET}/{file}#rf-detr-{row}.pth",  # three of the files have the same name
        digest=f"md5:{md5}",
        publisher="Roboflow, https://github.com/roboflow/rf-detr",
        licence="Apache-2.0; trained on Objects365 and COCO",
        published_ap=published_ap,
        image_size=image_size,
        fit=Fit(kind="stretch", resampling="exact"),
        classes=NAMES,
        category_ids=IDS,
        read=read,
        targets=targets,
        unused=UNUSED,
    )


_BEST = "checkpoint_best_regular.pth"
CHECKPOINTS = (
    _checkpoint("nano", 48.4, 384, f"nano_coco/{_BEST}", "fb6504cce7fbdc783f7a46991f07639f"),
    _checkpoint("small", 53.0, 512, f"small_coco/{_BEST}", "fb37061c1af7bace359c91b723a8d5c1"),
    _checkpoint("medium", 54.7, 576, f"medium_coco/{_BEST}", "7223f764a87b863f02eb8d52bf0ce2ee"),
    _checkpoint("large", 56.5, 704, "rf-detr-large-2026.pth", "5cb72153541cbcb9aa6efa26222acc75"),
)
