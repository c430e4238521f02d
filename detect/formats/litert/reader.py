"""Run a model by LiteRT's interpreter."""

import threading
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from detect.artefacts.artefact_backend import Run
from detect.artefacts.export_card import OUTPUTS
from detect.artefacts.format import unusable
from detect.machine import cores


def open_file(path: Path) -> Run:
    """See `Reader`."""
    try:
        interpreter = Interpreter(str(path), num_threads=cores())
        step = interpreter.get_signature_runner()
    except (ValueError, RuntimeError) as error:
        raise unusable(path, "LiteRT", error) from None
    busy = threading.Lock()  # an interpreter has one set of tensors

    def run(values: dict[str, np.ndarray]) -> list[np.ndarray]:
        with busy:
            found = step(**values)
        return [found[name] for name in OUTPUTS if name in found]

    return run
