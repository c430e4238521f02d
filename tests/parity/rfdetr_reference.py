"""RF-DETR of `transformers`, with random weights that a test can draw again.

Run as a script, it records the outputs of a tiny one in tests/weights/roboflow_rfdetr.npz:

    python tests/parity/rfdetr_reference.py
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import RfDetrConfig, RfDetrForObjectDetection

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "weights"))

from drawn_rfdetr import CLASSES, SIZES, TINY, draw, image  # noqa: E402

MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def create(settings: dict[str, int], classes: int) -> RfDetrForObjectDetection:
    """Return a model with drawn weights and the settings of our `Config`."""
    backbone = {
        "model_type": "rf_detr_dinov2",
        "hidden_size": settings["backbone_channels"],
        "num_attention_heads": settings["backbone_heads"],
        "patch_size": 16,
        "num_windows": 2,
        "image_size": 16 * settings["positions"],
        "out_indices": [3, 6, 9, 12],
    }
    config = RfDetrConfig(
        backbone_config=backbone,
        d_model=settings["channels"],
        decoder_layers=settings["layers"],
        decoder_n_points=settings["points"],
        decoder_ffn_dim=settings["hidden"],
        decoder_self_attention_heads=settings["heads"],
        decoder_cross_attention_heads=settings["sampling_heads"],
        num_queries=settings["queries"],
        group_detr=settings["groups"],
        layer_norm_eps=1e-6,  # of the projector, as in the authors' code
        num_labels=classes,
    )
    model = RfDetrForObjectDetection(config).eval()
    state = model.state_dict()
    drawn = draw({name: list(tensor.shape) for name, tensor in state.items()})
    model.load_state_dict({name: torch.tensor(drawn[name]) for name in state})
    return model


def answers(model: RfDetrForObjectDetection, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the parts of the model make of an image [H, W, 3], channels last.

    They are the four features of the backbone, the level of the projector, class logits and boxes of the proposals, and
    those of each layer of the decoder.
    """
    normalized = (torch.tensor(pixels, dtype=torch.float32) - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    normalized = normalized.permute(2, 0, 1)[None]
    with torch.no_grad():
        found = model(normalized)
        features = model.model.backbone.backbone(normalized).feature_maps
        logits, boxes = model.predict_class_and_boxes(
            found.intermediate_hidden_states, found.intermediate_reference_points
        )
    values = {f"feature{number}": feature.permute(0, 2, 3, 1) for number, feature in enumerate(features, start=1)}
    values |= {
        "level": found.backbone_features.permute(0, 2, 3, 1),
        "proposed_logits": found.enc_outputs_class,
        "proposed_boxes": found.enc_outputs_coord_logits,
        "logits": logits,
        "boxes": boxes,
    }
    return {name: value.numpy() for name, value in values.items()}


def record() -> None:
    model = create(TINY, CLASSES)
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    values = {"shapes": np.array(json.dumps(shapes))}
    for side in SIZES:
        values |= {f"{side}/{name}": value for name, value in answers(model, image(side)).items()}
    np.savez_compressed(TESTS / "weights" / "roboflow_rfdetr.npz", **values)


if __name__ == "__main__":
    record()
