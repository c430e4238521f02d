"""Training settings from the options of a command or a call."""

from typing import Any

from detect import models
from detect.config import build, change, override
from detect.errors import BadInput
from detect.training.settings import TrainingSettings

DEFAULT_EPOCHS = 100.0


def seconds(text: str) -> float:
    """Return the seconds of a time such as `90s`, `30m`, `1.5h` or `90`.

    Raises:
        BadInput: the text is not a time.
    """
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:].lower())
    try:
        value = float(text[:-1] if unit else text) * (unit or 1)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise BadInput(f"max-time: expected a time such as 90s, 30m or 1.5h, got {text!r}.")
    return value


def resolve_settings(options: dict[str, Any], assignments: list[str]) -> TrainingSettings:
    """Return settings with a length and an image size, made from all that the user gave.

    Later ones win: the defaults, the recipe of the model's authors if `recipe` is `paper`, the options, the
    assignments.

    Args:
        options: values of top-level settings, by name.
        assignments: texts `key=value`, as `--set` takes them.

    Raises:
        BadInput: a name or a value does not fit, the model is unknown, or the length is given twice.
    """
    given = build(TrainingSettings, options, "train")
    settings = override(given, assignments)
    row = models.variant(settings.model)
    if settings.recipe == "paper":
        recipe = [(key, value) for key, value in row.recipe.items() if key not in options]
        settings = override(change(given, recipe, f"recipe of model {settings.model!r}"), assignments)
    if settings.epochs is not None and settings.max_time is not None:
        raise BadInput("Give epochs or max-time, not both: each decides the length of the schedule.")
    defaults: dict[str, Any] = {"image_size": settings.image_size or row.image_size}
    if settings.epochs is None and settings.max_time is None:
        defaults["epochs"] = DEFAULT_EPOCHS
    return settings.model_copy(update=defaults)
