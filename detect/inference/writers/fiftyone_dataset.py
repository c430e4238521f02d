"""A dataset of FiftyOne with the detections as predictions: its type FiftyOneImageDetectionDataset.

    labels.json: {"classes": null, "labels": {"b/2": [
        {"label": "car", "bounding_box": [0.25, 0.25, 0.5, 0.5], "confidence": 0.8}]}}
    data.json: {"b/2": "/path/to/b/2.png"}

Source: "FiftyOne Image Detection" of docs.voxel51.com. A box is x, y, width and height as shares of the upright image;
`data.json` has the files, which stay where they are.
"""

import json
from pathlib import Path

import numpy as np

from detect.files import GrowingText, require_own
from detect.inference.result import Result
from detect.inference.writers.image_references import ImageReferences
from detect.inference.writers.yolo_labels import frame_name

_LABELS, _DATA = '{"classes": null, "labels": {', "{"  # beginnings of the files; without classes, labels are names


class FiftyOneWriter:
    """Writes `FOLDER/labels.json` and `FOLDER/data.json`, an entry in each for each image."""

    def __init__(self, folder: str | Path, images: ImageReferences):
        """`images`: where the images are."""
        self.outputs = [Path(folder) / "labels.json", Path(folder) / "data.json"]
        require_own(self.outputs[0], lambda text: text.startswith(_LABELS), "that of a dataset of `detect predict`")
        is_ours = self.outputs[0].is_file()
        require_own(self.outputs[1], lambda text: is_ours, "that of a dataset of `detect predict`")
        self._labels = GrowingText(self.outputs[0], ending=f"{_LABELS}\n}}}}\n")
        self._data = GrowingText(self.outputs[1], ending=f"{_DATA}\n}}\n")
        self._images = images
        self._is_first = True

    def __enter__(self) -> "FiftyOneWriter":
        return self

    def write(self, result: Result) -> None:
        name = json.dumps(frame_name(result))
        starts = (f"{_LABELS}\n", f"{_DATA}\n") if self._is_first else (",\n", ",\n")
        self._labels.write(f"{starts[0]}{name}: {json.dumps(_detections(result))}")
        self._data.write(f"{starts[1]}{name}: {json.dumps(str(self._images.path(result)))}")
        self._is_first = False
        self._labels.ending, self._data.ending = "\n}}\n", "\n}\n"

    def __exit__(self, kind, error, trace) -> None:
        self._labels.__exit__(kind, error, trace)
        self._data.__exit__(kind, error, trace)


def _detections(result: Result) -> list[dict]:
    size = np.array([result.width, result.height], np.float64)
    corners = result.boxes.reshape(-1, 2, 2) / size
    boxes = np.concatenate([corners[:, 0], corners[:, 1] - corners[:, 0]], axis=1).tolist()
    return [
        {"label": found.name, "bounding_box": box, "confidence": found.score}
        for found, box in zip(result, boxes, strict=True)
    ]
