"""A detector exported for LiteRT, run by its interpreter: small enough for phones and single-board computers."""

import threading
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from detect.artefacts.artefact_backend import ArtefactBackEnd, Run, model_file
from detect.artefacts.export_card import OUTPUTS, ExportCard
from detect.errors import BadInput
from detect.machine import cores

SUFFIX = ".tflite"


def open_folder(folder: Path, card: ExportCard) -> ArtefactBackEnd:
    """What runs the artefact in this folder."""
    return ArtefactBackEnd(card, lambda height, width: open_file(model_file(folder, height, width, SUFFIX)))


def open_file(path: Path) -> Run:
    """The model in a file."""
    try:
        interpreter = Interpreter(str(path), num_threads=cores())
        step = interpreter.get_signature_runner()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise BadInput(f"{path} cannot be run by LiteRT: {reason} Copy it again, or export it again.") from None
    busy = threading.Lock()  # an interpreter has one set of tensors

    def run(values: dict[str, np.ndarray]) -> list[np.ndarray]:
        with busy:
            found = step(**values)
        return [found[name] for name in OUTPUTS if name in found]

    return run
