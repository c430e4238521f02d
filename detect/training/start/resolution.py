"""Training settings from the options of a command or a call. What needs no model is checked without TensorFlow."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic

from detect import models
from detect.config import Settings, as_option, build, change, override
from detect.errors import BadInput, did_you_mean
from detect.models import own_files
from detect.models.image_sides import require_sides
from detect.training.model_choice import AUTO, DEFAULT_MODEL, choose_model
from detect.training.settings import TrainingSettings
from detect.training.start.run_name import require_name

DEFAULT_EPOCHS = 100.0
BATCH_SIZE = 16  # of `auto` on a CPU
MOST_IMAGES = 64  # of a batch of `auto` on a GPU
LEAST_UPDATES = 16  # of an epoch, for batches of `auto` on a GPU that have more than BATCH_SIZE images
# Defaults with `quantize`, which changes a trained model as little as its rounding needs.
QUANTISED = {"optimizer.learning_rate": 2e-4, "schedule.closing": 1.0}
LEAST_SAMPLES = 9600  # of a run whose length the user does not give: few images are seen more often


def seconds(text: str) -> float:
    """Return the seconds of a time such as `90s`, `30m` or `1.5h`.

    Raises:
        BadInput: the text is not a time, or has no unit.
    """
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:].lower())
    try:
        value = float(text[:-1] if unit else text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise BadInput(f"--max-time: expected a time such as 90s, 30m or 1.5h, got {text!r}.")
    if unit is None:
        raise BadInput(f"--max-time: {text} seconds, minutes or hours? Give {text}s, {text}m or {text}h.")
    return value * unit


def given_options(**values: Any) -> dict[str, Any]:
    """Return the options that are not None, with the time limit in seconds and with paths as text.

    Raises:
        BadInput: the time limit is not a time.
    """
    given = {name: value for name, value in values.items() if value is not None}
    options = {name: str(value) if isinstance(value, Path) else value for name, value in given.items()}
    limit = options.get("max_time")
    return {**options, "max_time": seconds(limit)} if isinstance(limit, str) else options


def given_settings(
    options: dict[str, Any], assignments: list[str], spelled: Callable[[str], str] = as_option
) -> TrainingSettings:
    """Return the settings as given, with the name of the model where that is decided. See `resolve_settings`."""
    settings = override(build(TrainingSettings, options, "detect train", spelled), assignments)
    settings = settings.model_copy(
        update={"model": choose_model(settings.model, settings.weights, settings.architecture)}
    )
    if settings.model == AUTO and settings.recipe == "paper":
        raise BadInput("recipe=paper is the recipe of a model: name it with --model.")
    if not own_files.is_own(settings.model):  # whose file imports TensorFlow
        _require_suitable(settings)
    _require_one_length(settings)
    _require_fold(settings)
    if settings.quantize and settings.weights in ("none", "imagenet"):
        raise BadInput(
            f"quantize={settings.quantize} trains a model that has learnt already: give --weights RUN, not "
            f"{settings.weights}."
        )
    if settings.name is not None:
        require_name(settings.name)
    return settings


def resolve_settings(
    options: dict[str, Any], assignments: list[str], spelled: Callable[[str], str] = as_option
) -> TrainingSettings:
    """Return settings made from all that the user gave.

    Later ones win: the defaults, the recipe of the model's authors if `recipe` is `paper`, `QUANTISED` with `quantize`,
    the options, the assignments. `settle` decides what they leave open.

    Args:
        options: values of top-level settings, by name; those of a group may be some of its settings, by name.
        assignments: texts `key=value`, as `--set` takes them.
        spelled: returns how errors spell the name of an option.

    Raises:
        BadInput: a name or a value does not fit, the model or its weights are unknown, or the length is given twice.
    """
    settings = given_settings(options, assignments, spelled)
    _require_suitable(settings)
    if settings.recipe == "paper" or settings.quantize:
        recipe = models.variant(settings.model).recipe if settings.recipe == "paper" else {}
        if settings.quantize:
            recipe = {**recipe, **QUANTISED}
        with_recipe = change(
            build(TrainingSettings, options, ""), recipe.items(), f"recipe of model {settings.model!r}"
        )
        given = override(change(with_recipe, options.items(), ""), assignments)
        settings = given.model_copy(update={"model": settings.model})
        _require_one_length(settings)
    return settings


def settle(settings: TrainingSettings, model: str, images: int, on_gpu: bool) -> TrainingSettings:
    """Return the settings of a run that begins: with a model, an image size, a batch size and a length.

    Args:
        settings: as given.
        model: the name of the model.
        images: number of training images.
        on_gpu: whether the model is trained on a GPU.
    """
    update: dict[str, Any] = {"model": model, "image_size": settings.image_size or models.variant(model).image_size}
    if settings.epochs is None and settings.max_time is None:
        update["epochs"] = default_epochs(images)
    if settings.batch_size == AUTO:
        update["batch_size"] = default_batch_size(images) if on_gpu else BATCH_SIZE
    return settings.model_copy(update=update)


def default_batch_size(images: int) -> int:
    """Return the batch size of `auto` on a GPU for a number of training images: a power of two."""
    size = BATCH_SIZE
    while size < MOST_IMAGES and images >= 2 * size * LEAST_UPDATES:
        size *= 2
    return size


def default_epochs(images: int) -> float:
    """Return the passes over the training images of a run whose length the user does not give."""
    return max(DEFAULT_EPOCHS, math.ceil(LEAST_SAMPLES / images))


def _require_suitable(settings: TrainingSettings) -> None:
    """Raise `BadInput` where the model does not have such settings, or does not take images of these sizes."""
    model = DEFAULT_MODEL if settings.model == AUTO else settings.model  # of any `auto`, in these respects
    require_sides(model, settings.sizes, "sizes")
    if settings.image_size is not None:
        require_sides(model, [settings.image_size])
    _require_architecture(model, settings.architecture)


def _require_architecture(model: str, architecture: dict[str, Any]) -> None:
    """Raise `BadInput` where the model has no such settings, or they are of other types."""
    known = models.setting_types(model)
    for name in architecture:
        if name not in known:
            raise BadInput(f"architecture: {model} has no setting {name!r}. {did_you_mean(name, known)}")
    fields: dict[str, Any] = {name: (known[name], ...) for name in architecture}
    build(pydantic.create_model("Architecture", __base__=Settings, **fields), architecture, f"architecture of {model}")


def _require_one_length(settings: TrainingSettings) -> None:
    if settings.epochs is not None and settings.max_time is not None:
        raise BadInput("Give --epochs or --max-time, not both: each decides the length of the schedule.")


def _require_fold(settings: TrainingSettings) -> None:
    if settings.fold is None:
        return
    if settings.folds is None:
        raise BadInput(f"fold={settings.fold} is one of how many? Give --folds too, or leave it out.")
    if settings.fold > settings.folds:
        raise BadInput(f"fold: expected a number from 1 to {settings.folds}, that of --folds, got {settings.fold}.")
