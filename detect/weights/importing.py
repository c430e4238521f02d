"""Import of published checkpoints as saved models: found by name, downloaded, read, checked and saved."""

import importlib
import os
import pkgutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from detect import models, weights
from detect.errors import BadInput, RunFailure, did_you_mean
from detect.files import is_free
from detect.machine import cache_folder
from detect.models import saving
from detect.models.card import CARD, ModelCard
from detect.models.detector import Detector
from detect.weights.checkpoint import Checkpoint
from detect.weights.download import Progress, alone, cached_file, difference, fetch
from detect.weights.files.tensor_files import read_convolutions
from detect.weights.folded import assign_folded
from detect.weights.tensors import Target, fill


class ForeignFileError(BadInput):
    """The file does not have a single tensor of the expected checkpoint."""


def checkpoints() -> dict[str, Checkpoint]:
    """Return all published checkpoints, by name: the rows of CHECKPOINTS in the files beside this one."""
    modules = [importlib.import_module(f"{weights.__name__}.{name}") for _, name, _ in _files()]
    return {row.name: row for module in modules for row in getattr(module, "CHECKPOINTS", ())}


def find(name: str) -> Checkpoint:
    """Return the checkpoint of that name; BadInput with the nearest name where there is none."""
    known = checkpoints()
    if name not in known:
        raise BadInput(f"Unknown checkpoint {name!r}. {did_you_mean(name, known)} `detect weights list` lists them.")
    return known[name]


def checkpoint_of(model: str) -> Checkpoint | None:
    """Return the checkpoint that is published for a model; None where there is none."""
    return next((row for row in checkpoints().values() if row.model == model), None)


def is_here(checkpoint: Checkpoint) -> bool:
    """Return whether the checkpoint can be used without a download."""
    return _is_imported(checkpoint) or cached_file(checkpoint.address).exists()


def imported(checkpoint: Checkpoint, progress: Progress | None = None) -> Path:
    """Return the folder of the checkpoint as a saved model in the cache folder; import it there if necessary.

    Raises:
        RunFailure: the checkpoint cannot be downloaded or read.
    """
    _import_once(checkpoint, progress)
    return _own_folder(checkpoint)


def opened(checkpoint: Checkpoint, progress: Progress | None = None) -> tuple[Detector, ModelCard]:
    """Return the detector of a checkpoint and its card; import it if necessary, as `imported` does."""
    return _import_once(checkpoint, progress) or saving.load(_own_folder(checkpoint))


def import_weights(
    name: str, file: str | Path | None = None, out: str | Path | None = None, progress: Progress | None = None
) -> Path:
    """Save a published checkpoint as a model of ours, completely or not at all.

    Args:
        name: one of `checkpoints()`.
        file: the checkpoint, if it has been downloaded already; None downloads it to the cache folder. With `out` it
            may be another file with the same tensors, such as one that you trained with the authors' code.
        out: the folder to write. None: a folder in the cache, where `detect.load(name)` finds it.
        progress: called while downloading with the bytes received and the total (0 where the server does not say).

    Returns:
        The folder.

    Raises:
        BadInput: there is no such checkpoint, the file is another one, or the folder contains something else.
        RunFailure: the checkpoint cannot be downloaded, read or saved.
    """
    checkpoint = find(name)
    folder = _own_folder(checkpoint) if out is None else _free(Path(out))
    _import_to(folder, checkpoint, file, out is None, progress)
    return folder


def download(checkpoint: Checkpoint, progress: Progress | None = None) -> Path:
    """Return the path of the published file in the cache folder; download it if it is not there.

    Raises:
        RunFailure: the file cannot be downloaded; the message says where it is, and where to put it by hand.
    """
    otherwise = f"Or import it from another place: detect weights import {checkpoint.name} --file FILE."
    return fetch(checkpoint.address, checkpoint.digest, progress, otherwise)


def read(checkpoint: Checkpoint, path: Path) -> tuple[Detector, ModelCard]:
    """Return a detector with the weights of a file, and its card.

    Raises:
        BadInput: tensors are missing, unexpected or of another shape (the message names them), or the file is something
            else.
        RunFailure: the file cannot be read.
    """
    tensors = checkpoint.read(_existing(path))
    detector = models.create(checkpoint.model, len(checkpoint.classes), **checkpoint.config)
    targets = list(checkpoint.targets(detector))
    convolutions = read_convolutions(path) if checkpoint.ordered else []
    if convolutions and any(target.name not in tensors for target in targets):
        assign_folded(detector, targets, convolutions, str(path), checkpoint.model)
    else:
        _fill(detector, checkpoint, targets, tensors, path)
    return detector, _card(detector, checkpoint, path)


def _import_once(checkpoint: Checkpoint, progress: Progress | None) -> tuple[Detector, ModelCard] | None:
    """Import a checkpoint to the cache folder, and return its detector and card; None where it is there already."""
    if _is_imported(checkpoint):
        return None
    folder = _own_folder(checkpoint)
    with alone(folder):
        if _is_imported(checkpoint):  # another process has imported it meanwhile
            return None
        return _import_to(folder, checkpoint, None, True, progress)


def _import_to(
    folder: Path, checkpoint: Checkpoint, file: str | Path | None, must_be_published: bool, progress: Progress | None
) -> tuple[Detector, ModelCard]:
    """Save the model in a file, None for the one that is downloaded, to a folder; return the detector and its card."""
    path = download(checkpoint, progress) if file is None else _existing(Path(file))
    problem = difference(path, checkpoint.digest) if must_be_published else None
    if problem:
        raise BadInput(
            f"{path} is not the published file of {checkpoint.name}: {problem}. To import it anyway, name a folder for "
            "it: --out FOLDER."
        )
    detector, card = read(checkpoint, path)
    saving.save(detector, card, folder)
    return detector, card


def is_published(checkpoint: Checkpoint, path: Path) -> bool:
    """Return whether the file is the published one, by its digest; without a known digest, every file is."""
    return difference(path, checkpoint.digest) is None


def _card(detector: Detector, checkpoint: Checkpoint, path: Path) -> ModelCard:
    card = ModelCard(
        model=checkpoint.model,
        config=detector.config.model_dump(),
        classes=checkpoint.classes,
        category_ids=checkpoint.category_ids,
        image_size=checkpoint.image_size,
        fit=checkpoint.fit,
        source=f"{path.name}, which has the tensors of {checkpoint.name}",
    )
    if not is_published(checkpoint, path):
        return card
    facts = {
        "source": f"{checkpoint.publisher}: {checkpoint.address}",
        "licence": checkpoint.licence,
        "metrics": {"AP": round(checkpoint.published_ap / 100, 4)},
    }
    return card.model_copy(update=facts)


def _fill(
    detector: Detector, checkpoint: Checkpoint, targets: list[Target], tensors: Mapping[str, np.ndarray], path: Path
) -> None:
    """Assign every tensor to its weight, with nothing left over on either side."""
    names = [target.name for target in targets]
    if not set(names) & set(tensors):
        raise ForeignFileError(
            f"{path} is not a file of {checkpoint.name}: expected tensors such as {names[0]}, got tensors such as "
            f"{next(iter(tensors), 'none')}."
        )
    without = {weight.path for weight in detector.weights} - {target.variable.path for target in targets}
    if without:  # a bug in the file beside this one
        raise RunFailure(f"The importer of {checkpoint.name} forgets {', '.join(sorted(without))}. Please report this.")
    fill(targets, tensors, str(path), checkpoint.model, checkpoint.unused)


def _files() -> list[pkgutil.ModuleInfo]:
    return list(pkgutil.iter_modules(weights.__path__))


def _own_folder(checkpoint: Checkpoint) -> Path:
    return cache_folder() / "imported" / checkpoint.name


def _is_imported(checkpoint: Checkpoint) -> bool:
    return (_own_folder(checkpoint) / CARD).is_file()


def _existing(path: Path) -> Path:
    if not os.path.isfile(path):  # `Path.is_file` raises an error for a name that is too long
        found = "is not a file" if os.path.exists(path) else "does not exist"
        raise BadInput(f"{path} {found} (in {Path.cwd()}). Give the file of the checkpoint.")
    return path


def _free(folder: Path) -> Path:
    """Return the folder; BadInput where a model there would replace something that is not a model."""
    if not is_free(folder, CARD):
        raise BadInput(f"{folder} exists and is not a saved model. Give --out a folder that does not exist.")
    return folder
