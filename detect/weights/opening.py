"""Opening of trained models: run folders, model folders, published checkpoints by name, and their files."""

import difflib
import os
from pathlib import Path

from detect import models
from detect.errors import BadInput, did_you_mean
from detect.models import saving
from detect.models.card import CARD, RUN_FOLDERS, ModelCard, load_card, model_folder
from detect.models.detector import Detector
from detect.weights.download import Progress
from detect.weights.importing import checkpoint_of, checkpoints, imported, read


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
    folder = find_folder(named, model, progress)
    if folder is not None:
        return saving.load(folder)
    if model is not None and os.path.isfile(named):
        return _open_file(Path(named), model)
    raise BadInput(_nothing_there(Path(named)))


def find_folder(named: str | Path, model: str | None = None, progress: Progress | None = None) -> Path | None:
    """Return the model folder of `named`, see `open_model`; None where it is neither a folder nor a checkpoint."""
    folder = model_folder(Path(named))
    if folder is not None:
        _check_model(named, load_card(folder).model, model)
        return folder
    checkpoint = checkpoints().get(str(named))
    if checkpoint is None:
        return None
    _check_model(named, checkpoint.model, model)
    return imported(checkpoint, progress)


def _open_file(path: Path, model: str) -> tuple[Detector, ModelCard]:
    checkpoint = checkpoint_of(model)
    if checkpoint is None:
        raise BadInput(f"{path} cannot be read: no checkpoint is published for {model}, so its tensors are not known.")
    return read(checkpoint, path)


def _check_model(named: str | Path, found: str, expected: str | None) -> None:
    if expected not in (None, found):
        raise BadInput(f"{named} is a {found}, not a {expected}. Name the model {found}, or give other weights.")


def _nothing_there(path: Path) -> str:
    """Return a message that says why `path` is not a model, and what was expected."""
    expected = (
        f"Expected a run folder (with {' or '.join(RUN_FOLDERS)}) or a model folder (with {CARD}), or the name "
        "of a published checkpoint (`detect weights list`)."
    )
    if os.path.isfile(path):  # `Path.is_file` raises an error for a name that is too long
        return f"{path} is a file. Name its model, and give the file as weights. {expected}"
    if os.path.exists(path):
        return f"{path} does not contain a model. {expected}"
    if str(path) in models.names():
        checkpoint = checkpoint_of(str(path))
        published = f", for example the published {checkpoint.name}" if checkpoint else ""
        return f"{path} is the name of an untrained model. Train it first, or give weights{published}. {expected}"
    runs = [run.as_posix() for run in sorted(Path("runs").glob("*")) if model_folder(run)]
    close = difflib.get_close_matches(str(path), checkpoints())
    return f"There is no {path} (in {Path.cwd()}). {expected} {did_you_mean(path.as_posix(), runs + close)}".rstrip()
