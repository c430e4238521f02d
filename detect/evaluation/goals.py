"""What the thresholds of a model are chosen for, as a user states it, and the model that gets them."""

from pathlib import Path
from typing import Any

from detect.artefacts.export_card import EXPORT_CARD
from detect.config import build
from detect.errors import BadInput
from detect.models.card import Goal, model_folder


def goal_of(**measures: float | None) -> Goal:
    """Return the goal that one measure is given for, by default the best F1.

    Raises:
        BadInput: several are given, or one is not in its range.
    """
    given: dict[str, Any] = {name: value for name, value in measures.items() if value is not None}
    if len(given) > 1:
        raise BadInput(f"Give one goal, not {' and '.join(given)}.")
    for name, value in given.items():
        if name != "false_alarms" and not 0 < value <= 1:
            raise BadInput(f"{name}: expected a number above 0, at most 1, got {value:g}.")
        return build(Goal, {"measure": name, "value": value}, "goal")
    return Goal(measure="f1")


def require_model(model: str | Path) -> Path:
    """Return the folder of the model that gets thresholds; `BadInput` where there is none."""
    if (Path(model) / EXPORT_CARD).exists():
        raise BadInput(f"{model} is an export. Give the run that it was made of, and export that again.")
    folder = model_folder(Path(model))
    if folder is None:
        raise BadInput(f"{model} is not a run folder or a model folder (in {Path.cwd()}), which could keep thresholds.")
    return folder
