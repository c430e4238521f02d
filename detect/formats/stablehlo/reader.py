"""A detector exported as StableHLO, compiled by XLA through JAX for the processor, GPU or TPU that JAX finds."""

from pathlib import Path

import jax
import numpy as np

from detect.artefacts.artefact_backend import ArtefactBackEnd, Run, model_file
from detect.artefacts.export_card import ExportCard
from detect.errors import BadInput

SUFFIX = ".stablehlo"


def open_folder(folder: Path, card: ExportCard) -> ArtefactBackEnd:
    """What runs the artefact in this folder."""
    return ArtefactBackEnd(card, lambda height, width: open_file(model_file(folder, height, width, SUFFIX)))


def open_file(path: Path) -> Run:
    """The step in a file; it is compiled at its first call."""
    try:
        step = jax.jit(jax.export.deserialize(bytearray(path.read_bytes())).call)
    except Exception as error:  # of the reader of flat buffers, with no class in common
        reason = str(error).strip().splitlines()[-1] if str(error) else type(error).__name__
        raise BadInput(f"{path} cannot be run by JAX: {reason} Copy it again, or export it again.") from None
    return lambda values: [np.asarray(part) for part in step(*values.values())]
