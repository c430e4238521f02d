"""An exported model as a folder: `model.json` as of every model, `export.json`, and the files of its format.

Neither reading nor finding one needs TensorFlow.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from detect.config import Settings
from detect.errors import BadInput
from detect.inference.backend import BackEnd
from detect.models.card import CARD, RUN_FOLDERS, WEIGHTS, Card, model_folder, read_card
from detect.weights.download import sha256

EXPORT_CARD = "export.json"
EXPORTS = "exports"  # the folder for exported models in that of a run
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")

INPUTS = ("images", "extents", "confidence", "iou")
OUTPUTS = ("boxes", "scores", "labels")
Canvas = tuple[int, int]  # height and width of images, pixels
Format = Literal["openvino", "onnx", "litert", "savedmodel", "stablehlo"]
# int8: weights and, in ranges found on pictures, activations. int8-weights: weights only.
Precision = Literal["float32", "float16", "int8", "int8-weights"]
# The package that runs each format.
RUNTIMES: dict[Format, str] = {
    "openvino": "openvino",
    "onnx": "onnxruntime",
    "litert": "ai_edge_litert",
    "savedmodel": "tensorflow",
    "stablehlo": "jax",
}
BACK_ENDS = ("auto", "tensorflow", *get_args(Format))  # names of `--backend`


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
    fault: str = ""  # why it was not delivered


class Suppression(Settings):
    """What is to be done with the candidates of an export that ends before suppression."""

    max_detections: int
    candidates: int | None  # how many pairs of box and class enter, the best by score; None is all
    clips_first: bool  # whether boxes are cut at the picture's edges before they compete, or after
    soft_sigma: float | None  # scores of a class are multiplied by exp(-IoU ** 2 / sigma); None: `iou` drops boxes


class ExportCard(Card):
    """What a client has to know of an artefact, besides the card of the model."""

    format: Format
    precision: Precision
    canvases: tuple[Canvas, ...]  # the usual one first
    inputs: tuple[str, ...] = INPUTS  # of its files
    batch: int | None = None  # images of a call; None is any number
    size_divisor: int
    smallest_side: int
    confidence: float  # least score in scoring
    iou: float  # boxes of one class that overlap more are one object
    suppression: Suppression | None = None  # left to the client; None: the file has it
    run: str = ""  # the folder of the run or model that was exported
    weights: str  # SHA-256 of its weights
    check: Check | None = None  # None only until it was run


def load_export_card(folder: Path) -> ExportCard:
    """The export's card; BadInput where it is damaged, or a later version wrote it."""
    return read_card(ExportCard, folder / EXPORT_CARD)


def exports_folder(path: Path) -> Path:
    """Where the exports of the run or the model at `path` go."""
    return (path.parent if path.name in RUN_FOLDERS else path) / EXPORTS


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
    return importlib.import_module(f"detect.inference.{card.format}_backend").open_folder(folder, card)


def files_size(folder: Path) -> int:
    """Of all files in a folder and its folders, bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


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
