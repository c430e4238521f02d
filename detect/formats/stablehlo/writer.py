"""Write the whole predict step, suppression and thresholds included, as StableHLO for any XLA.

A file is what `jax.export` writes: StableHLO in its portable form, which later versions also read, with the shapes of
its inputs and outputs. `jax.export.deserialize(...).mlir_module()` returns its text for other compilers.
"""

import contextlib
import logging
from collections.abc import Iterator

import jax
from absl import logging as absl_logging
from jax import export
from jax.experimental import jax2tf

from detect.artefacts.job import Job
from detect.files import write_bytes

# It is traced on this machine, but contains nothing specific to its processor.
ANYWHERE = {"platforms": ["cpu"], "disabled_checks": [export.DisabledSafetyCheck.platform()]}
ADVICE = "call_tf works best with a TensorFlow function that does not capture variables"


def write(job: Job) -> None:
    """See `Writer`."""
    for canvas in job.export.canvases:
        step = job.step(canvas, xla=True)
        jax_step = jax2tf.call_tf(step, has_side_effects=False)
        exported = export.export(jax.jit(lambda *values, call=jax_step: tuple(call(*values))), **ANYWHERE)
        specification = [jax.ShapeDtypeStruct(spec.shape, spec.dtype.as_numpy_dtype) for spec in step.input_signature]
        with _without_advice():
            content = exported(*specification).serialize()
        write_bytes(job.path(canvas), content)


def label(job: Job) -> None:
    """Do nothing: the format has no place for texts."""


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Leave one warning out of the log, which names all weights: that they are captured, and become constants.

    They are meant to. As constants of TensorFlow's graph they would go without the warning, but RetinaNet-R50 would
    take 2 GB more memory to export.
    """

    def is_other(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(ADVICE)

    logger = absl_logging.get_absl_logger()
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)
