"""Run a model by OpenVINO."""

import threading
from pathlib import Path

import numpy as np
import openvino

from detect.artefacts.artefact_backend import Run
from detect.artefacts.format import unusable
from detect.machine import core_limit

_opening = threading.Lock()


def open_file(path: Path) -> Run:
    """See `Reader`. The model runs on the CPU.

    It is compiled for any number of images. With the number fixed to 1, YOLOX-micro takes a tenth less time, but Faster
    R-CNN gives wrong boxes or ends the process (OpenVINO 2026.4).
    """
    # By default it computes in bfloat16 where the CPU can, which costs YOLOX-micro 0.4 points of AP on BCCD.
    options: dict[str, str | int] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if limit := core_limit():
        options["INFERENCE_NUM_THREADS"] = limit
    try:
        compiled = openvino.Core().compile_model(path, "CPU", options)
    except RuntimeError as error:
        raise unusable(path, "OpenVINO", error) from None

    def run(values: dict[str, np.ndarray]) -> list[np.ndarray]:
        request = compiled.create_infer_request()
        request.infer(values)
        return [request.get_output_tensor(index).data.copy() for index in range(len(compiled.outputs))]

    # OpenVINO initialises itself at its first use in a process. Two threads that are both the first wait for each other
    # forever: one for Python's lock, the other for the initialisation (2026.4).
    with _opening:
        run({port.any_name: _zeros(port) for port in compiled.inputs})
    return run


def _zeros(port: openvino.ConstOutput) -> np.ndarray:
    """Return zeros for an input, with a batch of one image."""
    shape = [1 if side.is_dynamic else side.get_length() for side in port.partial_shape]
    return np.zeros(shape, port.element_type.to_dtype())
