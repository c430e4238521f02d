"""Finding and opening exported models. Neither needs TensorFlow."""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from detect.artefacts.export_card import EXPORT_CARD, RUNTIMES, ExportCard, Format, exports_folder, load_export_card
from detect.errors import BadInput
from detect.inference.backends.backend import BackEnd
from detect.models.card import CARD, WEIGHTS, model_folder
from detect.weights.download import sha256

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
BACK_ENDS = ("auto", "tensorflow", *get_args(Format))  # names of `--backend`


def find_artefact(path: str | Path, backend: str | None = None) -> Path | None:
    """The folder of the artefact that predicts for the model at `path`; None: TensorFlow does.

    Args:
        path: an artefact's folder, a run folder, a model folder; anything else is left to TensorFlow.
        backend: None is `path` itself, an artefact or not. Otherwise one of `BACK_ENDS`: `auto` is the fastest of the
            exports of this very model, by what `detect export` measured, where one is faster than TensorFlow and its
            runtime is installed; with a GPU it is TensorFlow.

    Raises:
        BadInput: there is no such back end, or no export of the model for it, or its runtime is not installed.
    """
    path = Path(path)
    if backend not in (None, *BACK_ENDS):
        raise BadInput(f"There is no back end {backend!r}. Known: {', '.join(BACK_ENDS)}.")
    if (path / EXPORT_CARD).is_file():
        return _checked(path, backend)
    if backend in (None, "tensorflow"):
        return None
    if backend == "auto":
        return None if NVIDIA_DRIVER.exists() else _fastest(path, get_args(Format), only_faster=True)
    artefact = _fastest(path, (backend,))
    if artefact is None:
        raise BadInput(
            f"{path} has no export for {backend} of its present weights. Make one: "
            f"detect export {path} --format {backend}"
        )
    return _checked(artefact, backend)


def open_artefact(folder: Path) -> BackEnd:
    """What runs the artefact in this folder: `open_folder` of the module of its format."""
    card = load_export_card(folder)
    return importlib.import_module(f"detect.formats.{card.format}.reader").open_folder(folder, card)


def is_installed(kind: Format) -> bool:
    """Whether what runs this format is there."""
    return importlib.util.find_spec(RUNTIMES[kind]) is not None


def fresh_exports(path: Path) -> dict[Path, ExportCard]:
    """The exports of the present weights of the model at `path` that passed their check, by folder."""
    folder = model_folder(path)
    places = sorted(exports_folder(folder).glob(f"*/{EXPORT_CARD}")) if folder else []
    cards = {place.parent: load_export_card(place.parent) for place in places}
    passed = {artefact: card for artefact, card in cards.items() if card.check and not card.check.fault}
    digest = sha256(folder / WEIGHTS) if folder and passed else ""
    return {artefact: card for artefact, card in passed.items() if card.weights == digest}


def _fastest(path: Path, formats: Sequence[str], only_faster: bool = False) -> Path | None:
    """The fastest fresh export.

    `only_faster` leaves out those that TensorFlow is faster than, or whose runtime is not installed.
    """
    seconds = {
        artefact: card.check.seconds
        for artefact, card in fresh_exports(path).items()
        if card.format in formats and card.check
        if not only_faster or (is_installed(card.format) and card.check.seconds < card.check.seconds_of_original)
    }
    return min(seconds, key=lambda artefact: seconds[artefact], default=None)


def _checked(folder: Path, backend: str | None) -> Path:
    """`folder`, if this back end runs what is in it, and is installed."""
    kind = load_export_card(folder).format
    if backend not in (None, "auto", kind):
        raise BadInput(f"{folder} was exported for {kind}: give the run folder or model folder for {backend}.")
    if not (folder / CARD).is_file():
        raise BadInput(f"{folder} has no {CARD}: the export is not whole. Copy it again.")
    if not is_installed(kind):
        raise BadInput(f"{folder} needs {RUNTIMES[kind]}, which is not installed. Run: pip install {RUNTIMES[kind]}")
    return folder
