"""YOLO label files: one file per image, ready to be corrected and trained on."""

from collections.abc import Sequence

import numpy as np

from detect.errors import BadInput
from detect.files import write_text
from detect.inference.result import Result
from detect.inference.sources.frames import Source
from detect.inference.writers.output_folder import OutputFolder

_LABELS, _CLASSES = "labels", "classes.txt"


class YoloWriter:
    """Writes `FOLDER/labels/NAME.txt` for each image or video frame, and `FOLDER/classes.txt` with the class names.

    Each line is `label x y width height`, with centre and size as fractions of the image's width and height.
    """

    def __init__(self, folder: OutputFolder, sources: Sequence[Source], classes: tuple[str, ...]):
        """Write the class names. BadInput where a label file would replace one that is not of an earlier run."""
        self.outputs = [folder.folder / _LABELS]
        self._folder = folder
        for source in sources:
            if source.kind == "image":
                folder.require_free(_label_file(source.name))
        _write_classes(folder, {source.name for source in sources}, classes)

    def __enter__(self) -> "YoloWriter":
        return self

    def write(self, result: Result) -> None:
        path = self._folder.path(_label_file(frame_name(result)), _LABELS, result.frame.source.name)
        write_text(path, _lines(result))

    def __exit__(self, kind, error, trace) -> None:
        pass


def _write_classes(folder: OutputFolder, sources: set[str], classes: tuple[str, ...]) -> None:
    """Write one name a line, whatever is in a name: the number of a line is the label."""
    path, text = folder.folder / _CLASSES, "".join(f"{' '.join(name.splitlines())}\n" for name in classes)
    if path.is_file() and path.read_bytes() == text.encode():
        return
    if folder.sources_of(_LABELS) - sources:
        raise BadInput(f"{path} has the classes of other labels in {folder.folder / _LABELS}. Give another folder.")
    write_text(folder.path(_CLASSES, "classes", ""), text)


def _label_file(name: str) -> str:
    return f"{_LABELS}/{name}.txt"


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
