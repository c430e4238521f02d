"""Detectors of the library `transformers`, built like ours, but with random weights.

They run on images of 0..255 [B, H, W, 3], and return arrays with the channels last.
"""

from typing import Any

import numpy as np
import torch
from drawn_weights import drawn_weights
from transformers import Deimv2Config, Deimv2ForObjectDetection, DFineConfig, DFineForObjectDetection, HGNetV2Config
from transformers.models.d_fine.modeling_d_fine import DFineModel
from transformers.models.deimv2.modeling_deimv2 import Deimv2MLP

from detect.layers.hgnet import SIZES
from detect.models import deimv2 as our_deimv2
from detect.models import dfine as our_dfine

Reference = DFineForObjectDetection | Deimv2ForObjectDetection


def dfine(config: our_dfine.Config, classes: int) -> DFineForObjectDetection:
    """Return the model with these settings and random weights, which are the same each time."""
    filters = SIZES[config.backbone].filters[-config.levels :]
    settings = DFineConfig(
        **settings_of_both(config, classes),
        backbone_config=backbone(config.backbone, config.levels),
        encoder_hidden_dim=config.filters,
        encoder_in_channels=list(filters),
        encode_proj_layers=[config.levels - 1],
        feat_strides=list(our_dfine.STRIDES[-config.levels :]),
        decoder_in_channels=[config.filters] * config.levels,
        num_feature_levels=config.levels,
    )
    model = DFineForObjectDetection(settings).eval()
    draw_weights(model)
    return model


def deimv2(config: our_deimv2.Config, classes: int) -> Deimv2ForObjectDetection:
    """Return the model with these settings and random weights, changed to be that of the authors.

    Theirs has no projection and normalisation of tokens, and SiLUs in all perceptrons; each layer adds the codes of the
    first boxes to its queries.
    """
    levels = 1 if config.backbone != "b0" else 2
    settings = Deimv2Config(
        **settings_of_both(config, classes),
        backbone_config=backbone(config.backbone, levels),
        encoder_type="lite" if levels == 1 else "hybrid",
        encoder_layers=levels - 1,
        encoder_hidden_dim=config.channels,
        encoder_in_channels=list(SIZES[config.backbone].filters[-levels:]),
        encode_proj_layers=[1],
        feat_strides=list(our_deimv2.STRIDES),
        decoder_in_channels=[config.channels] * 2,
        num_feature_levels=2,
        use_gateway=config.gated,
        share_bbox_head=config.shared,
        decoder_activation_function="silu",
    )
    model = Deimv2ForObjectDetection(settings).eval()
    model.model.enc_output = torch.nn.Identity()
    for module in model.modules():
        if isinstance(module, Deimv2MLP) and isinstance(module.act, torch.nn.ReLU):
            module.act = torch.nn.SiLU()
    draw_weights(model)
    decoder = model.model.decoder
    codes: list[torch.Tensor] = []
    decoder.register_forward_pre_hook(lambda *_: codes.clear())
    decoder.query_pos_head.register_forward_hook(lambda _, __, found: codes.append(found) or codes[0])
    return model


def settings_of_both(config: Any, classes: int) -> dict[str, Any]:
    """Return the settings that our D-FINE and DEIMv2 name alike, by the names of `transformers`."""
    return {
        "num_labels": classes,
        "encoder_ffn_dim": config.encoder_hidden,
        "encoder_attention_heads": our_dfine.HEADS,
        "hidden_expansion": config.expansion,
        "depth_mult": config.depth,
        "d_model": config.channels,
        "decoder_ffn_dim": config.hidden,
        "decoder_layers": config.layers,
        "decoder_attention_heads": our_dfine.HEADS,
        "decoder_n_points": list(config.points),
        "num_queries": config.queries,
        "max_num_bins": config.values - 1,
        "reg_scale": config.scale,
        "up": config.reach,
    }


def backbone(size: str, levels: int) -> HGNetV2Config:
    """Return the settings of an HGNetV2 whose last `levels` stages are returned."""
    sizes = SIZES[size]
    stages = len(sizes.filters)
    return HGNetV2Config(
        stem_channels=[3, *sizes.stem],
        stage_in_channels=[sizes.stem[1], *sizes.filters[:-1]],
        stage_mid_channels=list(sizes.within),
        stage_out_channels=list(sizes.filters),
        stage_num_blocks=list(sizes.blocks),
        stage_numb_of_layers=[sizes.layers] * stages,
        stage_downsample=[index > 0 for index in range(stages)],
        stage_light_block=[index > 1 for index in range(stages)],
        stage_kernel_size=list(sizes.kernels[:stages]),
        use_learnable_affine_block=sizes.affine,
        hidden_sizes=list(sizes.filters),
        depths=list(sizes.blocks),
        out_indices=list(range(stages + 1 - levels, stages + 1)),
    )


@torch.no_grad()
def draw_weights(model: torch.nn.Module) -> None:
    """Fill a model with random values that keep its features within bounds; no statistics are 0 and 1."""
    for name, value in drawn_weights({name: tuple(value.shape) for name, value in model.state_dict().items()}).items():
        model.state_dict()[name].copy_(torch.from_numpy(value))


@torch.inference_mode()
def outputs(model: Reference, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the features of backbone and encoder, what the encoder chooses, and what every layer says.

    Those of the decoder have an axis of layers behind that of the images; `logits` and `boxes` have first what the
    first layer says without distributions.
    """
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    part = model.model
    features = (part.backbone if isinstance(part, DFineModel) else part.conv_encoder).model(pixels).feature_maps
    part.decoder.training = True  # all layers say something; there is no dropout
    found = model(pixels)
    part.decoder.training = False
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
