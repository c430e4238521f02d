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
from detect.training.model_choice import choose_model
from detect.training.run_name import require_name
from detect.training.settings import TrainingSettings

DEFAULT_EPOCHS = 100.0


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
    """Return the settings as given, with the name of the model for `auto`. See `resolve_settings`."""
    settings = override(build(TrainingSettings, options, "detect train", spelled), assignments)
    settings = settings.model_copy(update={"model": choose_model(settings.model, settings.weights)})
    if not own_files.is_own(settings.model):  # whose file imports TensorFlow
        _require_suitable(settings)
    _require_one_length(settings)
    if settings.name is not None:
        require_name(settings.name)
    return settings


def resolve_settings(
    options: dict[str, Any], assignments: list[str], spelled: Callable[[str], str] = as_option
) -> TrainingSettings:
    """Return settings with a length and an image size, made from all that the user gave.

    Later ones win: the defaults, the recipe of the model's authors if `recipe` is `paper`, the options, the
    assignments.

    Args:
        options: values of top-level settings, by name; those of a group may be some of its settings, by name.
        assignments: texts `key=value`, as `--set` takes them.
        spelled: returns how errors spell the name of an option.

    Raises:
        BadInput: a name or a value does not fit, the model or its weights are unknown, or the length is given twice.
    """
    settings = given_settings(options, assignments, spelled)
    row = models.variant(settings.model)
    _require_suitable(settings)
    if settings.recipe == "paper":
        defaults = build(TrainingSettings, options, "")
        with_recipe = change(defaults, row.recipe.items(), f"recipe of model {settings.model!r}")
        given = override(change(with_recipe, options.items(), ""), assignments)
        settings = given.model_copy(update={"model": settings.model})
        _require_one_length(settings)
    open_ones: dict[str, Any] = {"image_size": settings.image_size or row.image_size}
    if settings.epochs is None and settings.max_time is None:
        open_ones["epochs"] = DEFAULT_EPOCHS
    return settings.model_copy(update=open_ones)


def _require_suitable(settings: TrainingSettings) -> None:
    """Raise `BadInput` where the model does not have such settings, or does not take images of these sizes."""
    require_sides(settings.model, settings.sizes, "sizes")
    if settings.image_size is not None:
        require_sides(settings.model, [settings.image_size])
    _require_architecture(settings.model, settings.architecture)


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
