"""Detectors of the library `transformers`, built like ours, but with random weights.

They run on images of 0..255 [B, H, W, 3], and return arrays with the channels last.
"""

import numpy as np
import torch
from drawn_weights import drawn_weights
from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config

from detect.layers.hgnet import SIZES
from detect.models.dfine import HEADS, STRIDES, Config


def dfine(config: Config, classes: int) -> DFineForObjectDetection:
    """Return the model with these settings and random weights, which are the same each time."""
    sizes = SIZES[config.backbone]
    inputs = (sizes.stem[1], *sizes.filters[:-1])
    backbone = HGNetV2Config(
        stem_channels=[3, *sizes.stem],
        stage_in_channels=list(inputs),
        stage_mid_channels=list(sizes.within),
        stage_out_channels=list(sizes.filters),
        stage_num_blocks=list(sizes.blocks),
        stage_numb_of_layers=[sizes.layers] * 4,
        use_learnable_affine_block=sizes.affine,
        hidden_sizes=list(sizes.filters),
        depths=list(sizes.blocks),
        out_indices=list(range(5 - config.levels, 5)),
    )
    settings = DFineConfig(
        backbone_config=backbone,
        num_labels=classes,
        encoder_hidden_dim=config.filters,
        encoder_in_channels=list(sizes.filters[-config.levels :]),
        encoder_ffn_dim=config.encoder_hidden,
        encoder_attention_heads=HEADS,
        encode_proj_layers=[config.levels - 1],
        feat_strides=list(STRIDES[-config.levels :]),
        hidden_expansion=config.expansion,
        depth_mult=config.depth,
        d_model=config.channels,
        decoder_in_channels=[config.filters] * config.levels,
        decoder_ffn_dim=config.hidden,
        decoder_layers=config.layers,
        decoder_attention_heads=HEADS,
        decoder_n_points=list(config.points),
        num_feature_levels=config.levels,
        num_queries=config.queries,
        max_num_bins=config.values - 1,
        reg_scale=config.scale,
        up=config.reach,
    )
    model = DFineForObjectDetection(settings).eval()
    draw_weights(model)
    return model


@torch.no_grad()
def draw_weights(model: torch.nn.Module) -> None:
    """Fill a model with random values that keep its features within bounds; no statistics are 0 and 1."""
    for name, value in drawn_weights({name: tuple(value.shape) for name, value in model.state_dict().items()}).items():
        model.state_dict()[name].copy_(torch.from_numpy(value))


@torch.inference_mode()
def outputs(model: DFineForObjectDetection, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the features of backbone and encoder, what the encoder chooses, and what every layer says.

    Those of the decoder have an axis of layers behind that of the images; `logits` and `boxes` have first what the
    first layer says without distributions.
    """
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    features = model.model.backbone.model(pixels).feature_maps
    model.model.decoder.training = True  # all layers say something; there is no dropout
    found = model(pixels)
    model.model.decoder.training = False
    levels = {f"backbone{index}": channels_last(level) for index, level in enumerate(features)}
    encoded = {f"encoder{index}": channels_last(level) for index, level in enumerate(found.encoder_last_hidden_state)}
    return {
        **levels,
        **encoded,
        "chosen_logits": found.enc_topk_logits.numpy(),
        "chosen_boxes": found.enc_topk_bboxes.numpy(),
        "logits": found.intermediate_logits.numpy(),
        "boxes": found.intermediate_reference_points.numpy(),
        "corners": found.intermediate_predicted_corners.numpy(),
    }


def channels_last(level: torch.Tensor) -> np.ndarray:
    """Return features [B, C, H, W] as [B, H, W, C]."""
    return level.permute(0, 2, 3, 1).numpy()
