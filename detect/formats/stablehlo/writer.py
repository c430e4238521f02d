"""Detectors as StableHLO: the whole predict step, non-maximum suppression and thresholds included, for XLA anywhere.

A file is what `jax.export` writes: StableHLO in its portable form, which later versions read too, with the shapes of
its inputs and outputs. `jax.export.deserialize(...).mlir_module()` is its text, for other compilers.
"""

import jax
from jax import export
from jax.experimental import jax2tf

from detect.artefacts.artefact_backend import model_file
from detect.artefacts.job import Job
from detect.files import write_bytes
from detect.formats.stablehlo.reader import SUFFIX

# It is traced on this machine, but has nothing in it that is for its processor.
ANYWHERE = {"platforms": ["cpu"], "disabled_checks": [export.DisabledSafetyCheck.platform()]}


def write(job: Job) -> None:
    """See `detect.export.export_run`."""
    for canvas in job.export.canvases:
        step = job.step(canvas, xla=True)
        of_jax = jax2tf.call_tf(step, has_side_effects=False)
        exported = export.export(jax.jit(lambda *values, call=of_jax: tuple(call(*values))), **ANYWHERE)
        specification = [jax.ShapeDtypeStruct(spec.shape, spec.dtype.as_numpy_dtype) for spec in step.input_signature]
        write_bytes(model_file(job.folder, *canvas, SUFFIX), exported(*specification).serialize())


def label(job: Job) -> None:
    """See `detect.export.export_run`. The format has no place for texts."""
