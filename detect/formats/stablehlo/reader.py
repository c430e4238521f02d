"""Run a model by JAX, whose XLA compiles it for the processor, GPU or TPU that JAX finds."""

from pathlib import Path

import jax
import numpy as np

from detect.artefacts.artefact_backend import Run
from detect.artefacts.format import unusable


def open_file(path: Path) -> Run:
    """See `Reader`. The model is compiled at its first call."""
    try:
        step = jax.jit(jax.export.deserialize(bytearray(path.read_bytes())).call)
    except Exception as error:  # of the flat buffers' reader, which have no class in common
        raise unusable(path, "JAX", error) from None
    return lambda values: [np.asarray(part) for part in step(*values.values())]
