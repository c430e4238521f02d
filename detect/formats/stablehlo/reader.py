"""Run a model by JAX, whose XLA compiles it for the processor, GPU or TPU that JAX finds."""

from pathlib import Path

import jax
import numpy as np

from detect.artefacts.artefact_backend import Run
from detect.errors import BadInput


def open_file(path: Path) -> Run:
    """See `Reader`. The model is compiled at its first call."""
    try:
        step = jax.jit(jax.export.deserialize(bytearray(path.read_bytes())).call)
    except Exception as error:  # of the flat buffers' reader, which have no class in common
        reason = str(error).strip().splitlines()[-1] if str(error) else type(error).__name__
        raise BadInput(f"{path} cannot be run by JAX: {reason} Copy it again, or export it again.") from None
    return lambda values: [np.asarray(part) for part in step(*values.values())]
