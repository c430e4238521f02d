"""torchvision's recipe for detectors with a ResNet and a feature pyramid (`references/detection`, README).

Its learning rate is divided by ten at epochs 16 and 22; here it follows a cosine.
"""

from typing import Any

RECIPE: dict[str, Any] = {
    "weights": "imagenet",
    "architecture": {"norm": "frozen"},
    "freeze": ["backbone.stem", "backbone.stage1"],
    "epochs": 26,
    "batch_size": 16,
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.01,  # twice that for Faster R-CNN
    "optimizer.reference_batch": 16,
    "optimizer.momentum": 0.9,
    "optimizer.weight_decay": 1e-4,
    "optimizer.clip_norm": None,
    "schedule.warmup": 0.005,  # 1,000 of 190,000 steps
    "schedule.final": 0.01,
    "schedule.closing": 0.0,
    "pipeline.augmentation.scale": [1.0, 1.0],
    "pipeline.augmentation.translate": 0.0,
    "pipeline.augmentation.hue": 0,
    "pipeline.augmentation.saturation": 0,
    "pipeline.augmentation.value": 0,
    "pipeline.augmentation.mosaic": 0.0,
}
