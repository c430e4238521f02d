"""Published checkpoints as models of ours: found by name, downloaded, read, checked against every weight, and saved."""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from detect import models, weights
from detect.errors import BadInput, RunFailure, did_you_mean
from detect.files import is_free
from detect.models import saving
from detect.models.card import CARD, ModelCard
from detect.models.detector import Detector
from detect.weights.checkpoint import Checkpoint
from detect.weights.download import Progress, alone, cache_folder, cached_file, fetch, sha256
from detect.weights.tensors import fill
from detect.weights.torch_files import require_torch


class ForeignFileError(BadInput):
    """A file that has not a single tensor of the checkpoint that it was taken for."""


def checkpoints() -> dict[str, Checkpoint]:
    """All published checkpoints, by name: the rows of CHECKPOINTS in the files beside this one."""
    modules = [importlib.import_module(f"{weights.__name__}.{name}") for _, name, _ in _files()]
    return {row.name: row for module in modules for row in getattr(module, "CHECKPOINTS", ())}


def find(name: str) -> Checkpoint:
    """The checkpoint of that name; BadInput with the nearest name where there is none."""
    known = checkpoints()
    if name not in known:
        raise BadInput(f"Unknown checkpoint {name!r}. {did_you_mean(name, known)} `detect weights list` lists them.")
    return known[name]


def checkpoint_of(model: str) -> Checkpoint | None:
    """The checkpoint that is published for a model, if any."""
    return next((row for row in checkpoints().values() if row.model == model), None)


def is_here(checkpoint: Checkpoint) -> bool:
    """Whether it can be used without a download."""
    return _is_imported(checkpoint) or cached_file(checkpoint.address).exists()


def imported(checkpoint: Checkpoint, progress: Progress | None = None) -> Path:
    """The folder of the checkpoint as a saved model, in the cache folder; imported there at the first call.

    Raises:
        RunFailure: it cannot be downloaded, or read.
    """
    folder = _own_folder(checkpoint)
    if not _is_imported(checkpoint):
        with alone(folder):
            if not _is_imported(checkpoint):  # nor did another process do it meanwhile
                import_weights(checkpoint.name, progress=progress)
    return folder


def import_weights(
    name: str, file: str | Path | None = None, out: str | Path | None = None, progress: Progress | None = None
) -> Path:
    """Make a saved model of a published checkpoint: whole, or not at all.

    Args:
        name: one of `checkpoints()`.
        file: the checkpoint, downloaded already; otherwise it is downloaded into the cache folder. With `out` it may
            be another one with the same tensors, such as one that you trained with the authors' code.
        out: folder to write. By default it goes to the cache folder, where `detect.load(name)` finds it.
        progress: called while downloading, with the bytes that are there and all (0 where the server does not say).

    Returns:
        The folder.

    Raises:
        BadInput: there is no such checkpoint, the file is not it, or the folder has something else in it.
        RunFailure: it cannot be downloaded, read or written.
    """
    checkpoint = find(name)
    folder = _own_folder(checkpoint) if out is None else _free(Path(out))
    path = download(checkpoint, progress) if file is None else _existing(Path(file))
    if out is None and not is_published(checkpoint, path):
        raise BadInput(
            f"{path} is not the published file of {name}: its SHA-256 starts with {sha256(path)[:8]}, not "
            f"{checkpoint.digest[:8]}. To import it all the same, say where to: --out FOLDER."
        )
    saving.save(*read(checkpoint, path), folder)
    return folder


def download(checkpoint: Checkpoint, progress: Progress | None = None) -> Path:
    """The published file, from the cache folder or downloaded into it.

    Raises:
        RunFailure: it cannot be had; the message says where from, and where to put it by hand.
    """
    require_torch(checkpoint.address)
    otherwise = f"Or import it from where it is: detect weights import {checkpoint.name} --file FILE."
    return fetch(checkpoint.address, checkpoint.digest, progress, otherwise)


def read(checkpoint: Checkpoint, path: Path) -> tuple[Detector, ModelCard]:
    """The detector with the weights of a file, and its card.

    Raises:
        BadInput: tensors are missing, spare or of another shape: they are named. Or the file is of something else.
        RunFailure: the file cannot be read.
    """
    tensors = checkpoint.read(_existing(path))
    detector = models.create(checkpoint.model, len(checkpoint.classes), **checkpoint.config)
    _fill(detector, checkpoint, tensors, path)
    return detector, _card(detector, checkpoint, path)


def is_published(checkpoint: Checkpoint, path: Path) -> bool:
    """Whether the file is the published one, by its digest; where none is known, every file is taken for it."""
    return sha256(path).startswith(checkpoint.digest)


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


def _fill(detector: Detector, checkpoint: Checkpoint, tensors: Mapping[str, np.ndarray], path: Path) -> None:
    """Give every weight its tensor, with nothing left over on either side."""
    targets = list(checkpoint.targets(detector))
    names = [target.name for target in targets]
    if not set(names) & set(tensors):
        raise ForeignFileError(
            f"{path} is not a file of {checkpoint.name}: it has tensors such as {next(iter(tensors), 'none')}, where "
            f"{names[0]} and others were expected."
        )
    without = {weight.path for weight in detector.weights} - {target.variable.path for target in targets}
    if without:  # a mistake in the file beside this one: it must not go unnoticed
        raise RunFailure(f"The importer of {checkpoint.name} forgets {', '.join(sorted(without))}. Please report this.")
    fill(targets, tensors, str(path), checkpoint.model, checkpoint.unused)


def _files() -> list[pkgutil.ModuleInfo]:
    return list(pkgutil.iter_modules(weights.__path__))


def _own_folder(checkpoint: Checkpoint) -> Path:
    return cache_folder() / "imported" / checkpoint.name


def _is_imported(checkpoint: Checkpoint) -> bool:
    return (_own_folder(checkpoint) / CARD).is_file()


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BadInput(f"There is no file {path} (in {Path.cwd()}).")
    return path


def _free(folder: Path) -> Path:
    """The folder, unless writing a model there would replace something that is none."""
    if not is_free(folder, CARD):
        raise BadInput(f"{folder} is there already and holds no model. Give --out a folder that is not there yet.")
    return folder
