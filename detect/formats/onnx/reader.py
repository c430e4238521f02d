"""Run a model by ONNX Runtime."""

from pathlib import Path

import onnxruntime

from detect.artefacts.artefact_backend import Run
from detect.artefacts.format import unusable
from detect.machine import core_limit

# It writes warnings to the terminal that no user can act on, such as of operators of earlier versions.
onnxruntime.set_default_logger_severity(3)  # errors


def open_file(path: Path) -> Run:
    """See `Reader`. The model runs on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; it warns of unused constants that the converter leaves
    options.intra_op_num_threads = core_limit() or 0  # 0: as many as the machine has cores
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # they have no class in common, and their classes have no public names
        raise unusable(path, "ONNX Runtime", error) from None
    return lambda values: session.run(None, values)
