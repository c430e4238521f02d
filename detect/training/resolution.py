"""From the words of a command or call to settings in which nothing is left open."""

import json
from typing import Any

from detect import models
from detect.config import build, override
from detect.errors import BadInput
from detect.training.settings import TrainingSettings

DEFAULT_EPOCHS = 100.0


def seconds(text: str) -> float:
    """`90s`, `30m`, `1.5h` or a plain number of seconds.

    Raises:
        BadInput: the text is none of these.
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
    """Settings from the defaults, then the paper's recipe where asked for, then the options, then `--set`."""
    settings = override(build(TrainingSettings, options, "train"), assignments)
    row = models.variant(settings.model)
    if settings.recipe == "paper":
        recipe = [f"{key}={json.dumps(value)}" for key, value in row.recipe.items() if key not in options]
        settings = override(build(TrainingSettings, options, "train"), [*recipe, *assignments])
    if settings.epochs is not None and settings.max_time is not None:
        raise BadInput("Give epochs or max-time, not both: each decides the length of the schedule.")
    defaults: dict[str, Any] = {"image_size": settings.image_size or row.image_size}
    if settings.epochs is None and settings.max_time is None:
        defaults["epochs"] = DEFAULT_EPOCHS
    return settings.model_copy(update=defaults)
