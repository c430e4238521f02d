"""`golden.npz`: images for each canvas of an export, with the outputs that it gave on the machine that made it.

Whoever runs the export elsewhere can run it on these images and compare. The file is small without compression, so that
a program without NumPy and zlib can read it, too, as `docs/clients/golden.h` does: the images consist of square cells
of a few colours, and one byte is stored for each cell.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detect.artefacts.format import Canvas
from detect.errors import BadInput
from detect.files import write_bytes

GOLDEN = "golden.npz"


class GoldenCall(NamedTuple):
    """A call for B images of one canvas, and what the export returned. `golden.npz` has each field as HxW/FIELD.npy.

    The outputs of an export without suppression are those after suppression with these thresholds.
    """

    cells: np.ndarray  # uint8 [B, rows, columns], numbers of the colours of the cells
    colours: np.ndarray  # uint8 [B, colours, 3], RGB
    cell: np.ndarray  # int32 [], side of a cell, pixels; the last row and column may reach beyond the canvas
    extents: np.ndarray  # float32 [B, 2], an input
    confidence: np.ndarray  # float32 [], an input
    iou: np.ndarray  # float32 [], an input
    boxes: np.ndarray  # float32 [B, D, 4], an output
    scores: np.ndarray  # float32 [B, D], an output
    labels: np.ndarray  # int32 [B, D], an output
    box_tolerance: np.ndarray  # float32 [], by how much boxes may differ on another processor, pixels
    score_tolerance: np.ndarray  # float32 [], by how much scores may differ

    def images(self, canvas: Canvas) -> np.ndarray:
        """Return the images, uint8 [B, H, W, 3], an input."""
        return images_of_cells(self.cells, self.colours, int(self.cell), canvas)


TYPES = {"cells": "uint8", "colours": "uint8", "cell": "int32", "labels": "int32"}  # of the other fields: float32
RANKS = {"cells": 3, "colours": 3, "extents": 2, "boxes": 3, "scores": 2, "labels": 2}  # of the other fields: 0


def images_of_cells(cells: np.ndarray, colours: np.ndarray, side: int, canvas: Canvas) -> np.ndarray:
    """Return images uint8 [B, H, W, 3] of cells [B, rows, columns] with these colours [B, colours, 3].

    Args:
        cells: numbers of colours.
        colours: RGB, of each image.
        side: of a cell, pixels; those at the end are cut off.
        canvas: H and W.
    """
    height, width = canvas
    places = cells.repeat(side, axis=1).repeat(side, axis=2)[:, :height, :width]
    return np.stack([own[image] for own, image in zip(colours, places, strict=True)])


def write_golden(folder: Path, calls: Mapping[Canvas, GoldenCall]) -> None:
    """Write the file into the folder of an export. It is the same, byte by byte, for the same values.

    Raises:
        RunFailure: it cannot be written.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for canvas, call in calls.items():
            for name, values in call._asdict().items():
                array = io.BytesIO()
                np.save(array, np.asarray(values, order="C"))
                archive.writestr(zipfile.ZipInfo(f"{_prefix(canvas)}/{name}.npy"), array.getvalue())
    write_bytes(folder / GOLDEN, content.getvalue())


def read_golden(folder: Path, canvases: tuple[Canvas, ...]) -> dict[Canvas, GoldenCall]:
    """Read the calls of these canvases from the folder of an export.

    Raises:
        BadInput: there is no such file, or it is damaged.
    """
    path = folder / GOLDEN
    if not path.is_file():
        raise BadInput(
            f"{folder} has no {GOLDEN}, with which an export is checked: an earlier version of detect made it, or it "
            "was not delivered. Export the model again."
        )
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {canvas: _call(stored, _prefix(canvas)) for canvas in canvases}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path} is damaged: {error}. Copy the export again.") from None


def _prefix(canvas: Canvas) -> str:
    height, width = canvas
    return f"{height}x{width}"


def _call(stored: Mapping[str, np.ndarray], prefix: str) -> GoldenCall:
    """Return a call of the file; ValueError where an array is of another type or shape than the others expect."""
    call = GoldenCall(*(stored[f"{prefix}/{name}"] for name in GoldenCall._fields))
    for name, values in call._asdict().items():
        expected = TYPES.get(name, "float32"), RANKS.get(name, 0)
        if (values.dtype.name, values.ndim) != expected:
            raise ValueError(f"{prefix}/{name} is {values.dtype} with {values.ndim} dimensions, not {expected}")
    if len({len(values) for values in call if values.ndim}) > 1:
        raise ValueError(f"the arrays of {prefix} are of different numbers of images")
    return call
