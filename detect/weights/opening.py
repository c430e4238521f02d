"""Opening of trained models: run folders, model folders, published checkpoints by name, and their files."""

import difflib
import os
from pathlib import Path

from detect import models
from detect.errors import BadInput
from detect.models import saving
from detect.models.card import ModelCard, load_card, model_folder
from detect.models.detector import Detector
from detect.models.places import EXPECTED, nothing_there, require_model
from detect.weights.checkpoint import Checkpoint
from detect.weights.download import Progress
from detect.weights.importing import checkpoint_of, checkpoints, imported, opened, read


def open_model(
    named: str | Path, model: str | None = None, progress: Progress | None = None
) -> tuple[Detector, ModelCard]:
    """Return a trained detector and its card.

    Args:
        named: a run folder, of which the best model is taken; a model folder; the name of a published checkpoint, which
            is downloaded if necessary; or, with `model`, a file of the checkpoint that is published for that model.
        model: the name of the model that it must be. None: any.
        progress: called while downloading with the bytes received and the total.

    Raises:
        BadInput: there is no such model, it is damaged, or it is another model.
        RunFailure: a checkpoint cannot be downloaded or read.
    """
    if (checkpoint := _find_checkpoint(named, model)) is not None:
        return opened(checkpoint, progress)
    if (folder := find_folder(named, model)) is not None:
        return saving.load(folder)
    if model is not None and os.path.isfile(named):
        return _open_file(Path(named), model)
    raise BadInput(_nothing_there(str(named)))


def find_folder(named: str | Path, model: str | None = None, progress: Progress | None = None) -> Path | None:
    """Return the model folder of `named`, see `open_model`; None where it is neither a folder nor a checkpoint."""
    folder = model_folder(Path(named))
    if folder is not None:
        require_model(named, load_card(folder).model, model)
        return folder
    checkpoint = _find_checkpoint(named, model)
    return None if checkpoint is None else imported(checkpoint, progress)


def _find_checkpoint(named: str | Path, model: str | None) -> Checkpoint | None:
    """Return the checkpoint of this name; None where it is that of a folder, or of nothing. It must be of `model`."""
    checkpoint = None if model_folder(Path(named)) else checkpoints().get(str(named))
    if checkpoint is not None:
        require_model(named, checkpoint.model, model)
    return checkpoint


def _open_file(path: Path, model: str) -> tuple[Detector, ModelCard]:
    checkpoint = checkpoint_of(model)
    if checkpoint is None:
        raise BadInput(f"{path} cannot be read: no checkpoint is published for {model}, so its tensors are not known.")
    return read(checkpoint, path)


def _nothing_there(named: str) -> str:
    """Return a message that says why `named` is not a model, and what was expected."""
    if named not in models.names() or os.path.exists(named):
        return nothing_there(Path(named), difflib.get_close_matches(named, checkpoints()))
    checkpoint = checkpoint_of(named)
    published = f", for example the published {checkpoint.name}" if checkpoint else ""
    return f"{named} is the name of an untrained model. Train it first, or give weights{published}. {EXPECTED}"
