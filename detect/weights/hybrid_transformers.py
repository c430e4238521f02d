"""Shared parts of the importers of RT-DETRv2, D-FINE and DEIMv2: the tensors of their layers.

Names are those of `transformers` 5 (https://github.com/huggingface/transformers, `models/d_fine/modeling_d_fine.py` and
`models/rt_detr_v2/`, Apache-2.0).
"""

from collections.abc import Iterator

import keras
import numpy as np

from detect.layers.attention import EncoderLayer, MultiHeadAttention, Perceptron, SwiGLU
from detect.layers.class_contents import ClassContents
from detect.layers.decoder_layer import DecoderLayer
from detect.layers.deformable_attention import DeformableAttention
from detect.layers.hybrid_encoder import HybridEncoder, SeparableReduction
from detect.layers.lite_encoder import LiteEncoder
from detect.layers.normalized_convolution import NormalizedLayer
from detect.layers.query_selection import QuerySelection
from detect.layers.refinement_decoder import RefinementDecoder
from detect.layers.reparameterized import ActivatedConvolution, RepElan, RepPartial
from detect.weights.backbones import normalized_targets
from detect.weights.tensors import Target, matrix


def encoder_targets(encoder: HybridEncoder) -> Iterator[Target]:
    """Map the tensors of an encoder and of the projections before it."""
    for index, projection in enumerate(encoder.projections):
        yield from projection_targets(projection, f"model.encoder_input_proj.{index}")
    yield from _encoder_layer(encoder.attention, "model.encoder.aifi.0.layers.0")
    parts = {
        "lateral_convs": encoder.laterals,
        "fpn_blocks": encoder.down_blocks,
        "downsample_convs": encoder.reductions,
        "pan_blocks": encoder.up_blocks,
    }
    for part, layers in parts.items():
        for index, layer in enumerate(layers):
            yield from _fusion(layer, f"model.encoder.{part}.{index}")


def lite_encoder_targets(encoder: LiteEncoder) -> Iterator[Target]:
    """Map the tensors of the encoder of a small DEIMv2."""
    yield from projection_targets(encoder.projection, "model.encoder_input_proj.0")
    parts = {
        "down_conv1": encoder.coarse.convolution,
        "bi_fusion_conv": encoder.context,
        "fpn_block": encoder.down_block,
        "down_conv2": encoder.reduction.convolution,
        "pan_block": encoder.up_block,
    }
    for part, layer in parts.items():
        yield from _fusion(layer, f"model.encoder.{part}")


def projection_targets(layer: NormalizedLayer, name: str) -> Iterator[Target]:
    """Map the tensors of a convolution and its normalisation that are numbered."""
    yield from normalized_targets(f"{name}.0", f"{name}.1", layer)


def _encoder_layer(layer: EncoderLayer, name: str) -> Iterator[Target]:
    yield from _attention(layer.attention, f"{name}.self_attn")
    yield from token_normalization_targets(layer.attention_normalization, f"{name}.self_attn_layer_norm")
    yield from perceptron_targets(layer.perceptron, f"{name}.mlp")
    yield from token_normalization_targets(layer.normalization, f"{name}.final_layer_norm")


def _fusion(layer: keras.layers.Layer, name: str) -> Iterator[Target]:
    """Map the tensors of a layer in which levels are fused."""
    if isinstance(layer, RepElan):
        yield from _convolution(layer.split, f"{name}.conv1")
        for index, (partial, convolution) in enumerate(zip(layer.partials, layer.convolutions, strict=True), start=1):
            yield from _fusion(partial, f"{name}.csp_rep{index}")
            yield from _convolution(convolution, f"{name}.conv{index + 1}")
        yield from _convolution(layer.merge, f"{name}.conv4")
    elif isinstance(layer, RepPartial):
        yield from _convolution(layer.through, f"{name}.conv1")
        yield from _convolution(layer.around, f"{name}.conv2")
        for index, block in enumerate(layer.blocks):
            yield from _convolution(block.spatial, f"{name}.bottlenecks.{index}.conv1")
            yield from _convolution(block.pointwise, f"{name}.bottlenecks.{index}.conv2")
        if layer.merge is not None:
            yield from _convolution(layer.merge, f"{name}.conv3")
    elif isinstance(layer, SeparableReduction):
        yield from _convolution(layer.pointwise, f"{name}.conv1")
        yield from _convolution(layer.depthwise, f"{name}.conv2")
    else:
        yield from _convolution(layer, name)


def _convolution(layer: ActivatedConvolution | NormalizedLayer, name: str) -> Iterator[Target]:
    convolution = layer.convolution if isinstance(layer, ActivatedConvolution) else layer
    yield from normalized_targets(f"{name}.conv", f"{name}.norm", convolution)


def selection_targets(selection: QuerySelection) -> Iterator[Target]:
    """Map the tensors of the choice of queries."""
    if selection.projected:
        yield from dense_targets(selection.projection, "model.enc_output.0")
        yield from token_normalization_targets(selection.normalization, "model.enc_output.1")
    yield from dense_targets(selection.class_logits, "model.enc_score_head")
    yield from perceptron_targets(selection.box, "model.enc_bbox_head")


def denoising_targets(contents: ClassContents) -> Iterator[Target]:
    """Map the tensor of the contents of denoising queries."""
    yield Target("model.denoising_class_embed.weight", contents.vectors, _class_columns)


def _class_columns(array: np.ndarray) -> np.ndarray:
    """Return vectors [K + 1, D] as columns, without the last one, that of padding, which is zeros."""
    return array[:-1].transpose()


def refinement_decoder_targets(decoder: RefinementDecoder) -> Iterator[Target]:
    """Map the tensors of the decoder of D-FINE or DEIMv2."""
    name = "model.decoder"
    yield from perceptron_targets(decoder.position, f"{name}.query_pos_head")
    yield from perceptron_targets(decoder.first_box, f"{name}.pre_bbox_head")
    for index, layer in enumerate(decoder.layers):
        yield from decoder_layer_targets(layer, f"{name}.layers.{index}")
        yield from dense_targets(decoder.class_logits[index], f"{name}.class_embed.{index}")
        yield from perceptron_targets(decoder.quality[index], f"{name}.lqe_layers.{index}.reg_conf")
    for index, perceptron in enumerate(dict.fromkeys(decoder.corners)):  # one where it is shared
        yield from perceptron_targets(perceptron, f"{name}.bbox_embed.{index}")


def decoder_layer_targets(layer: DecoderLayer, name: str) -> Iterator[Target]:
    """Map the tensors of a layer of the decoder."""
    yield from _attention(layer.attention, f"{name}.self_attn")
    yield from token_normalization_targets(layer.attention_normalization, f"{name}.self_attn_layer_norm")
    yield from _sampling(layer.sampling, f"{name}.encoder_attn")
    if layer.gated:
        yield from dense_targets(layer.gate.shares, f"{name}.gateway.gate")
        yield from token_normalization_targets(layer.gate.normalization, f"{name}.gateway.norm")
    else:
        yield from token_normalization_targets(layer.sampling_normalization, f"{name}.encoder_attn_layer_norm")
    yield from perceptron_targets(layer.perceptron, f"{name}.mlp")
    yield from token_normalization_targets(layer.normalization, f"{name}.final_layer_norm")


def _sampling(layer: DeformableAttention, name: str) -> Iterator[Target]:
    yield from dense_targets(layer.offsets, f"{name}.sampling_offsets")
    yield from dense_targets(layer.weights_of_points, f"{name}.attention_weights")
    if layer.memory_projection is not None:
        yield from dense_targets(layer.memory_projection, f"{name}.value_proj")
        yield from dense_targets(layer.projection, f"{name}.output_proj")


def _attention(layer: MultiHeadAttention, name: str) -> Iterator[Target]:
    parts = {"q_proj": layer.query, "k_proj": layer.key, "v_proj": layer.value, "o_proj": layer.output_projection}
    for part, projection in parts.items():
        yield from dense_targets(projection, f"{name}.{part}")


def perceptron_targets(perceptron: Perceptron | SwiGLU, name: str) -> Iterator[Target]:
    """Map the tensors of fully connected layers in sequence."""
    for index, layer in enumerate(perceptron.layers):
        yield from dense_targets(layer, f"{name}.layers.{index}")


def dense_targets(layer: keras.layers.Dense, name: str) -> Iterator[Target]:
    """Map the tensors of a fully connected layer."""
    yield Target(f"{name}.weight", layer.kernel, matrix)
    yield Target(f"{name}.bias", layer.bias)


def token_normalization_targets(
    layer: keras.layers.LayerNormalization | keras.layers.RMSNormalization, name: str
) -> Iterator[Target]:
    """Map the tensors of a normalisation of tokens."""
    if isinstance(layer, keras.layers.RMSNormalization):
        yield Target(f"{name}.weight", layer.scale)
    else:
        yield Target(f"{name}.weight", layer.gamma)
        yield Target(f"{name}.bias", layer.beta)
