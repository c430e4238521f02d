"""Small models of every family, trained on synthetic pictures, and what each loses in every export."""

import multiprocessing
from pathlib import Path

from light_models import LIGHTER, create_light

import detect
from detect.artefacts.export_card import Check
from detect.data.shapes import write_shapes
from detect.export import export_run as run
from detect.export.export_run import PRECISIONS

WAYS = [(format, precision) for format, precisions in PRECISIONS.items() for precision in precisions]
PICTURES = {"train": 600, "val": 200}
SIDE = 128  # pixels, or more where a model takes no less
# Epochs and the learning rate with which a first row reaches an AP of 0.3 to 0.9 in two to five minutes on a core.
LEARNING = {
    "yolox-micro": (40, 0.006),
    "retinanet-r18": (16, 0.002),
    "fcos-r18": (12, 0.002),
    "efficientdet-d0": (40, 0.006),
    "fasterrcnn-r18": (10, 0.002),
    "ssdlite-mobilenetv3": (30, 0.004),
    "ssd-vgg16": (10, 0.002),
}
ALIKE = {"mosaic": 0, "scale": [1, 1], "translate": 0, "hue": 0, "saturation": 0, "value": 0}


def checks_of_exports(name: str, folder: Path) -> dict[tuple[str, str], Check]:
    """Train the model within `folder`, export it in all `WAYS` and score each on pictures that are new to it.

    Each in a process of its own, because converters do not give memory back.
    """
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as process:
        model, data = process.apply(_train, (name, folder))
        return {way: process.apply(_check, (model, data, *way)) for way in WAYS}


def _train(name: str, folder: Path) -> tuple[Path, Path]:
    """A run folder of the model, and its dataset."""
    side = max(create_light(name).smallest_side, SIDE)
    data, (epochs, rate) = write_shapes(folder / "pictures", **PICTURES, image_size=side), LEARNING[name]
    settings = {f"pipeline.augmentation.{key}": value for key, value in ALIKE.items()}
    settings |= {f"architecture.{key}": _written(value) for key, value in LIGHTER.get(name, {}).items()}
    settings |= {"runs": folder / "runs", "validations": 1, "optimizer.learning_rate": rate, "average.decay": 0.98}
    words = [f"{key}={value}" for key, value in settings.items()]
    options = {"epochs": epochs, "image_size": side, "batch_size": 16, "weights": "none", "name": "trained"}
    return detect.train(data, name, **options, set=words).folder, data


def _check(model: Path, data: Path, format: str, precision: str) -> Check:
    """Whatever it loses; for squares only, which is half of the work."""
    run.SHAPES = run.SHAPES[:1]
    check = run.export(model, format, precision=precision, data=data, max_ap_loss=100).card.check
    assert check is not None
    return check


def _written(value):
    return list(value) if isinstance(value, tuple) else value
