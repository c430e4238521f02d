"""An exported model as a folder: `model.json` as of every model, `export.json`, and the files of its format.

Neither reading nor finding one needs TensorFlow.
"""

import importlib.util
from pathlib import Path
from typing import Literal

from detect.config import Settings, from_json
from detect.errors import BadInput
from detect.inference.backend import BACK_ENDS, BackEnd
from detect.models.card import CARD, RUN_FOLDERS, WEIGHTS, model_folder
from detect.weights.download import sha256

FORMAT_VERSION = 1
EXPORT_CARD = "export.json"
EXPORTS = "exports"  # the folder for exported models in that of a run
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")

Format = Literal["openvino"]
Precision = Literal["float32", "float16"]
PACKAGES: dict[Format, str] = {"openvino": "openvino"}  # what runs each format; the extra of the same name installs it


class Check(Settings):
    """What export found when it ran the artefact beside the original, on the machine of the export."""

    images: int  # that both saw
    shown: str  # what was on them
    detections: int  # of the original on these, above its confidence for scoring
    unmatched: int  # of both sides: no box of that class overlaps it by 0.9 on the other side
    box_difference: float  # largest of matched boxes, pixels of the model's image
    score_difference: float  # largest of matched boxes
    AP: float | None = None  # on the validation pictures, 0..1; None where there was no data
    AP_of_original: float | None = None
    seconds: float  # for one image, median
    seconds_of_original: float  # in TensorFlow, by turns with it


class ExportCard(Settings):
    """What a client has to know of an artefact, besides the card of the model."""

    format_version: int = FORMAT_VERSION
    format: Format
    precision: Precision
    canvases: tuple[tuple[int, int], ...]  # heights and widths of images, pixels, the usual one first
    size_divisor: int
    smallest_side: int
    confidence: float  # least score in scoring
    iou: float  # boxes of one class that overlap more are one object
    weights: str  # SHA-256 of the weights that were exported
    check: Check | None = None  # None only until it was run


def load_export_card(folder: Path) -> ExportCard:
    """The export's card; BadInput where it is damaged, or a later version wrote it."""
    path = folder / EXPORT_CARD
    try:
        card = from_json(ExportCard, path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}. Export the model again.") from None
    if card.format_version != FORMAT_VERSION:
        raise BadInput(
            f"{path} has format version {card.format_version}; this version of detect reads {FORMAT_VERSION}. "
            "Update detect, or export the model again."
        )
    return card


def exports_folder(path: Path) -> Path:
    """Where the exports of the run or the model at `path` go."""
    return (path.parent if path.name in RUN_FOLDERS else path) / EXPORTS


def is_artefact(path: str | Path) -> bool:
    """Whether there is an exported model at `path`."""
    return (Path(path) / EXPORT_CARD).is_file()


def find_artefact(path: str | Path, backend: str = "auto") -> Path | None:
    """The folder of the artefact that predicts for the model at `path`; None: TensorFlow does.

    Args:
        path: an artefact's folder, a run folder, a model folder; anything else is left to TensorFlow.
        backend: one of `BACK_ENDS`. `auto` is the fastest of the exports of this very model, by what `detect export`
            measured, where one is faster than TensorFlow and its runtime is installed. With a GPU it is TensorFlow.

    Raises:
        BadInput: there is no such back end, or no export of the model for it, or its runtime is not installed.
    """
    path = Path(path)
    if backend not in BACK_ENDS:
        raise BadInput(f"There is no back end {backend!r}. Known: {', '.join(BACK_ENDS)}.")
    if is_artefact(path):
        return _checked(path, backend)
    folder = model_folder(path)
    if backend == "tensorflow" or (backend == "auto" and (folder is None or NVIDIA_DRIVER.exists())):
        return None
    found = {} if folder is None else _exports_of(folder)
    if backend != "auto":
        found = {artefact: card for artefact, card in found.items() if card.format == backend}
        if not found:
            raise BadInput(
                f"{path} has no export for {backend} of its present weights. Make one: "
                f"detect export {path} --format {backend}"
            )
        return _checked(min(found, key=lambda artefact: _seconds(found[artefact])), backend)
    faster = [
        artefact
        for artefact, card in found.items()
        if _is_installed(card.format) and card.check and card.check.seconds < card.check.seconds_of_original
    ]
    return min(faster, key=lambda artefact: _seconds(found[artefact]), default=None)


def open_artefact(folder: Path) -> BackEnd:
    """What runs the artefact in this folder."""
    from detect.inference.openvino_backend import OpenVinoBackEnd

    return OpenVinoBackEnd(folder, load_export_card(folder))


def _exports_of(folder: Path) -> dict[Path, ExportCard]:
    """The artefacts beside the model in this folder that were made of its present weights."""
    cards = {path.parent: load_export_card(path.parent) for path in exports_folder(folder).glob(f"*/{EXPORT_CARD}")}
    digest = sha256(folder / WEIGHTS) if cards else ""
    return {artefact: card for artefact, card in sorted(cards.items()) if card.weights == digest}


def _checked(folder: Path, backend: str) -> Path:
    """`folder`, if this back end runs what is in it, and is installed."""
    kind = load_export_card(folder).format
    if backend not in ("auto", kind):
        raise BadInput(f"{folder} was exported for {kind}: give the run folder or model folder for {backend}.")
    if not (folder / CARD).is_file():
        raise BadInput(f"{folder} has no {CARD}: the export is not whole. Copy it again.")
    if not _is_installed(kind):
        raise BadInput(f"{folder} needs {PACKAGES[kind]}, which is not installed. Run: pip install 'detect-tf[{kind}]'")
    return folder


def _is_installed(kind: Format) -> bool:
    return importlib.util.find_spec(PACKAGES[kind]) is not None


def _seconds(card: ExportCard) -> float:
    return card.check.seconds if card.check else float("inf")
