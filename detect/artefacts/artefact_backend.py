"""What all back ends of exported detectors share: a step for each height and width, opened at its first image."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detect.artefacts.client_suppression import best_detections
from detect.artefacts.export_card import INPUTS, ExportCard
from detect.structures import Candidates, Detections

BATCH_SIZE = 4

# From those of `INPUTS` that the files have, by name, to `OUTPUTS` in order; or to `Candidates`, where suppression is
# left to the client.
Run = Callable[[dict[str, np.ndarray]], Sequence[np.ndarray]]


class ArtefactBackEnd:
    """An artefact as a `BackEnd`. No TensorFlow is needed."""

    batch_size = BATCH_SIZE

    def __init__(self, card: ExportCard, open_canvas: Callable[[int, int], Run]):
        """
        Args:
            card: of the artefact.
            open_canvas: the step for a height and width, which may be called from several threads.
        """
        self.name = card.format
        self.confidence, self.iou = card.confidence, card.iou
        self.size_divisor, self.smallest_side = card.size_divisor, card.smallest_side
        self.canvases = card.canvases
        self._inputs, self._batch, self._suppression = card.inputs, card.batch, card.suppression
        self._open_canvas = open_canvas
        self._runs: dict[tuple[int, int], Run] = {}
        self._opening = threading.Lock()  # streams call `detect` from two threads

    def detect(self, images: Any, extents: np.ndarray, confidence: float, iou: float) -> Detections:
        """See `BackEnd`."""
        images = np.asarray(images)
        if not len(images):
            return _nothing()
        run, extents = self._run_for(*images.shape[1:3]), np.asarray(extents, np.float32)
        thresholds = np.asarray(confidence, np.float32), np.asarray(iou, np.float32)
        batch = self._batch or len(images)
        parts = []
        for start in range(0, len(images), batch):
            part = _filled(images[start : start + batch], batch), _filled(extents[start : start + batch], batch)
            parts.append(self._detections(run, *part, *thresholds))
        found = parts[0] if len(parts) == 1 else [np.concatenate(each) for each in zip(*parts, strict=True)]
        return Detections(*(values[: len(images)] for values in found))

    def _detections(self, run: Run, *values: np.ndarray) -> Sequence[np.ndarray]:
        """`OUTPUTS` for `INPUTS`."""
        inputs = dict(zip(INPUTS, values, strict=True))
        found = run({name: inputs[name] for name in self._inputs})
        if self._suppression is None:
            return found
        _, extents, confidence, iou = values
        return best_detections(Candidates(*found), extents, self._suppression, float(confidence), float(iou))

    def _run_for(self, height: int, width: int) -> Run:
        with self._opening:
            if (height, width) not in self._runs:
                self._runs[height, width] = self._open_canvas(height, width)
            return self._runs[height, width]


def model_file(folder: Path, height: int, width: int, suffix: str) -> Path:
    """The file of an artefact for images of this size."""
    return folder / f"{height}x{width}{suffix}"


def _filled(rows: np.ndarray, count: int) -> np.ndarray:
    """With its last row again and again until there are so many."""
    missing = count - len(rows)
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows


def _nothing() -> Detections:
    return Detections(np.zeros([0, 0, 4], np.float32), np.zeros([0, 0], np.float32), np.zeros([0, 0], np.int32))
