"""A detector exported as ONNX, run by ONNX Runtime."""

from pathlib import Path

import onnxruntime

from detect.artefacts.artefact_backend import ArtefactBackEnd, Run, model_file
from detect.artefacts.export_card import ExportCard
from detect.errors import BadInput
from detect.machine import core_limit

SUFFIX = ".onnx"


def open_folder(folder: Path, card: ExportCard) -> ArtefactBackEnd:
    """What runs the artefact in this folder."""
    return ArtefactBackEnd(card, lambda height, width: open_file(model_file(folder, height, width, SUFFIX)))


def open_file(path: Path) -> Run:
    """The model in a file, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; it warns of constants that the converter left over
    options.intra_op_num_threads = core_limit() or 0  # 0: as many as the machine has cores
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # they have no class in common, and their classes no public name
        reason = str(error).strip().splitlines()[-1]
        raise BadInput(f"{path} cannot be run by ONNX Runtime: {reason} Copy it again, or export it again.") from None
    return lambda values: session.run(None, values)
