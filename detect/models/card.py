"""What is known of a saved model besides its weights, and where saved models lie. Reading it needs no TensorFlow."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from detect.config import Settings, from_json
from detect.data.pixels.resizing import Fit
from detect.errors import BadInput

CARD = "model.json"
WEIGHTS = "model.weights.h5"
CONFIDENCE = 0.25  # least score of a detection, where neither user nor model says another
RUN_FOLDERS = ("best", "last")  # the models of a run folder, in order of preference


class Card(Settings):
    """What a file of this toolkit says, and in which version of its format."""

    format_version: int = 1


class ModelCard(Card):
    """What a saved model is."""

    model: str  # a name of `detect.models.names()`
    config: dict[str, Any]  # settings of the model's `Config`
    classes: tuple[str, ...]  # names, by label
    category_ids: tuple[int, ...]  # label -> id written in COCO results
    image_size: int  # the size S of `fit` that it is run at by default, pixels
    fit: Fit = Fit()  # how pictures are brought to that size
    source: str = ""  # where the weights come from
    licence: str = ""  # of the weights
    data: str = ""  # what it was trained on, as it was called then
    data_digest: str = ""  # SHA-256 of its annotations, see `Dataset.digest`
    confidences: dict[str, float] = {}  # by class: least score of a detection where the user of the model names none
    metrics: dict[str, Any] = {}  # of the validation that they were saved after, or those that their publisher states


C = TypeVar("C", bound=Card)


def load_card(folder: str | Path) -> ModelCard:
    """The card of the model in a folder: fast, no weights are read.

    Raises:
        BadInput: there is none, it is damaged, or a later version wrote it.
    """
    return read_card(ModelCard, Path(folder) / CARD)


def read_card(kind: type[C], path: Path) -> C:
    """A card from its file; errors as of `load_card`."""
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
    """The folder of the model that lies at `path`, which may be a run's; None where there is none."""
    folders = (path, *(path / name for name in RUN_FOLDERS))
    return next((folder for folder in folders if (folder / CARD).is_file()), None)


def least_scores(card: ModelCard) -> np.ndarray:
    """Float32 [K]: the least score of a detection of each class, where the user names none."""
    return np.array([card.confidences.get(name, CONFIDENCE) for name in card.classes], np.float32)
