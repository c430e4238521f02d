"""Detectors for LiteRT (TensorFlow Lite): the whole predict step in operations that every build of it has."""

import tempfile
import zipfile
from pathlib import Path

import tensorflow as tf

from detect.errors import RunFailure
from detect.exporting.freezing import frozen_step
from detect.inference.artefact import Precision
from detect.inference.artefact_backend import OUTPUTS, model_file
from detect.inference.litert_backend import SUFFIX
from detect.models.detector import Detector


def write(
    detector: Detector,
    folder: Path,
    canvas: tuple[int, int],
    dtype: tf.DType,
    precision: Precision,
    metadata: dict[str, str],
) -> None:
    """The predict step for one image of one height and width, as `model_file`.

    Args:
        dtype: of the image.
        precision: of the weights in the file, which float16 halves; computation is in float32.
        metadata: texts that the file carries: behind the model it is a zip archive with a `NAME.json` for each, where
            TensorFlow Lite's own tools look for such files.

    Raises:
        RunFailure: LiteRT has no operation for something in this detector.
    """
    frozen = frozen_step(detector, canvas, dtype, plain=True)
    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, tensor.op.name) for tensor in frozen.inputs]
    step = tf.function(lambda *values: dict(zip(OUTPUTS, frozen(*values), strict=True)), signature, autograph=False)
    with tempfile.TemporaryDirectory() as saved:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(tf.Module(), saved, step.get_concrete_function(), options)
        model = _converted(saved, precision)
    path = model_file(folder, *canvas, SUFFIX)
    path.write_bytes(model)
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in metadata.items():
            archive.writestr(f"{name}.json", text)


def _converted(saved: str, precision: Precision) -> bytes:
    """The saved model in this folder as LiteRT has it."""
    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]  # never "Flex", which needs TensorFlow
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        return converter.convert()
    except Exception as error:  # the converter's own class has no public name
        raise RunFailure(f"LiteRT cannot run all of this detector: {str(error).strip().splitlines()[-1]}") from None
