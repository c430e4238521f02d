"""Tasks of `workers.py`: the models of `transformers` that have the structure of ours, with random weights.

NAME SIDE one           detect objects in an image of this side
NAME SIDE many          in `PREDICTED` images
NAME SIDE train [BATCH] a training step with its own loss
NAME SIDE openvino FILE write what `one` and `many` run as OpenVINO IR
"""

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from measuring.batches import CLASSES, PREDICTED, TRAINED, made_up_batch
from measuring.serving import Task, serve
from transformers import (
    DFineConfig,
    DFineForObjectDetection,
    HGNetV2Config,
    RfDetrConfig,
    RfDetrForObjectDetection,
    RTDetrResNetConfig,
    RTDetrV2Config,
    RTDetrV2ForObjectDetection,
)

KEPT = 100  # detections per image, as in ours
CLIP_NORM = 0.1  # of the gradient, in the recipes of all these models
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # with which RF-DETR normalises images

# HGNetV2, by its number: channels of the stem, within and after the stages, blocks, layers, affine
HGNETS: dict[str, tuple[list[int], list[int], list[int], list[int], int, bool]] = {
    "b0": ([3, 16, 16], [16, 32, 64, 128], [64, 256, 512, 1024], [1, 1, 2, 1], 3, True),
    "b2": ([3, 24, 32], [32, 64, 128, 256], [96, 384, 768, 1536], [1, 1, 3, 1], 4, True),
    "b4": ([3, 32, 48], [48, 96, 192, 384], [128, 512, 1024, 2048], [1, 1, 3, 1], 6, False),
    "b5": ([3, 32, 64], [64, 128, 256, 512], [128, 512, 1024, 2048], [1, 2, 5, 2], 6, False),
}
# D-FINE: its backbone, levels, and what differs from its default settings (`configs/dfine/` of its authors)
DFINES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "n": (
        "b0",
        2,
        {
            "encoder_hidden_dim": 128,
            "encoder_ffn_dim": 512,
            "encode_proj_layers": [1],
            "feat_strides": [16, 32],
            "hidden_expansion": 0.34,
            "depth_mult": 0.5,
            "d_model": 128,
            "decoder_in_channels": [128, 128],
            "decoder_ffn_dim": 512,
            "decoder_layers": 3,
            "decoder_n_points": [6, 6],
        },
    ),
    "s": ("b0", 3, {"hidden_expansion": 0.5, "depth_mult": 0.34, "decoder_layers": 3}),
    "m": ("b2", 3, {"depth_mult": 0.67, "decoder_layers": 4}),
    "l": ("b4", 3, {"decoder_layers": 6}),
    "x": (
        "b5",
        3,
        {
            "encoder_hidden_dim": 384,
            "encoder_ffn_dim": 2048,
            "decoder_in_channels": [384] * 3,
            "decoder_layers": 6,
            "reg_scale": 8.0,
        },
    ),
}
RESNETS = {"r18": [2, 2, 2, 2], "r34": [3, 4, 6, 3], "r50": [3, 4, 6, 3], "r101": [3, 4, 23, 3]}  # blocks
RTDETRS: dict[str, dict[str, Any]] = {
    "r18": {"hidden_expansion": 0.5, "decoder_layers": 3},
    "r34": {"hidden_expansion": 0.5, "decoder_layers": 4},
    "r50": {},
    "r101": {"encoder_hidden_dim": 384, "encoder_ffn_dim": 2048, "decoder_in_channels": [384] * 3},
}
RFDETRS = {"nano": (384, 2), "small": (512, 3), "medium": (576, 4), "large": (704, 4)}  # side, layers of the decoder


def prepare(task: str) -> Task:
    name, side, what, *more = task.split()
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if what == "train":
        return training(name, *made_up_batch(int(side), int(more[0]) if more else TRAINED))
    images = torch.from_numpy(made_up_batch(int(side), 1 if what == "one" else PREDICTED)[0])
    if what == "openvino":
        return lambda: write_openvino(whole(name), images[:1], more[0])
    return torch.inference_mode()(lambda: whole(name)(images))


@functools.lru_cache(maxsize=1)
def whole(name: str) -> torch.nn.Module:
    return Whole(name).eval()


class Whole(torch.nn.Module):
    """Images uint8 [B, S, S, 3] -> boxes [B, D, 4] in pixels, scores [B, D], labels [B, D], as ours returns them."""

    def __init__(self, name: str):
        super().__init__()
        self.model = create(name)
        self.normalizes = name.startswith("rfdetr")

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.model(self.pixels(images))
        scores, places = found.logits.sigmoid().flatten(1).topk(KEPT)
        queries = (places // CLASSES)[..., None].expand(-1, -1, 4)
        middles, sides = found.pred_boxes.gather(1, queries).split(2, dim=-1)
        boxes = torch.cat([middles - sides / 2, middles + sides / 2], dim=-1) * images.shape[1]
        return boxes.clamp(0, images.shape[1]), scores, places % CLASSES

    def pixels(self, images: torch.Tensor) -> torch.Tensor:
        values = images.permute(0, 3, 1, 2).float()
        if not self.normalizes:
            return values / 255
        return (values - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]


def training(name: str, images: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> Callable[[], Any]:
    """Return a call that makes one step of AdamW on images [B, S, S, 3] with boxes [B, N, 4] and labels [B, N]."""
    detector = Whole(name).train()
    optimizer = torch.optim.AdamW(detector.parameters(), lr=1e-5, weight_decay=1e-4)
    middles, sides = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    relative = torch.from_numpy(np.concatenate([middles, sides], axis=-1) / images.shape[1])
    targets = [
        {"boxes": box, "class_labels": torch.from_numpy(label.astype(np.int64))}
        for box, label in zip(relative, labels, strict=True)
    ]

    def run() -> Any:
        loss = detector.model(detector.pixels(torch.from_numpy(images)), labels=targets).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), CLIP_NORM)
        optimizer.step()
        return float(loss.detach())

    return run


def write_openvino(model: torch.nn.Module, images: torch.Tensor, file: str) -> None:
    """Write a model for any number of images of this size as OpenVINO IR, in float32."""
    import openvino

    shape = openvino.PartialShape([-1, *images.shape[1:]])
    converted = openvino.convert_model(model, example_input=images, input=[("images", shape)])
    openvino.save_model(converted, file, compress_to_fp16=False)


def create(name: str) -> torch.nn.Module:
    """Return the model with the structure of ours of that name, with random weights, all of them trainable."""
    family, _, row = name.partition("-")
    return {"dfine": dfine, "rtdetrv2": rtdetrv2, "rfdetr": rfdetr}[family](row)


def dfine(row: str) -> DFineForObjectDetection:
    size, levels, settings = DFINES[row]
    stem, within, after, blocks, layers, affine = HGNETS[size]
    backbone = HGNetV2Config(
        stem_channels=stem,
        stage_in_channels=[stem[-1], *after[:-1]],
        stage_mid_channels=within,
        stage_out_channels=after,
        stage_num_blocks=blocks,
        stage_numb_of_layers=[layers] * 4,
        use_learnable_affine_block=affine,
        hidden_sizes=after,
        depths=blocks,
        out_indices=list(range(5 - levels, 5)),
    )
    config = DFineConfig(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        num_labels=CLASSES,
        num_feature_levels=levels,
        encoder_in_channels=after[-levels:],
        **{"decoder_n_points": [3, 6, 3], **settings},
    )
    return DFineForObjectDetection(config)


def rtdetrv2(row: str) -> RTDetrV2ForObjectDetection:
    deep = row in ("r50", "r101")
    channels = [256, 512, 1024, 2048] if deep else [64, 128, 256, 512]
    backbone = RTDetrResNetConfig(
        embedding_size=64,
        hidden_sizes=channels,
        depths=RESNETS[row],
        layer_type="bottleneck" if deep else "basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = RTDetrV2Config(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        num_labels=CLASSES,
        encoder_in_channels=channels[1:],
        **RTDETRS[row],
    )
    return RTDetrV2ForObjectDetection(config)


def rfdetr(row: str) -> RfDetrForObjectDetection:
    side, layers = RFDETRS[row]
    backbone = {
        "model_type": "rf_detr_dinov2",
        "hidden_size": 384,
        "num_attention_heads": 6,
        "patch_size": 16,
        "num_windows": 2,
        "image_size": side,
        "out_indices": [3, 6, 9, 12],
    }
    config = RfDetrConfig(backbone_config=backbone, num_labels=CLASSES, decoder_layers=layers, decoder_n_points=2)
    return RfDetrForObjectDetection(config)


if __name__ == "__main__":
    serve(prepare)
