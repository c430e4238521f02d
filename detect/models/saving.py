"""Saving and loading of models: folders with `model.json`, which describes the model, and `model.weights.h5`."""

import math
from pathlib import Path

from detect.config import to_json
from detect.errors import BadInput
from detect.files import deliver_folder, draft_folder, explained, previous, require_space, write_text
from detect.models import create
from detect.models.card import CARD, WEIGHTS, ModelCard, load_card
from detect.models.detector import Detector

HDF5_BYTES = 4096  # more than HDF5 adds to each weight, which is 1200 to 1700


def save(detector: Detector, card: ModelCard, folder: str | Path) -> None:
    """Write the model to `folder`, completely or not at all. An existing model is replaced.

    Raises:
        RunFailure: the folder cannot be written.
    """
    with draft_folder(folder) as new:
        write_text(new / CARD, to_json(card))
        require_space(new / WEIGHTS, largest_size(detector))  # HDF5 ends the process where a disk is full
        with explained(folder):
            detector.save_weights(new / WEIGHTS)
        deliver_folder(new, folder)


def largest_size(detector: Detector) -> int:
    """Return the largest size that the file of the weights can have, bytes."""
    return sum(4 * math.prod(weight.shape) + HDF5_BYTES for weight in detector.weights)


def load(folder: str | Path) -> tuple[Detector, ModelCard]:
    """Return the detector that `save` wrote, and its card.

    Raises:
        BadInput: there is no model in the folder, it is damaged, or a later version wrote it.
    """
    folder = Path(folder)
    if not folder.exists() and previous(folder).exists():
        folder = previous(folder)
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            holds = "the folder of a run, or of a model with its weights"
            raise BadInput(f"{folder} is not a saved model: it has no {name}. Give {holds}.")
    card = load_card(folder)
    try:
        detector = create(card.model, len(card.classes), **card.config)
    except BadInput as error:
        raise BadInput(f"{folder / CARD}: {error}") from None
    try:
        detector.load_weights(folder / WEIGHTS)
    except (OSError, KeyError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(":")
        raise BadInput(
            f"{folder / WEIGHTS} is damaged or of another model than {card.model}: {reason}. Copy the folder again."
        ) from None
    return detector, card
