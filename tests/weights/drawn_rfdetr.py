"""Random weights of RF-DETR, for which the outputs of `transformers` are recorded, under two programs' names."""

import re

import numpy as np

CLASSES, SIZES = 5, (96, 128)  # learnt positions are resized for the second size
TINY = {
    "backbone_channels": 24,
    "backbone_heads": 3,
    "positions": 6,
    "channels": 16,
    "hidden": 24,
    "layers": 2,
    "heads": 2,
    "sampling_heads": 4,
    "points": 2,
    "queries": 12,
    "groups": 3,
}

# The names of `transformers` 5 (`models/rf_detr/modeling_rf_detr.py`), and what the authors call these parts.
_NAMES = (
    (r"^model\.(?=backbone|decoder|enc_|query_feat)", ""),
    (r"^model\.reference_point_embed", "refpoint_embed"),
    (r"^backbone\.backbone", "backbone.0.encoder.encoder"),
    (r"^backbone\.projector\.layer_norm", "backbone.0.projector.stages.0.1"),
    (r"^backbone\.projector\.projector_layer", "backbone.0.projector.stages.0.0"),
    (r"\.bottlenecks\.(\d)\.conv(\d)", r".m.\1.cv\2"),
    (r"^(backbone\.0\.projector.*)\.conv(\d)\.(?=conv|norm)", r"\1.cv\2."),
    (r"^(backbone\.0\.projector.*)\.norm\.", r"\1.bn."),
    (r"\.attention\.q_proj", ".attention.attention.query"),
    (r"\.attention\.k_proj", ".attention.attention.key"),
    (r"\.attention\.v_proj", ".attention.attention.value"),
    (r"\.attention\.o_proj", ".attention.output.dense"),
    (r"^(?=decoder|enc_)", "transformer."),
    (r"^(transformer\.decoder\.layers\.\d+)\.self_attn_layer_norm", r"\1.norm1"),
    (r"^(transformer\.decoder\.layers\.\d+)\.cross_attn_layer_norm", r"\1.norm2"),
    (r"^(transformer\.decoder\.layers\.\d+)\.layer_norm", r"\1.norm3"),
    (r"^(transformer\.decoder\.layers\.\d+)\.mlp\.fc", r"\1.linear"),
    (r"^transformer\.decoder\.layernorm", "transformer.decoder.norm"),
    (r"\.self_attn\.o_proj", ".self_attn.out_proj"),
)


def draw(shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """Draw weights with which all parts of the model matter, from the names of `transformers` and their shapes."""
    random = np.random.RandomState(0)  # NumPy promises never to change its numbers
    state = {}
    for name in sorted(shapes):
        shape = shapes[name]
        if len(shape) > 1:
            values = random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) if len(shape) == 4 else shape[-1])
        elif name.endswith(("weight", "lambda1")):
            values = random.uniform(0.5, 1.5, shape)
        else:
            values = random.standard_normal(shape) * 0.1
        state[name] = values.astype(np.float32)
    return state


def image(side: int) -> np.ndarray:
    """Draw the pixels of a square image."""
    return np.random.RandomState(side).randint(0, 256, (side, side, 3)).astype(np.uint8)


def names_of_authors(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return weights under the authors' names; the three projections of an attention of the decoder are one tensor."""
    renamed = {_renamed(name): tensor for name, tensor in state.items()}
    for name in [name for name in renamed if ".self_attn.q_proj." in name]:
        parts = [renamed.pop(name.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")]
        renamed[name.replace("q_proj.", "in_proj_")] = np.concatenate(parts)
    return renamed


def _renamed(name: str) -> str:
    for pattern, replacement in _NAMES:
        name = re.sub(pattern, replacement, name)
    return name
