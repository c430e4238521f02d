"""Preparation of a run: a dataset to train on, and a model with its initial weights."""

import time
from typing import Any

import keras
import numpy as np

from detect import models
from detect.data.dataset import Dataset, check_learnable, check_losses, split, with_validation
from detect.data.doctor.columns import boxes_by_image
from detect.errors import BadInput, RunFailure, counted
from detect.evaluation.intervals import ADVICE, describe_few
from detect.models.card import licences_of
from detect.models.detector import Detector
from detect.models.licences import NONE, UNKNOWN, Licences, require_permitted
from detect.ops.compiling import on_accelerator
from detect.training.model_choice import AUTO, WITHOUT_WEIGHTS, default_model
from detect.training.reporting.display import Display
from detect.training.settings import TrainingSettings
from detect.training.start.initial_weights import Source, find_source, start_from
from detect.training.start.resolution import settle
from detect.weights.download import Progress

# The scores, and the minutes that the samples stand for, are those of docs/benchmarks/finetuning.md.
COST = (
    f"{WITHOUT_WEIGHTS} starts from random weights instead: on blood cells it has AP 0.48 after three minutes, and "
    "yolox-nano from published weights 0.59 after two."
)
PATIENCE = 300.0  # seconds for the download of weights that the user did not name


def prepare_data(whole: Dataset, max_lost: float, display: Display) -> Dataset:
    """Return the dataset of a run, which has a validation split, and show the problems of its annotations.

    Args:
        whole: the dataset as it was opened.
        max_lost: largest share of the images, or of the boxes, that may be unusable, 0..1.
        display: where to show it.

    Raises:
        BadInput: too much of the dataset is unusable, or the training split has no box.
    """
    dataset = with_validation(whole)
    for name in ("train", "val"):
        check_losses(dataset, name, max_lost)
    check_learnable(whole)
    check_learnable(dataset)  # the only boxes may be among those held out
    for note in dataset.notes:
        display.say(note)
    for name, problems in dataset.problems.items():
        for line in problems.summary():
            display.say(f"{name}: {line}")
    return dataset


def show_data(settings: TrainingSettings, dataset: Dataset, display: Display) -> None:
    """Show how many images a run trains on and is validated on, and whether its scores will be uncertain.

    Args:
        settings: of the run.
        dataset: with what a teacher adds to it, if there is one.
        display: where to show it.
    """
    train, val = split(dataset, "train"), split(dataset, "val")
    background = np.count_nonzero(boxes_by_image(train) == 0)
    of_these = f" ({background} of them without boxes, as background)" if background else ""
    display.say(
        f"Data: {counted(len(train), 'image', 'images')} to train on{of_these}, {len(val)} to validate, "
        f"{counted(len(dataset.classes), 'class', 'classes')}."
    )
    if val.ignore.all():  # of no boxes, all are
        display.say(
            "Warning: the validation split has no box to find, so that AP is not defined: the newest model counts as "
            "the best one."
        )
    if settings.fold is None and (few := describe_few(len(val), advice_on_few(settings))):
        display.say(few)


def advice_on_few(settings: TrainingSettings) -> str:
    """Return a sentence on what to do where the validation images are few; empty where folds are no way out."""
    return "" if settings.keep_classes or settings.folds is not None else ADVICE


def find_weights(settings: TrainingSettings, images: int, display: Display) -> tuple[TrainingSettings, Source | None]:
    """Return the settings of a run that begins, and the trained detector to start from, if any.

    The settings have a model, see `model_choice`, and the architecture of that detector.

    Args:
        settings: as given.
        images: number of training images.
        display: where to say what the run starts from.

    Raises:
        BadInput: the setting `weights` names no weights, or those of another model.
        RunFailure: a checkpoint that `weights` names cannot be downloaded.
    """
    is_open, on_gpu = settings.model == AUTO, on_accelerator()
    model = default_model(settings.max_time, on_gpu) if is_open else settings.model
    source, said = find_source(model, settings.weights, settings.architecture, downloading(settings, display))
    if source is None:
        if said:
            display.say(f"{said} {COST}" if is_open else said)
        return settle(settings, WITHOUT_WEIGHTS if is_open else model, images, on_gpu), None
    settings = settings.model_copy(update={"architecture": {**source.card.config, **settings.architecture}})
    return settle(settings, model, images, on_gpu), source


def downloading(settings: TrainingSettings, display: Display) -> Progress:
    """Return what shows the progress of a download of weights, and ends it where nobody asked to wait for it."""
    limit = min(PATIENCE, 0.1 * settings.max_time) if settings.max_time else PATIENCE
    started = time.monotonic()

    def show(done: int, total: int) -> None:
        if settings.weights == AUTO and time.monotonic() - started > limit:
            raise RunFailure(f"the download is slow, and ended after {limit:.0f} seconds. A later run goes on with it.")
        display.show(0.0, [f"downloading weights, {done / 1e6:.0f}{f' of {total / 1e6:.0f}' if total else ''} MB"])

    return show


def create_detector(settings: TrainingSettings, classes: int) -> Detector:
    """Return the model with random weights; these, and all that it draws in training, follow from the seed.

    Raises:
        BadInput: a setting of the model or a frozen layer does not suit the model.
    """
    keras.utils.set_random_seed(settings.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if settings.precision == "bfloat16" else "float32")
    try:
        detector = models.create(settings.model, classes, **settings.architecture)
    finally:
        keras.config.set_dtype_policy(policy)
    if detector.seed is not None:
        detector.seed.start(settings.seed)
    for path in settings.freeze:
        layer_at(detector, path, "freeze").trainable = False
    if settings.optimizer.backbone_factor != 1:
        layer_at(detector, "backbone", "optimizer.backbone_factor")
    return detector


def start_detector(
    settings: TrainingSettings, detector: Detector, dataset: Dataset, source: Source | None, display: Display
) -> Licences:
    """Give a detector its initial weights, and return the licences of what the run trains.

    Args:
        settings: of the run.
        detector: with random weights.
        dataset: that it is trained on.
        source: the trained detector to start from, if any.
        display: where to show what the weights are.

    Raises:
        BadInput: the weights do not fit, or `licence_policy` does not permit a licence.
        RunFailure: the download failed.
    """
    start = start_from(detector, dataset.classes, settings.weights, source, settings.keep_classes)
    descent = licences_of(source.card).descent() if source else NONE
    licences = Licences(
        weights=descent,
        backbone=start.backbone,
        teacher=descent if settings.keep_classes else NONE,
        data=settings.data_licence or UNKNOWN,
    )
    require_permitted(licences, settings.licence_policy)
    display.say(start.said)
    return licences


def layer_at(detector: Detector, path: str, setting: str) -> keras.layers.Layer:
    """Return the layer at a dotted path of attributes, such as `backbone.stage1`, that a setting is about.

    Raises:
        BadInput: there is no such layer.
    """
    layer: Any = detector
    for part in path.split("."):
        inner = getattr(layer, part, None)
        if not isinstance(inner, keras.layers.Layer):
            known = [name for name, value in vars(layer).items() if isinstance(value, keras.layers.Layer)]
            raise BadInput(f"{setting}: no layer {path!r}; {type(layer).__name__} has {', '.join(known) or 'none'}.")
        layer = inner
    return layer
