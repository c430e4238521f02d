"""YOLO label files: one file per image, ready to be corrected and trained on."""

from pathlib import Path

import numpy as np

from detect.files import write_text
from detect.inference.result import Result


class YoloWriter:
    """Writes `FOLDER/labels/NAME.txt` for each image or video frame, and `FOLDER/classes.txt` with the class names.

    Each line is `label x y width height`, with centre and size as fractions of the image's width and height.
    """

    def __init__(self, folder: Path, classes: tuple[str, ...]):
        self.outputs = [folder / "labels"]
        write_text(folder / "classes.txt", "".join(f"{name}\n" for name in classes))

    def __enter__(self) -> "YoloWriter":
        return self

    def write(self, result: Result) -> None:
        write_text(self.outputs[0] / f"{frame_name(result)}.txt", _lines(result))

    def __exit__(self, kind, error, trace) -> None:
        pass


def frame_name(result: Result) -> str:
    """Return the name for the files of an image: that of its source, in a video with the number of the frame."""
    name = result.frame.source.name
    return name if result.timestamp is None else f"{name}-{result.index:06d}"


def _lines(result: Result) -> str:
    size = np.array([result.width, result.height], np.float64)
    centres = (result.boxes[:, :2] + result.boxes[:, 2:]) / 2 / size
    sides = (result.boxes[:, 2:] - result.boxes[:, :2]) / size
    values = np.concatenate([centres, sides], axis=1)
    return "".join(
        f"{label} {' '.join(f'{value:.6f}' for value in row)}\n"
        for label, row in zip(result.labels, values, strict=True)
    )
