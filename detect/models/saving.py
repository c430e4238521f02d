"""Saving and loading of models: folders with `model.json`, which describes the model, and `model.weights.h5`."""

import hashlib
import io
from pathlib import Path

from detect.config import to_json
from detect.errors import BadInput
from detect.files import deliver_folder, draft_folder, file_digest, previous, write_bytes, write_text
from detect.models import create, own_files
from detect.models.card import CARD, WEIGHTS, ModelCard, load_card
from detect.models.detector import Detector


class _WeightsInMemory(io.BytesIO):
    """A file that Keras takes for one on a disk, because it looks at the end of its name."""

    def __str__(self) -> str:
        return WEIGHTS


def save(detector: Detector, card: ModelCard, folder: str | Path) -> None:
    """Write the model to `folder`, completely or not at all. An existing model is replaced.

    Of a class in a file of the user's, a copy of the file is written too.

    Raises:
        BadInput: the class of the model is not defined in a file.
        RunFailure: the folder cannot be written.
    """
    own_files.require_file(type(detector))
    # Written to memory first: HDF5 ends the process where a disk fills up under it.
    weights = _WeightsInMemory()
    detector.save_weights(weights)
    saved = {"model": own_files.short_name(card.model), "weights": hashlib.sha256(weights.getbuffer()).hexdigest()}
    with draft_folder(folder) as new:
        write_text(new / CARD, to_json(card.model_copy(update=saved)))
        if own_files.is_own(card.model):
            own_files.write_copy(type(detector), new)
        write_bytes(new / WEIGHTS, weights.getvalue())
        deliver_folder(new, folder)


def load(folder: str | Path) -> tuple[Detector, ModelCard]:
    """Return the detector that `save` wrote, and its card.

    Raises:
        BadInput: there is no model in the folder, it is damaged, or a later version wrote it; or its class is in a file
            that is not trusted, see `own_files`.
    """
    folder = Path(folder)
    if not folder.exists() and previous(folder).exists():
        folder = previous(folder)
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            holds = "the folder of a run, or of a model with its weights"
            raise BadInput(f"{folder} is not a saved model: it has no {name}. Give {holds}.")
    card = load_card(folder)
    name = own_files.in_folder(card.model, folder)
    if own_files.is_own(name):
        own_files.require_trusted(name)
    try:
        detector = create(name, len(card.classes), **card.config)
    except BadInput as error:
        raise BadInput(f"{folder / CARD}: {error}") from None
    _check_weights(folder / WEIGHTS, card.weights)
    try:
        detector.load_weights(folder / WEIGHTS)
    except (OSError, KeyError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(":")
        raise BadInput(
            f"{folder / WEIGHTS} is damaged or of another model than {card.model}: {reason}. Copy the folder again."
        ) from None
    return detector, card


def _check_weights(path: Path, digest: str) -> None:
    """Raise `BadInput` where the file of the weights cannot be read, or its SHA-256 is not `digest`, if that is known.

    Without this, Keras would take a file with some wrong numbers as it is.
    """
    try:
        is_same = not digest or file_digest(path) == digest
        path.open("rb").close()
    except OSError as error:  # whose text would be one of HDF5
        raise BadInput(f"{path} cannot be read: {error.strerror}. Change its permissions.") from None
    if not is_same:
        raise BadInput(
            f"{path} is damaged, or of another model: its SHA-256 is not that in {CARD}. Copy the folder again."
        )
