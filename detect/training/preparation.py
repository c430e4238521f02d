"""What a run needs before it begins: a dataset that can be trained on, and a model with its first weights."""

from typing import Any

import keras

from detect import models
from detect.data.dataset import Dataset, check_losses, split, with_validation
from detect.data.description import open_dataset
from detect.errors import BadInput
from detect.models.detector import Detector
from detect.training.display import Display
from detect.training.initial_weights import start_from
from detect.training.settings import TrainingSettings


def prepare_data(settings: TrainingSettings, display: Display) -> Dataset:
    """The dataset, with a validation split and few enough losses to train on; says what was read."""
    dataset = with_validation(open_dataset(settings.data))
    for name in ("train", "val"):
        check_losses(dataset, name, settings.max_lost)
    for note in dataset.notes:
        display.say(note)
    for name, problems in dataset.problems.items():
        for line in problems.summary():
            display.say(f"{name}: {line}")
    train_size, val_size = len(split(dataset, "train")), len(split(dataset, "val"))
    display.say(f"Data: {train_size} images to train on, {val_size} to validate, {len(dataset.classes)} classes.")
    return dataset


def create_detector(settings: TrainingSettings, classes: int) -> tuple[Detector, str]:
    """The model with its first weights, and a line that says where they come from.

    Raises:
        BadInput: the images' size, the weights or a frozen layer do not suit the model.
    """
    keras.utils.set_random_seed(settings.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if settings.precision == "bfloat16" else "float32")
    try:
        detector = models.create(settings.model, classes, **settings.architecture)
    finally:
        keras.config.set_dtype_policy(policy)
    check_sides(settings.sides, detector.size_divisor)
    said = start_from(detector, settings.weights)
    for path in settings.freeze:
        layer_at(detector, path).trainable = False
    return detector, said


def check_sides(sides: tuple[int, ...], divisor: int) -> None:
    """Raises BadInput for a side of the images that the model cannot halve often enough."""
    for side in sides:
        if side % divisor:
            below = side // divisor * divisor
            raise BadInput(
                f"image-size: expected a multiple of {divisor}, got {side}. The nearest are "
                f"{below or divisor} and {below + divisor}."
            )


def layer_at(detector: Detector, path: str) -> keras.layers.Layer:
    """The layer at a dotted path of attributes, such as `backbone.stage1`.

    Raises:
        BadInput: there is no such layer.
    """
    layer: Any = detector
    for part in path.split("."):
        inner = getattr(layer, part, None)
        if not isinstance(inner, keras.layers.Layer):
            known = [name for name, value in vars(layer).items() if isinstance(value, keras.layers.Layer)]
            raise BadInput(f"freeze: no layer {path!r}; {type(layer).__name__} has {', '.join(known) or 'none'}.")
        layer = inner
    return layer
