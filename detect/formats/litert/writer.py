"""Write the whole predict step in operations that every build of LiteRT has."""

import tempfile
import zipfile
from pathlib import Path

import tensorflow as tf

from detect.artefacts.export_card import OUTPUTS
from detect.artefacts.format import Canvas, Precision
from detect.artefacts.job import Job
from detect.artefacts.network import Network
from detect.artefacts.saved_model import remove_gradient_names
from detect.errors import RunFailure
from detect.formats.litert.network import FloatNetwork


def write(job: Job) -> None:
    """See `Writer`."""
    job = job.built_for("minimal")
    for canvas in job.export.canvases:
        network(job, canvas).write(job.path(canvas), job.kept)


def network(job: Job, canvas: Canvas) -> Network:
    """See `Writer`."""
    model = _converted(job.built_for("minimal").frozen_step(canvas), job.precision)
    if job.precision not in ("int8", "int8-weights"):
        return FloatNetwork(model)
    from detect.formats.litert.int8 import int8_network, weights_network

    return int8_network(model, job.calibration_inputs(canvas)) if job.precision == "int8" else weights_network(model)


def label(job: Job) -> None:
    """Append a zip archive to each model, with a `NAME.json` for each text.

    This is where TensorFlow Lite's own tools look for associated files.
    """
    for path in job.paths:
        with zipfile.ZipFile(path, "a") as archive:
            for name, text in job.texts.items():
                archive.writestr(f"{name}.json", text)


def _converted(step, precision: Precision) -> bytes:
    """Return the step as a LiteRT model whose outputs have names."""
    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, tensor.op.name) for tensor in step.inputs]
    served = tf.function(lambda *values: dict(zip(OUTPUTS, step(*values), strict=False)), signature, autograph=False)
    with tempfile.TemporaryDirectory() as saved:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(tf.Module(), saved, served.get_concrete_function(), options)
        remove_gradient_names(Path(saved))
        return _converted_folder(saved, precision)


def _converted_folder(saved: str, precision: Precision) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]  # never "Flex", which needs TensorFlow
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        return converter.convert()
    except Exception as error:  # the converter's own class has no public name
        raise RunFailure(f"LiteRT cannot run all of this detector: {str(error).strip().splitlines()[-1]}") from None
