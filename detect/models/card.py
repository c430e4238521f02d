"""The card of a saved model, which describes it, and the folders of models. Reading it does not need TensorFlow."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from detect.config import Settings, from_json
from detect.data.pixels.resizing import Fit
from detect.errors import BadInput

CARD = "model.json"
WEIGHTS = "model.weights.h5"
CONFIDENCE = 0.25  # least score of a detection where neither the user nor the model sets another
RUN_FOLDERS = ("best", "last")  # the models of a run folder, in order of preference


class Card(Settings):
    """The content of a JSON file of this toolkit, with the version of its format."""

    format_version: int = 1


class ModelCard(Card):
    """The description of a saved model."""

    model: str  # a name of `detect.models.names()`
    config: dict[str, Any]  # settings of the model's `Config`
    classes: tuple[str, ...]  # names, by label
    category_ids: tuple[int, ...]  # label -> id written in COCO results
    image_size: int  # the size S of `fit` at which it runs by default, pixels
    fit: Fit = Fit()  # how images are resized
    source: str = ""  # where the weights come from
    licence: str = ""  # of the weights
    data: str = ""  # the dataset that it was trained on
    data_digest: str = ""  # SHA-256 of its annotations, see `Dataset.digest`
    confidences: dict[str, float] = {}  # by class: least score of a detection where the user does not set one
    metrics: dict[str, Any] = {}  # of the validation before the weights were saved, or those that the publisher states


C = TypeVar("C", bound=Card)


def load_card(folder: str | Path) -> ModelCard:
    """Read the card of the model in a folder, without its weights.

    Raises:
        BadInput: there is no card, it is damaged, or a later version wrote it.
    """
    return read_card(ModelCard, Path(folder) / CARD)


def read_card(kind: type[C], path: Path) -> C:
    """Read a card of class `kind` from a file; for errors see `load_card`."""
    try:
        card = from_json(kind, path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from None
    known = kind.model_fields["format_version"].default
    if card.format_version != known:
        raise BadInput(
            f"{path} has format version {card.format_version}; this version of detect reads {known}. "
            "Update detect, or export the model again."
        )
    return card


def model_folder(path: Path) -> Path | None:
    """Return the folder of the model at `path`, which may be a run folder; None where there is none."""
    folders = (path, *(path / name for name in RUN_FOLDERS))
    return next((folder for folder in folders if (folder / CARD).is_file()), None)


def least_scores(card: ModelCard) -> np.ndarray:
    """Return the least score of a detection of each class, float32 [K], where the user does not set one."""
    return np.array([card.confidences.get(name, CONFIDENCE) for name in card.classes], np.float32)
