"""Write the whole predict step, suppression and thresholds included, as StableHLO for any XLA.

A file is what `jax.export` writes: StableHLO in its portable form, which later versions also read, with the shapes of
its inputs and outputs. `jax.export.deserialize(...).mlir_module()` returns its text for other compilers.
"""

import jax
from jax import export
from jax.experimental import jax2tf

from detect.artefacts.job import Job
from detect.files import write_bytes

# It is traced on this machine, but contains nothing specific to its processor.
ANYWHERE = {"platforms": ["cpu"], "disabled_checks": [export.DisabledSafetyCheck.platform()]}


def write(job: Job) -> None:
    """See `Writer`."""
    for canvas in job.export.canvases:
        step = job.step(canvas, xla=True)
        jax_step = jax2tf.call_tf(step, has_side_effects=False)
        exported = export.export(jax.jit(lambda *values, call=jax_step: tuple(call(*values))), **ANYWHERE)
        specification = [jax.ShapeDtypeStruct(spec.shape, spec.dtype.as_numpy_dtype) for spec in step.input_signature]
        write_bytes(job.path(canvas), exported(*specification).serialize())


def label(job: Job) -> None:
    """Do nothing: the format has no place for texts."""
