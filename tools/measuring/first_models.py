"""The first model of each family, with settings that make it small enough to be run often."""

from typing import TYPE_CHECKING

from detect import models
from detect.data.shapes import CLASSES as NAMES

if TYPE_CHECKING:  # the names of the models do not need TensorFlow
    from detect.models.detector import Detector

CLASSES = len(NAMES)
FIRST = list({name.split("-")[0]: name for name in reversed(models.names())}.values())
# Settings that make a first model smaller.
LIGHTER: dict[str, dict] = {
    "deimv2-atto": {"channels": 32, "hidden": 64, "layers": 2, "queries": 60, "denoising": 6},
    "dfine-n": {
        "filters": 32,
        "encoder_hidden": 64,
        "expansion": 0.5,
        "channels": 32,
        "hidden": 64,
        "layers": 2,
        "queries": 60,
        "denoising": 6,
    },
    "fcos-r18": {"filters": 64, "layers": 1},
    "retinanet-r18": {"filters": 64, "layers": 1},
    "rtdetrv2-r18": {
        "filters": 32,
        "encoder_hidden": 64,
        "channels": 32,
        "hidden": 64,
        "layers": 2,
        "queries": 60,
        "denoising": 6,
    },
    "ssd-vgg16": {"width": 0.125},
    "fasterrcnn-r18": {
        "filters": 64,
        "hidden": (128, 128),
        "proposals": 100,
        "proposals_in_training": 200,
        "region_samples": 64,
    },
    "efficientdet-d0": {
        "width": 0.25,
        "depth": 0.3,
        "filters": 32,
        "cells": 1,
        "layers": 1,
        "levels": 4,
        "anchor_scale": 2.0,
    },
    "rfdetr-nano": {
        "backbone_channels": 48,
        "backbone_heads": 3,
        "blocks": 2,
        "positions": 4,
        "channels": 32,
        "hidden": 64,
        "heads": 4,
        "sampling_heads": 8,
        "queries": 20,
        "groups": 3,
    },
}


def create_light(name: str, classes: int = CLASSES) -> "Detector":
    """Create the model with its `LIGHTER` settings and the same weights every time."""
    import keras

    keras.utils.set_random_seed(0)
    return models.create(name, classes, **LIGHTER.get(name, {}))
