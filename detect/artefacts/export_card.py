"""An exported model as a folder: `model.json`, as every model has, `export.json`, and the files of its format.

Neither finding nor reading one needs TensorFlow.
"""

from pathlib import Path

from detect.artefacts.format import Canvas, Precision
from detect.config import Settings
from detect.models.card import RUN_FOLDERS, Card, read_card
from detect.models.suppression import Suppression

EXPORT_CARD = "export.json"
EXPORTS = "exports"  # the folder of a run or model that its exports are written to

INPUTS = ("images", "extents", "confidence", "iou")
OUTPUTS = ("boxes", "scores", "labels")


class Check(Settings):
    """The comparison of an export with its original, on the machine that made the export."""

    images: int  # how many both were run on
    shown: str  # what these images were
    detections: int  # found by the original, above its confidence for scoring
    unmatched: int  # of either side, without a box of that class on the other side that overlaps it by 0.9
    box_difference: float  # largest between matched boxes, pixels of the model's image
    score_difference: float  # largest between matched boxes
    AP: float | None = None  # on the validation images, 0..1; None without a dataset
    AP_of_original: float | None = None
    seconds: float  # per image, median
    seconds_of_original: float  # in TensorFlow, measured alternately with the export
    fault: str = ""  # why the export was not delivered


class ExportCard(Card):
    """The facts about an export that a client needs in addition to the card of the model."""

    format: str  # a name of `detect.formats.names()`
    precision: Precision
    canvases: tuple[Canvas, ...]  # the default one first
    inputs: tuple[str, ...] = INPUTS  # those that the model takes, in this order
    batch: int | None = None  # images per call; None is any number
    size_divisor: int
    smallest_side: int
    confidence: float  # minimum score in scoring
    iou: float  # boxes of one class that overlap by more are one object
    suppression: Suppression | None = None  # left to the client; None: the model does it
    run: str = ""  # name of the folder of the run or model that was exported
    weights: str  # SHA-256 of its weights
    check: Check | None = None  # None only until the export was run


def load_export_card(folder: Path) -> ExportCard:
    """Read the card of the export in a folder.

    Raises:
        BadInput: it is damaged, or a later version wrote it.
    """
    return read_card(ExportCard, folder / EXPORT_CARD)


def exports_folder(path: Path) -> Path:
    """Return the folder that exports of the run or model at `path` are written to."""
    return (path.parent if path.name in RUN_FOLDERS else path) / EXPORTS


def files_size(folder: Path) -> int:
    """Return the size of all files in a folder and its subfolders, bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
