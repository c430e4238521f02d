"""An exported model as a folder: `model.json`, as every model has, `export.json`, and the files of its format.

Neither finding nor reading one needs TensorFlow.
"""

import hashlib
import json
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, PositiveInt, field_validator

from detect.artefacts.format import Precision
from detect.config import Settings
from detect.errors import BadInput
from detect.files import file_digest
from detect.models.card import CARD, RUN_FOLDERS, Card, read_card
from detect.models.suppression import Suppression

EXPORT_CARD = "export.json"
EXPORTS = "exports"  # the folder of a run or model that its exports are written to

Input = Literal["images", "extents", "confidence", "iou"]
INPUTS = get_args(Input)
OUTPUTS = ("boxes", "scores", "labels")


class ConfidentCheck(Settings):
    """The comparison of the detections that prediction shows: those from the confidence of their class.

    Detections of one class that overlap by 0.5 are the same object, whatever the other side scores it.
    """

    confidence: float
    """Lowest of these confidences."""
    detections: int
    """Detections of the original."""
    unmatched: int
    """Detections of either side that the other side has not, at any score."""
    box_median: float
    """Median of the differences between matched boxes, each the largest of a box, pixels of the model's image."""
    box_difference: float
    """Largest of them."""
    score_median: float
    """Median of the differences between the scores of matched boxes."""
    score_difference: float
    """Largest of them."""


class Check(Settings):
    """The comparison of an export with its original, on the machine that made the export."""

    images: int
    """Number of images that both were run on."""
    shown: str
    """What these images were."""
    computed_in: str = ""
    """Type that an export in bfloat16 was computed in, which depends on the processor; empty for other precisions."""
    detections: int
    """Detections of the original, above its confidence for scoring."""
    unmatched: int
    """Detections of either side without a box of that class on the other side that overlaps it by 0.9; ties of float32
    exports left out."""
    box_difference: float
    """Largest difference between matched boxes, pixels of the model's image."""
    score_difference: float
    """Largest difference between the scores of matched boxes."""
    confident: ConfidentCheck | None = None
    """The same for what prediction shows; null in exports of earlier versions."""
    AP: float | None = None
    """AP of the export on the validation images, 0..1; null without a dataset."""
    AP_of_original: float | None = None
    """AP of the original on the same images."""
    seconds: float
    """Seconds per image, median."""
    seconds_of_original: float
    """Seconds per image in TensorFlow, measured alternately with the export."""
    fault: str = ""
    """Why the export was not delivered; empty: it was."""

    @property
    def speedup(self) -> float:
        """How many times as fast as the original the export is."""
        return self.seconds_of_original / self.seconds


class Layer(Settings):
    """A product in lower precision, or one that is kept in float32, and its cost as the export doctor measures it."""

    name: str
    """Its name in the model."""
    error: float = Field(ge=0)
    """Squared error of its output, as a share of the variance of the output in float32, on calibration images."""
    added: float = Field(ge=0)
    """By how much this is more than that of its input."""
    multiply_adds: float = Field(ge=0, le=1)
    """Its share of the multiply-adds of all such products."""
    weights: float = Field(ge=0, le=1)
    """Its share of their weights."""
    AP_alone: float | None = None
    """AP of the export in which it alone stays in float32, 0..1; null where that was not measured."""
    kept: bool = False
    """Whether it stays in float32."""


class Treatment(Settings):
    """An export before layers were kept in float32: the difference to its check is what that costs."""

    AP_before: float
    """Its AP, 0..1."""
    speedup_before: float
    """How many times as fast as the original it was."""
    size_before: PositiveInt
    """Its size, bytes."""


class ExportCard(Card):
    """The facts about an export that a client needs in addition to the card of the model."""

    format: str
    """Name of the format, one of `detect.formats.names()`."""
    precision: Precision
    """Precision of the weights, and for `int8` and `bfloat16` of the computation too."""
    canvases: tuple[tuple[PositiveInt, PositiveInt], ...] = Field(min_length=1)
    """Heights and widths of the images that it takes, pixels; the default first."""
    inputs: tuple[Input, ...] = INPUTS
    """Inputs of the model, in this order."""
    batch: PositiveInt | None = None
    """Images per call; null: any number."""
    size_divisor: PositiveInt
    """Heights and widths of images are multiples of this number of pixels."""
    smallest_side: PositiveInt
    """Smallest height and width of images, pixels."""
    confidence: float
    """Lowest score of a detection in scoring."""
    iou: float
    """Suppression: boxes of one class that overlap by more are one object."""
    suppression: Suppression | None = None
    """Suppression that is left to the client; null: the model does it."""
    run: str = ""
    """Name of the folder of the run or model that was exported."""
    weights: str
    """SHA-256 of its weights."""
    files: dict[str, str] = {}
    """SHA-256 of the files of the format, by path in the folder; empty in exports of earlier versions."""
    layers: tuple[Layer, ...] = ()
    """Layers that add the most error, and all that are kept in float32; empty where they were not measured."""
    treatment: Treatment | None = None
    """The export before layers were kept in float32; null: none were kept."""
    check: Check | None = None
    """Comparison with the original; null only until the export was run."""

    @field_validator("inputs")
    @classmethod
    def _ordered(cls, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        """Refuse another order than that of `INPUTS`: some formats take inputs by their places, not by their names."""
        if inputs != tuple(name for name in INPUTS if name in inputs) or "images" not in inputs:
            raise ValueError(f"expected 'images' and any of {INPUTS[1:]}, in this order")
        return inputs


def load_export_card(folder: Path) -> ExportCard:
    """Read the card of the export in a folder.

    Raises:
        BadInput: it is damaged, or a later version wrote it.
    """
    return read_card(ExportCard, folder / EXPORT_CARD)


def digests_of_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all files in the folder of an export but the cards, by path in it."""
    cards = (folder / CARD, folder / EXPORT_CARD)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path not in cards)
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}


def digest_of_files(folder: Path) -> str:
    """Return one SHA-256 of all files in the folder of an export but the cards, with their paths, in hexadecimal."""
    return hashlib.sha256(json.dumps(digests_of_files(folder)).encode()).hexdigest()


def check_files(folder: Path, card: ExportCard) -> None:
    """Read the files that the card of an export names: half a second for 400 MB.

    Raises:
        BadInput: one of them is missing or damaged. Some runtimes would take it as it is, and find nothing.
    """
    for name, digest in card.files.items():
        path = folder / name
        try:
            is_same = file_digest(path) == digest
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}. Copy the export again.") from None
        if not is_same:
            raise BadInput(
                f"{path} is damaged, or is of another export: its SHA-256 is not that in {EXPORT_CARD}. Copy the "
                "export again, with all its files."
            )


def exports_folder(path: Path) -> Path:
    """Return the folder that exports of the run or model at `path` are written to."""
    return (path.parent if path.name in RUN_FOLDERS else path) / EXPORTS


def files_size(folder: Path) -> int:
    """Return the size of all files in a folder and its subfolders, bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
