"""A model as a folder: `model.json` (everything needed to rebuild and use it) and `model.weights.h5`."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from detect.config import Settings, from_json, to_json
from detect.data.resizing import Fit
from detect.errors import BadInput, RunFailure
from detect.models import create
from detect.models.detector import Detector

FORMAT_VERSION = 1
CARD = "model.json"
WEIGHTS = "model.weights.h5"


class ModelCard(Settings):
    """What a saved model is."""

    format_version: int = FORMAT_VERSION
    model: str  # a name of `detect.models.names()`
    config: dict[str, Any]  # settings of the model's `Config`
    classes: tuple[str, ...]  # names, by label
    category_ids: tuple[int, ...]  # label -> id written in COCO results
    image_size: int  # the size S of `fit` that it is run at by default, pixels
    fit: Fit = Fit()  # how pictures are brought to that size
    source: str = ""  # where the weights come from
    licence: str = ""  # of the weights
    metrics: dict[str, Any] = {}  # of the validation that they were saved after, or those that their publisher states


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


def load_card(folder: str | Path) -> ModelCard:
    """The card alone: fast, no weights are read."""
    path = Path(folder) / CARD
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from None
    card = from_json(ModelCard, text, str(path))
    if card.format_version != FORMAT_VERSION:
        raise BadInput(
            f"{path} has format version {card.format_version}; this version of detect reads {FORMAT_VERSION}. "
            "Update detect, or export the model again."
        )
    return card


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
