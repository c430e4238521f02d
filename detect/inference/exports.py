"""Find and open exported models. Neither needs TensorFlow."""

import os
from collections.abc import Collection
from pathlib import Path

from detect import formats
from detect.artefacts.artefact_backend import ArtefactBackEnd
from detect.artefacts.export_card import (
    EXPORT_CARD,
    Check,
    ExportCard,
    check_files,
    digest_of_files,
    exports_folder,
    load_export_card,
)
from detect.artefacts.format import Format, missing
from detect.data.regular_files import is_absent
from detect.errors import BadInput
from detect.files import file_digest
from detect.inference.backends.backend import BackEnd
from detect.models import trusted_code
from detect.models.card import CARD, WEIGHTS, load_card, model_folder

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
_LEVELS = 2  # of folders around the files of an export: those of a SavedModel are in one of their own
_SUFFIXES = {Path(formats.find(name).file).suffix for name in formats.names()} - {""}
BACK_ENDS = ("auto", "tensorflow", *formats.names())  # the names that `--backend` takes


def find_artefact(path: str | Path, backend: str | None = None, weights: str | Path | None = None) -> Path | None:
    """Return the folder of the export that predicts for the model at `path`, or None if TensorFlow does.

    Args:
        path: the folder of an export, or a file in it; a run or a model; anything else is left to TensorFlow.
        backend: one of `BACK_ENDS`. None is `path` itself, whether it is an export or not. `auto` is the fastest export
            of this very model, as measured by `detect export`, if one is faster than TensorFlow and its packages are
            installed, and it is not a program; with a GPU it is TensorFlow.
        weights: what takes the place of `path` where that is the name of a model: also the file of a checkpoint.

    Raises:
        BadInput: there is no such back end, no export of the model for it, or its packages are not installed.
    """
    path = _export_of(Path(path if weights is None else weights))
    if backend not in (None, *BACK_ENDS):
        raise BadInput(f"There is no back end {backend!r}. Known: {', '.join(BACK_ENDS)}.")
    if os.path.isfile(path / EXPORT_CARD):  # `Path.is_file` raises an error for a name that is too long
        return _checked(path, backend)
    if weights is None and path.suffix in _SUFFIXES and os.path.isfile(path):
        raise BadInput(
            f"{path} is a file of an export, but its folder has no {EXPORT_CARD}, which says how to run it. Give the "
            "whole folder that `detect export` has written; models of other programs cannot be run."
        )
    if backend in (None, "tensorflow"):
        return None
    if backend == "auto":
        return None if NVIDIA_DRIVER.exists() else _fastest(path, formats.names(), only_faster=True)
    artefact = _fastest(path, (backend,))
    if artefact is None:
        raise BadInput(
            f"{path} has no export for {backend} of its present weights and thresholds. Make one: "
            f"detect export {path} --format {backend}"
        )
    return _checked(artefact, backend)


def open_artefact(folder: Path, trust: bool = False) -> BackEnd:
    """Return what runs the export in this folder.

    Args:
        folder: the folder of the export.
        trust: whether a program that this installation has not made may be run, now and from now on.

    Raises:
        BadInput: its card or a file is damaged, this version of detect does not know its format, or it is a program
            that nobody trusts.
    """
    card = load_export_card(folder)
    format = _format_of(folder, card)
    check_files(folder, card)
    if format.is_program:
        _require_trusted(folder, card.format, trust)
    return ArtefactBackEnd(folder, card, format, formats.load_reader(card.format))


def _require_trusted(folder: Path, format: str, trust: bool) -> None:
    digest = digest_of_files(folder)
    if trust:
        trusted_code.trust(digest)
    if not trusted_code.is_trusted(digest):
        raise BadInput(
            f"{folder} is for {format}, whose models are programs: it may do all that you may do, such as writing "
            "files, and this installation has not made it. If you trust where it comes from, add --trust (in Python, "
            "trust=True): its content is then trusted from now on."
        )


def is_installed(format: str) -> bool:
    """Return whether the packages that run this format are installed."""
    return not missing(formats.find(format).runs_with)


def fresh_exports(path: Path) -> dict[Path, ExportCard]:
    """Return the exports of the present weights of the model at `path` that passed their check, by folder.

    Those in a format that this version of detect does not know are left out, and those whose thresholds are not for the
    goal of the model's, see `Goal`.

    Raises:
        BadInput: the folder of exports, or one in it, cannot be read.
    """
    exports = _of_present_weights(path)
    others = _with_other_thresholds(path, exports)
    return {artefact: card for artefact, card in exports.items() if artefact not in others}


def exports_with_other_thresholds(path: Path) -> list[Path]:
    """Return the exports of the present weights whose thresholds are not for the goal of the model's."""
    return _with_other_thresholds(path, _of_present_weights(path))


def _with_other_thresholds(path: Path, exports: Collection[Path]) -> list[Path]:
    goal = load_card(model_folder(path) or path).goal if exports else None
    return [artefact for artefact in exports if load_card(artefact).goal != goal]


def _of_present_weights(path: Path) -> dict[Path, ExportCard]:
    folder = model_folder(path)
    cards = {place: load_export_card(place) for place in (_exports_in(exports_folder(folder)) if folder else [])}
    passed = {artefact: card for artefact, card in cards.items() if card.check and not card.check.fault}
    digest = file_digest(folder / WEIGHTS) if folder and passed else ""
    known = formats.names()
    return {artefact: card for artefact, card in passed.items() if card.weights == digest and card.format in known}


def _exports_in(folder: Path) -> list[Path]:
    """Return the folders of exports in a folder, by name; none where it does not exist."""
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if _is_there(folder / name / EXPORT_CARD)]
    except OSError as error:
        if is_absent(error):
            return []
        raise BadInput(
            f"{error.filename} cannot be read: {error.strerror}. It may hold exports of the model: make it readable, "
            "or predict with --backend tensorflow."
        ) from None


def _is_there(path: Path) -> bool:
    """Return whether something is at a path; OSError where nobody may know."""
    try:
        os.stat(path)
    except OSError as error:
        if is_absent(error):
            return False
        raise
    return True


def _export_of(path: Path) -> Path:
    """Return the folder of the export that a file lies in, for any other path the path itself."""
    folders = path.parents[:_LEVELS] if os.path.isfile(path) else ()
    return next((folder for folder in folders if (folder / EXPORT_CARD).is_file()), path)


def _fastest(path: Path, kinds: Collection[str], only_faster: bool = False) -> Path | None:
    """Return the fastest fresh export in one of these formats.

    `only_faster` leaves out those that are slower than TensorFlow, whose packages are not installed, or that are
    programs: a folder that someone has sent must not decide what is run.
    """
    seconds = {
        artefact: card.check.seconds
        for artefact, card in fresh_exports(path).items()
        if card.format in kinds and card.check
        if not only_faster or _may_replace_tensorflow(card.format, card.check)
    }
    return min(seconds, key=lambda artefact: seconds[artefact], default=None)


def _may_replace_tensorflow(format: str, check: Check) -> bool:
    is_faster = check.seconds < check.seconds_of_original
    return is_faster and is_installed(format) and not formats.find(format).is_program


def _checked(folder: Path, backend: str | None) -> Path:
    """Return `folder` if it is complete, for this back end, and its packages are installed."""
    card = load_export_card(folder)
    format = _format_of(folder, card)
    if backend not in (None, "auto", card.format):
        raise BadInput(f"{folder} was exported for {card.format}: give the run folder or model folder for {backend}.")
    if not (folder / CARD).is_file():
        raise BadInput(f"{folder} has no {CARD}: the export is incomplete. Copy it again.")
    if packages := missing(format.runs_with):
        raise BadInput(
            f"{folder} needs {' and '.join(packages)}, which is not installed. Run: pip install {' '.join(packages)}"
        )
    return folder


def _format_of(folder: Path, card: ExportCard) -> Format:
    try:
        return formats.find(card.format)
    except BadInput as error:
        raise BadInput(f"{folder / EXPORT_CARD}: {error} Update detect, or export the model again.") from None
