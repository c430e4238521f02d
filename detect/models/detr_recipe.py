"""What the recipes of RT-DETRv2, D-FINE and DEIMv2 on COCO have in common."""

from collections.abc import Mapping
from typing import Any

IMAGES = 118_287  # of COCO's training split


def detr_recipe(
    epochs: int,
    closing: int,
    batch: int,
    warmup: int,
    rate: float,
    backbone_factor: float,
    settings: Mapping[str, Any],
    decay: float = 1e-4,
) -> dict[str, Any]:
    """Return a recipe: settings of a training run, by their dotted names.

    Args:
        epochs: of the run.
        closing: epochs at its end without strong augmentation.
        batch: images per step.
        warmup: steps in which the learning rate rises.
        rate: learning rate.
        backbone_factor: on it, for the backbone.
        settings: others.
        decay: weight decay.
    """
    return {
        "weights": "imagenet",
        "epochs": epochs,
        "batch_size": batch,
        "optimizer.name": "adamw",
        "optimizer.learning_rate": rate,
        "optimizer.backbone_factor": backbone_factor,
        "optimizer.reference_batch": batch,
        "optimizer.momentum": 0.9,
        "optimizer.beta_2": 0.999,
        "optimizer.weight_decay": decay,
        "optimizer.clip_norm": 0.1,
        "schedule.warmup": warmup * batch / (IMAGES * epochs),
        "schedule.final": 1.0,
        "schedule.closing": closing / epochs,
        "average.decay": 0.9999,
        "pipeline.augmentation.scale": [0.25, 2.0],  # stands for zooming out by up to 4 and cropping by overlap
        "pipeline.augmentation.translate": 0.5,
        "pipeline.augmentation.hue": 9,
        "pipeline.augmentation.saturation": 64,
        "pipeline.augmentation.value": 32,
        "pipeline.augmentation.mosaic": 0.0,
        **settings,
    }
