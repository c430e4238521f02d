"""An exported model as a folder: `model.json` as of every model, `export.json`, and the files of its format.

Neither reading nor finding one needs TensorFlow.
"""

from pathlib import Path
from typing import Literal

from detect.config import Settings
from detect.models.card import RUN_FOLDERS, Card, read_card
from detect.models.suppression import Suppression

EXPORT_CARD = "export.json"
EXPORTS = "exports"  # the folder for exported models in that of a run


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


def files_size(folder: Path) -> int:
    """Of all files in a folder and its folders, bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
