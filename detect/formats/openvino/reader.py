"""A detector exported for OpenVINO, which runs it on CPUs."""

import threading
from pathlib import Path

import numpy as np
import openvino

from detect.artefacts.artefact_backend import ArtefactBackEnd, Run, model_file
from detect.artefacts.export_card import ExportCard
from detect.errors import BadInput
from detect.machine import core_limit

SUFFIX = ".xml"  # the weights lie beside it

_opening = threading.Lock()


def open_folder(folder: Path, card: ExportCard) -> ArtefactBackEnd:
    """What runs the artefact in this folder."""
    return ArtefactBackEnd(card, lambda height, width: open_file(model_file(folder, height, width, SUFFIX)))


def open_file(path: Path) -> Run:
    """The compiled model in a file, for any number of images.

    With the number fixed to 1, YOLOX-micro takes a tenth less, but Faster R-CNN gives wrong boxes, or ends the process
    (OpenVINO 2026.4).
    """
    # Left to itself it computes in bfloat16 where the CPU can, which costs YOLOX-micro 0.4 points of AP on BCCD.
    options: dict[str, str | int] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if limit := core_limit():
        options["INFERENCE_NUM_THREADS"] = limit
    try:
        compiled = openvino.Core().compile_model(path, "CPU", options)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise BadInput(f"{path} cannot be run by OpenVINO: {reason} Copy it again, or export it again.") from None

    def run(values: dict[str, np.ndarray]) -> list[np.ndarray]:
        request = compiled.create_infer_request()
        request.infer(values)
        return [request.get_output_tensor(index).data.copy() for index in range(len(compiled.outputs))]

    # OpenVINO prepares itself when it is first used in a process, and two threads that both are the first wait for each
    # other for ever, one for Python's lock, the other for the preparation (2026.4).
    with _opening:
        run({port.any_name: _blank(port) for port in compiled.inputs})
    return run


def _blank(port: openvino.ConstOutput) -> np.ndarray:
    """Zeros for an input, of one image."""
    shape = [1 if side.is_dynamic else side.get_length() for side in port.partial_shape]
    return np.zeros(shape, port.element_type.to_dtype())
