"""A model as a folder: `model.json` (everything needed to rebuild and use it) and `model.weights.h5`."""

import os
import shutil
import tempfile
from pathlib import Path

from detect.config import to_json
from detect.errors import BadInput, RunFailure
from detect.models import create
from detect.models.card import CARD, WEIGHTS, ModelCard, load_card
from detect.models.detector import Detector


def save(detector: Detector, card: ModelCard, folder: str | Path) -> None:
    """Write the model to `folder`, whole or not at all; a model that is there already is replaced.

    Everything is written and synced to disk under another name beside it, then renamed. Two renames replace a folder;
    between them the old one is called `<folder>.previous`, which `load` finds.
    """
    folder = Path(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _cannot_save(folder, error) from None
    try:
        (new / CARD).write_text(to_json(card), encoding="utf-8")
        detector.save_weights(new / WEIGHTS)
        for path in (new / CARD, new / WEIGHTS, new):
            _sync(path)
        new.chmod(0o755)  # mkdtemp keeps others out
        _replace(folder, new)
        _sync(folder.parent)
    except OSError as error:
        raise _cannot_save(folder, error) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def load(folder: str | Path) -> tuple[Detector, ModelCard]:
    """The detector that `save` wrote, and its card.

    Raises:
        BadInput: there is no model in the folder, or it is damaged, or a later version wrote it.
    """
    folder = Path(folder)
    if not folder.exists() and _previous(folder).exists():
        folder = _previous(folder)
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


def _replace(folder: Path, new: Path) -> None:
    previous = _previous(folder)
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
    new.rename(folder)
    shutil.rmtree(previous, ignore_errors=True)


def _previous(folder: Path) -> Path:
    return folder.with_name(folder.name + ".previous")


def _sync(path: Path) -> None:
    """Have the disk hold the file or folder before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_save(folder: Path, error: OSError) -> RunFailure:
    return RunFailure(
        f"Cannot save the model to {folder}: {error}. Free some space or choose a folder you may write to."
    )
