"""Run a model by OpenVINO."""

import threading
from collections import deque
from pathlib import Path

import numpy as np
import openvino

from detect.artefacts.artefact_backend import Run
from detect.artefacts.format import unusable
from detect.formats.openvino import bfloat16_type
from detect.machine import core_limit

BFLOAT16 = ("detect", "bfloat16")  # marks models that may be computed in it
_opening = threading.Lock()


def open_file(path: Path) -> Run:
    """See `Reader`. The model runs on the CPU, in float32 unless it is marked by `BFLOAT16`.

    It is compiled for any number of images. With the number fixed to 1, YOLOX-micro takes a tenth less time, but Faster
    R-CNN gives wrong boxes or ends the process (OpenVINO 2026.4).
    """
    core = openvino.Core()
    # By default, it computes every model in bfloat16 where the processor is fast in it, which costs YOLOX-micro 0.4
    # points of AP on BCCD.
    options: dict[str, str | int] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if limit := core_limit():
        options["INFERENCE_NUM_THREADS"] = limit
    try:
        model = core.read_model(path)
        if model.has_rt_info(list(BFLOAT16)) and bfloat16_type() == "bfloat16":
            options["INFERENCE_PRECISION_HINT"] = "bf16"
        compiled = core.compile_model(model, "CPU", options)
    except RuntimeError as error:
        raise unusable(path, "OpenVINO", error) from None

    idle: deque[openvino.InferRequest] = deque()  # to make one takes 0.1 ms

    def run(values: dict[str, np.ndarray]) -> list[np.ndarray]:
        try:
            request = idle.pop()
        except IndexError:  # one for each thread that calls at the same time
            request = compiled.create_infer_request()
        request.infer(values)
        found = [request.get_output_tensor(index).data.copy() for index in range(len(compiled.outputs))]
        idle.append(request)
        return found

    # OpenVINO initialises itself at its first use in a process. Two threads that are both the first wait for each other
    # forever: one for Python's lock, the other for the initialisation (2026.4).
    with _opening:
        run({port.any_name: _zeros(port) for port in compiled.inputs})
    return run


def _zeros(port: openvino.ConstOutput) -> np.ndarray:
    """Return zeros for an input, with a batch of one image."""
    shape = [1 if side.is_dynamic else side.get_length() for side in port.partial_shape]
    return np.zeros(shape, port.element_type.to_dtype())
