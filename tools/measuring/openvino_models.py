"""Tasks of `workers.py`: `FILE SIDE COUNT PRECISION` runs OpenVINO IR on images; PRECISION is f32 or bf16."""

import os
from typing import Any

import numpy as np
import openvino
from measuring.batches import made_up_batch
from measuring.serving import Task, serve


def prepare(task: str) -> Task:
    file, side, count, precision = task.split()
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    threads = {"INFERENCE_NUM_THREADS": len(os.sched_getaffinity(0))} if hasattr(os, "sched_getaffinity") else {}
    compiled = openvino.Core().compile_model(file, "CPU", {**options, **threads})
    images, request = made_up_batch(int(side), int(count))[0], compiled.create_infer_request()
    inputs: dict[str, Any] = {
        "images": images,
        "extents": np.full((int(count), 2), float(side), np.float32),
        "confidence": np.float32(0.001),
        "iou": np.float32(0.65),
    }
    wanted = {port.any_name: inputs[port.any_name] for port in compiled.inputs}
    return lambda: request.infer(wanted) and None


if __name__ == "__main__":
    serve(prepare)
