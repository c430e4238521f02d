"""The back end of exported models in all formats. It needs no TensorFlow."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detect.artefacts.client_suppression import best_detections
from detect.artefacts.export_card import INPUTS, ExportCard
from detect.artefacts.format import Format, Reader
from detect.structures import Candidates, Detections

BATCH_SIZE = 4

# A model, which may be called from several threads. It takes the card's `inputs` by name, and returns `OUTPUTS` in this
# order, or `Candidates` where suppression is left to the client.
Run = Callable[[dict[str, np.ndarray]], Sequence[np.ndarray]]


class ArtefactBackEnd:
    """An export as a `BackEnd`. A model is opened at its first image."""

    batch_size = BATCH_SIZE

    def __init__(self, folder: Path, card: ExportCard, format: Format, reader: Reader):
        """
        Args:
            folder: the folder of the export.
            card: its card.
            format: its format.
            reader: what opens models in this format.
        """
        self.name = card.format
        self.confidence, self.iou = card.confidence, card.iou
        self.size_divisor, self.smallest_side = card.size_divisor, card.smallest_side
        self.canvases = card.canvases
        self._inputs, self._batch, self._suppression = card.inputs, card.batch, card.suppression
        self._folder, self._format, self._reader = folder, format, reader
        self._runs: dict[Path, Run] = {}
        self._opening = threading.Lock()  # streams call `detect` from two threads

    def detect(self, images: Any, extents: np.ndarray, confidence: float, iou: float) -> Detections:
        """See `BackEnd`."""
        images = np.asarray(images)
        if not len(images):
            return _no_detections()
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
        """Return `OUTPUTS` for the values of `INPUTS`."""
        inputs = dict(zip(INPUTS, values, strict=True))
        found = run({name: inputs[name] for name in self._inputs})
        if self._suppression is None:
            return found
        _, extents, confidence, iou = values
        return best_detections(Candidates(*found), extents, self._suppression, float(confidence), float(iou))

    def _run_for(self, height: int, width: int) -> Run:
        path = self._format.path(self._folder, (height, width))
        with self._opening:
            if path not in self._runs:
                self._runs[path] = self._reader.open_file(path)
            return self._runs[path]


def _filled(rows: np.ndarray, count: int) -> np.ndarray:
    """Return `count` rows: those given, and the last of them repeated."""
    missing = count - len(rows)
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows


def _no_detections() -> Detections:
    return Detections(np.zeros([0, 0, 4], np.float32), np.zeros([0, 0], np.float32), np.zeros([0, 0], np.int32))
