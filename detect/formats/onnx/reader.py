"""Run a model by ONNX Runtime."""

from pathlib import Path

import onnxruntime

from detect.artefacts.artefact_backend import Run
from detect.errors import BadInput
from detect.machine import core_limit


def open_file(path: Path) -> Run:
    """See `Reader`. The model runs on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; it warns of unused constants that the converter leaves
    options.intra_op_num_threads = core_limit() or 0  # 0: as many as the machine has cores
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # they have no class in common, and their classes have no public names
        reason = str(error).strip().splitlines()[-1]
        raise BadInput(f"{path} cannot be run by ONNX Runtime: {reason} Copy it again, or export it again.") from None
    return lambda values: session.run(None, values)
