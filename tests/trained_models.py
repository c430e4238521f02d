"""Small models of every family that have learnt a few pictures by heart: what an export loses shows in their AP."""

from pathlib import Path

import yaml
from light_models import LIGHTER, create_light

import detect
from detect.data.shapes import write_shapes

PICTURES = 16
# Steps and the learning rate with which a first row learns them.
LEARNING = {
    "yolox-micro": (250, 0.006),
    "retinanet-r18": (250, 0.002),
    "fcos-r18": (200, 0.002),
    "efficientdet-d0": (700, 0.006),
    "fasterrcnn-r18": (150, 0.002),
    "ssdlite-mobilenetv3": (300, 0.004),
    "ssd-vgg16": (100, 0.002),
}
STILL = {"mosaic": 0, "scale": [1, 1], "translate": 0, "flip_horizontal": 0, "hue": 0, "saturation": 0, "value": 0}


def write_pictures(folder: Path, side: int) -> Path:
    """Pictures of shapes, which are both the training and the validation split."""
    path = write_shapes(folder, train=PICTURES, val=1, image_size=side)
    description = yaml.safe_load(path.read_text())
    description["splits"]["val"] = description["splits"]["train"]
    path.write_text(yaml.safe_dump(description))
    return path


def learn(name: str, folder: Path) -> tuple[Path, Path]:
    """A run folder of the model, and the dataset that it has learnt, both within `folder`."""
    side = max(create_light(name).smallest_side, 64)
    data, (steps, rate) = write_pictures(folder / "pictures", side), LEARNING[name]
    settings = {f"pipeline.augmentation.{key}": value for key, value in STILL.items()}
    settings |= {f"architecture.{key}": _written(value) for key, value in LIGHTER.get(name, {}).items()}
    settings |= {"runs": folder / "runs", "validations": 1, "optimizer.learning_rate": rate, "average.decay": 0.9}
    words = [f"{key}={value}" for key, value in settings.items()]
    options = {"epochs": steps, "image_size": side, "batch_size": PICTURES, "weights": "none", "name": "learnt"}
    return detect.train(data, name, **options, set=words).folder, data


def _written(value):
    return list(value) if isinstance(value, tuple) else value
