"""The card of a saved model, which describes it, and the folders of models. Reading it does not need TensorFlow."""

import os
import stat
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import Field

from detect.config import Settings, read_json
from detect.data.pixels.resizing import Fit
from detect.data.pixels.tiles import Tiling
from detect.errors import BadInput
from detect.files import previous
from detect.models.licences import NONE, Licences

CARD = "model.json"
WEIGHTS = "model.weights.h5"
CONFIDENCE = 0.25  # least score of a detection where neither the user nor the model sets another
MOST_SIDE = 2**14  # pixels: a square of it has as many as an image file may have
BEST, LAST = RUN_FOLDERS = ("best", "last")  # the models of a run folder


class Card(Settings):
    """The content of a JSON file of this toolkit, with the version of its format."""

    format_version: int = 1
    """Version of the format of this file."""


class Goal(Settings):
    """The purpose of the thresholds of a model, see `detect.evaluation.operating_points`."""

    measure: Literal["f1", "precision", "recall", "false_alarms"]
    """The best F1; or at least this precision, at least this recall, at most this many false alarms per image."""
    value: float = Field(1.0, ge=0, allow_inf_nan=False)
    """The precision, the recall or the number of false alarms of each class; without meaning for F1."""
    data: str = ""
    """SHA-256 of the annotations that they were chosen on, see `Dataset.digest`."""
    split: str = ""
    """Part of that dataset."""

    def __str__(self) -> str:
        if self.measure == "f1":
            return "the best F1"
        least = "at most" if self.measure == "false_alarms" else "at least"
        return f"{least} {self.value:g} {'false alarms per image' if least == 'at most' else self.measure}"


class ModelCard(Card):
    """The description of a saved model."""

    model: str
    """Name of the model, one of `detect.models.names()`, or of a file beside this one and a class in it."""
    config: dict[str, Any]
    """Settings of the model, see its `Config`."""
    classes: tuple[str, ...]
    """Names of the classes, by label."""
    category_ids: tuple[int | str, ...]
    """Category ids of the classes in COCO results, by label."""
    image_size: int = Field(gt=0, le=MOST_SIDE)
    """Size S that images are resized to by default, pixels; see `fit`."""
    fit: Fit = Fit()
    """How images are resized to S."""
    tiling: Tiling | None = None
    """The tiles that the model was trained on and sees images by; null: whole images."""
    source: str = ""
    """Where the weights come from."""
    licence: str = ""
    """Licence of the weights, as their publisher states it."""
    licences: Licences = Licences()
    """Licences of everything that the model is made of."""
    data: str = ""
    """Dataset that the model was trained on, as it was named at that time."""
    data_digest: str = ""
    """SHA-256 of the annotations of that dataset, see `Dataset.digest`."""
    fold: str = ""
    """Fold of that dataset which was held out in cross-validation, such as `2 of 5`."""
    confidences: dict[str, float] = {}
    """Lowest confidence of a detection, by class, where the user gives none."""
    goal: Goal | None = None
    """What `confidences` were chosen for; null: nothing, or they were given."""
    weights: str = ""
    """SHA-256 of the file of the weights; empty in models of earlier versions."""
    metrics: dict[str, Any] = {}
    """Scores of the validation before the weights were saved, or those that their publisher states."""


C = TypeVar("C", bound=Card)


def load_card(folder: str | Path) -> ModelCard:
    """Read the card of the model in a folder, without its weights.

    Raises:
        BadInput: there is no card, it is damaged, or a later version wrote it.
    """
    return read_card(ModelCard, Path(folder) / CARD)


def read_card(kind: type[C], path: Path) -> C:
    """Read a card of class `kind` from a file; for errors see `load_card`."""
    card = read_json(kind, path, "Copy the folder again.")
    known = kind.model_fields["format_version"].default
    if card.format_version != known:
        raise BadInput(
            f"{path} has format version {card.format_version}; this version of detect reads {known}. "
            "Update detect, or export the model again."
        )
    return card


def licences_of(card: ModelCard) -> Licences:
    """Return the licences of what a model is made of. The card of a published checkpoint states that of the weights."""
    if not card.licence:
        return card.licences
    return Licences(weights=card.licence, backbone=NONE, teacher=NONE, data=NONE)


def model_folder(path: Path) -> Path | None:
    """Return the folder of the model at `path`, the best model of a run folder; None where there is none.

    Raises:
        BadInput: of the models of a run, only the last one is there; or nobody knows, because a folder may not be
            entered.
    """
    best = path / BEST
    folders = (path, best, previous(best))  # the last one where a run was killed while it replaced its best model
    found = next((folder for folder in folders if _is_file(folder / CARD)), None)
    if found is None and _is_file(path / LAST / CARD):
        raise BadInput(
            f"{path} has no {BEST}, the best model of the run. Give {path / LAST} for its newest model, or continue "
            "the run with --resume."
        )
    return found


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except PermissionError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}. Change the permissions of its folder.") from None
    except (OSError, ValueError):  # ValueError: a null character
        return False


def least_scores(card: ModelCard) -> np.ndarray:
    """Return the least score of a detection of each class, float32 [K], where the user does not set one."""
    return np.array([card.confidences.get(name, CONFIDENCE) for name in card.classes], np.float32)
