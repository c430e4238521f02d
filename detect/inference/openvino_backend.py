"""A detector exported for OpenVINO, which runs it on CPUs. No TensorFlow is needed."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from detect.errors import BadInput
from detect.inference.artefact import ExportCard
from detect.structures import Detections

INPUTS = ("images", "extents", "confidence", "iou")
BATCH_SIZE = 4


def open_folder(folder: Path, card: ExportCard) -> "OpenVinoBackEnd":
    """What runs the artefact in this folder."""
    return OpenVinoBackEnd(folder, card)


class OpenVinoBackEnd:
    """An artefact as a `BackEnd`. Each height and width that it was exported for is compiled at its first image."""

    name = "openvino"
    batch_size = BATCH_SIZE

    def __init__(self, folder: Path, card: ExportCard):
        self.confidence, self.iou = card.confidence, card.iou
        self.size_divisor, self.smallest_side = card.size_divisor, card.smallest_side
        self.canvases = card.canvases
        self._folder = folder
        self._compiled: dict[tuple[int, int], openvino.CompiledModel] = {}
        self._compiling = threading.Lock()  # streams call `detect` from two threads

    def detect(self, images: Any, extents: np.ndarray, confidence: float, iou: float) -> Detections:
        """See `BackEnd`."""
        images = np.asarray(images)
        values = images, np.asarray(extents, np.float32), np.float32(confidence), np.float32(iou)
        if not len(images):
            return _nothing()
        request = self._compiled_for(*images.shape[1:3]).create_infer_request()
        request.infer({name: np.asarray(value) for name, value in zip(INPUTS, values, strict=True)})
        return Detections(*(request.get_output_tensor(index).data.copy() for index in range(3)))

    def _compiled_for(self, height: int, width: int) -> openvino.CompiledModel:
        with self._compiling:
            if (height, width) not in self._compiled:
                self._compiled[height, width] = self._compile(model_file(self._folder, height, width))
            return self._compiled[height, width]

    def _compile(self, path: Path) -> openvino.CompiledModel:
        """For any number of images.

        With the number fixed to 1, YOLOX-micro takes a tenth less, but Faster R-CNN gives wrong boxes, or ends the
        process (OpenVINO 2026.4).
        """
        # Left to itself it computes in bfloat16 where the CPU can, which costs YOLOX-micro 0.4 points of AP on BCCD.
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        try:
            return openvino.Core().compile_model(path, "CPU", options)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise BadInput(f"{path} cannot be run by OpenVINO: {reason} Copy it again, or export it again.") from None


def model_file(folder: Path, height: int, width: int) -> Path:
    """The file of an artefact for images of this size; its weights lie beside it."""
    return folder / f"{height}x{width}.xml"


def _nothing() -> Detections:
    return Detections(np.zeros([0, 0, 4], np.float32), np.zeros([0, 0], np.float32), np.zeros([0, 0], np.int32))
