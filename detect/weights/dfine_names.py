"""One set of names for the tensors in published files of D-FINE, RT-DETRv2 and DEIMv2, of three programs.

The names are those of `transformers` 5 (https://github.com/huggingface/transformers, `models/d_fine/`, Apache-2.0), but
those of the backbone are the authors'. Earlier versions of `transformers` wrote the files of the model hub, with a few
other names; the authors' code has its own, and keeps the three projections of an attention in one tensor.
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np

# Ends of the names of numbers that D-FINE's settings have too, and of positions that are computed.
CONSTANTS = (".up", ".reg_scale", ".num_points_scale", "decoder.anchors", "decoder.valid_mask")
# Pairs of a pattern and what replaces it, in order. Those of all versions of `transformers`:
_OF_TRANSFORMERS = (
    (r"^model\.backbone\.model\.embedder\.", "model.backbone.stem."),
    (r"^model\.backbone\.model\.encoder\.stages\.", "model.backbone.stages."),
    (r"^(model\.backbone\..*)\.convolution\.", r"\1.conv."),
    (r"^(model\.backbone\..*)\.normalization\.", r"\1.bn."),
    (r"^(class_embed|bbox_embed)\.", r"model.decoder.\1."),
    (r"^model\.encoder\.encoder\.", "model.encoder.aifi."),
    (r"\.out_proj\.", ".o_proj."),
    (r"(\.mlp)?\.fc1\.", ".mlp.layers.0."),
    (r"(\.mlp)?\.fc2\.", ".mlp.layers.1."),
)
# Those of the authors' code, whose modules `backbone`, `encoder` and `decoder` have no `model` before them:
_OF_AUTHORS = (
    (r"^backbone\.", "model.backbone."),
    (r"^(encoder|decoder)\.input_proj\.(\d+)\.conv\.", r"model.\1_input_proj.\2.0."),
    (r"^(encoder|decoder)\.input_proj\.(\d+)\.norm\.", r"model.\1_input_proj.\2.1."),
    (r"^encoder\.encoder\.", "model.encoder.aifi."),
    (r"^encoder\.downsample_convs\.(\d+)\.0\.cv", r"model.encoder.downsample_convs.\1.conv"),
    (r"^encoder\.", "model.encoder."),
    (r"\.cv1\.", ".conv1."),
    (r"\.cv2\.0\.", ".csp_rep1."),
    (r"\.cv2\.1\.", ".conv2."),
    (r"\.cv3\.0\.", ".csp_rep2."),
    (r"\.cv3\.1\.", ".conv3."),
    (r"\.cv4\.", ".conv4."),
    (r"^decoder\.enc_output\.proj\.", "model.enc_output.0."),
    (r"^decoder\.enc_output\.norm\.", "model.enc_output.1."),
    (r"^decoder\.(enc_|denoising)", r"model.\1"),
    (r"^decoder\.dec_score_head\.", "model.decoder.class_embed."),
    (r"^decoder\.dec_bbox_head\.", "model.decoder.bbox_embed."),
    (r"^decoder\.decoder\.", "model.decoder."),
    (r"^decoder\.", "model.decoder."),
    (r"\.cross_attn\.", ".encoder_attn."),
    (r"\.linear1\.", ".mlp.layers.0."),
    (r"\.linear2\.", ".mlp.layers.1."),
    (r"\.norm1\.", ".self_attn_layer_norm."),
    (r"^(model\.encoder\..*)\.norm2\.", r"\1.final_layer_norm."),
    (r"^(model\.decoder\..*)\.norm2\.", r"\1.encoder_attn_layer_norm."),
    (r"^(model\.decoder\..*)\.norm3\.", r"\1.final_layer_norm."),
    (r"\.out_proj\.", ".o_proj."),
)
_FUSED = ".self_attn.in_proj_"  # in the name of the tensor with all three projections, one below the other


def renamed(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors of a file of any of the three programs under one set of names."""
    is_authors = any(name.startswith("backbone.") for name in tensors)
    rules = _OF_AUTHORS if is_authors else _OF_TRANSFORMERS
    return dict(pair for name, tensor in tensors.items() for pair in _parts(_replaced(name, rules), tensor))


def _replaced(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _parts(name: str, tensor: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the tensor, or each projection in it."""
    before, fused, kind = name.partition(_FUSED)
    if not fused:
        yield name, tensor
        return
    for part, projection in zip(("q_proj", "k_proj", "v_proj"), np.split(np.asarray(tensor), 3), strict=True):
        yield f"{before}.self_attn.{part}.{kind}", projection
