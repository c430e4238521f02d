"""Tasks of Label Studio with the detections as predictions, to be corrected there.

    [{"data": {"image": "/data/local-files/?d=b/2.png"}, "predictions": [{"model_version": "yolox-s", "score": 0.8,
        "result": [{"type": "rectanglelabels", "from_name": "label", "to_name": "image", "original_width": 40,
            "original_height": 20, "score": 0.8,
            "value": {"x": 25, "y": 25, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["car"]}}]}]}]

Source: "Import pre-annotated data" and "Local storage" of labelstud.io/guide. Coordinates are per cent of the width and
height of the upright image, which is how browsers show it.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from detect.files import GrowingText, require_own, write_text
from detect.inference.result import Result
from detect.inference.writers.image_references import ImageReferences

_SET, _OBJECT = "label", "image"  # names in the labelling interface: of the set of classes, and of the image


class LabelStudioWriter:
    """Writes `FILE.json` with a task for each image, and `FILE.xml` with the labelling interface of its classes."""

    def __init__(
        self,
        path: str | Path,
        images: ImageReferences,
        classes: Sequence[str],
        version: str,
        note: Callable[[str], None],
    ):
        """
        Args:
            path: the JSON file.
            images: where the images are.
            classes: names of all classes.
            version: names the model.
            note: called with a sentence that says how Label Studio finds the images.
        """
        self._interface, self._classes = Path(path).with_suffix(".xml"), classes
        self.outputs = [Path(path), self._interface]
        require_own(self.outputs[0], lambda text: text.startswith(("[]", '[\n{"data"')), "a file of tasks")
        require_own(self._interface, lambda text: text.startswith("<View>"), "a labelling interface")
        self._text = GrowingText(path, ending="[]\n")
        self._separator = "[\n"
        self._images, self._version, self._note = images, version, note

    def __enter__(self) -> "LabelStudioWriter":
        return self

    def write(self, result: Result) -> None:
        name = self._images.path(result).relative_to(self._images.root).as_posix()
        data = {_OBJECT: f"/data/local-files/?d={quote(name)}"}
        task = {"data": data, "predictions": [_prediction(result, self._version)]}
        self._text.write(self._separator + json.dumps(task))
        self._separator, self._text.ending = ",\n", "\n]\n"

    def __exit__(self, kind, error, trace) -> None:
        self._text.__exit__(kind, error, trace)
        if error is None:
            write_text(self._interface, _interface(self._classes))
            self._note(
                f"For {self.outputs[0]}, start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
                f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={self._images.root}, and give the project this labelling "
                f"interface: {self._interface}."
            )


def _prediction(result: Result, version: str) -> dict[str, Any]:
    """Return the prediction for an image; its score is the lowest of its objects, by which tasks can be sorted."""
    size = np.array([result.width, result.height], np.float64)
    corners = result.boxes.reshape(-1, 2, 2) / size * 100
    rows = zip(corners[:, 0].tolist(), (corners[:, 1] - corners[:, 0]).tolist(), result, strict=True)
    regions = [
        {
            "id": f"object-{number}",
            "type": "rectanglelabels",
            "from_name": _SET,
            "to_name": _OBJECT,
            "original_width": result.width,
            "original_height": result.height,
            "image_rotation": 0,
            "value": {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [found.name]},
            "score": found.score,
        }
        for number, ((x, y), (width, height), found) in enumerate(rows, start=1)
    ]
    score = {"score": float(result.scores.min())} if regions else {}
    return {"model_version": version, **score, "result": regions}


def _interface(classes: Sequence[str]) -> str:
    labels = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in classes)
    return (
        f'<View>\n  <Image name="{_OBJECT}" value="${_OBJECT}" zoom="true"/>\n'
        f'  <RectangleLabels name="{_SET}" toName="{_OBJECT}">\n{labels}  </RectangleLabels>\n</View>\n'
    )
