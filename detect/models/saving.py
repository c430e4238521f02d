"""A model as a folder: `model.json` (everything needed to rebuild and use it) and `model.weights.h5`."""

from pathlib import Path

from detect.config import to_json
from detect.errors import BadInput, RunFailure
from detect.models import create
from detect.models.card import CARD, WEIGHTS, ModelCard, load_card
from detect.models.detector import Detector
from detect.models.folders import deliver, draft, previous


def save(detector: Detector, card: ModelCard, folder: str | Path) -> None:
    """Write the model to `folder`, whole or not at all; a model that is there already is replaced."""
    folder = Path(folder)
    try:
        with draft(folder) as new:
            (new / CARD).write_text(to_json(card), encoding="utf-8")
            detector.save_weights(new / WEIGHTS)
            deliver(new, folder)
    except OSError as error:
        raise RunFailure(
            f"Cannot save the model to {folder}: {error}. Free some space or choose a folder you may write to."
        ) from None


def load(folder: str | Path) -> tuple[Detector, ModelCard]:
    """The detector that `save` wrote, and its card.

    Raises:
        BadInput: there is no model in the folder, or it is damaged, or a later version wrote it.
    """
    folder = Path(folder)
    if not folder.exists() and previous(folder).exists():
        folder = previous(folder)
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            raise BadInput(f"{folder} is not a saved model: it has no {name}. Give the folder that holds {CARD}.")
    card = load_card(folder)
    detector = create(card.model, len(card.classes), **card.config)
    try:
        detector.load_weights(folder / WEIGHTS)
    except (OSError, KeyError, ValueError) as error:
        raise BadInput(
            f"{folder / WEIGHTS} is damaged or of another model than {card.model}: {error}. Copy the folder again."
        ) from None
    return detector, card
