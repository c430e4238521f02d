"""The predict step of a detector as a graph with its weights in it, which is what converters take."""

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from detect.inference.artefact_backend import INPUTS
from detect.inference.tensorflow_backend import predict_step
from detect.models.detector import Detector
from detect.ops.compiling import tracing_for_export


def frozen_step(
    detector: Detector, canvas: tuple[int, int], dtype: tf.DType, batch: int | None = None, plain: bool = False
):
    """The step for images of one height and width, as a concrete function.

    Its inputs are `INPUTS` in order, `batch` images or any number, and its outputs `OUTPUTS`. Suppression is one
    `CombinedNonMaxSuppression`; `plain` is for runtimes that know no such thing: one image, the simplest operations.
    """
    with tracing_for_export("plain" if plain else "whole"):
        step = predict_step(detector, *canvas, dtype, batch=batch).get_concrete_function()
    frozen = convert_variables_to_constants_v2(step)
    assert tuple(tensor.op.name for tensor in frozen.inputs) == INPUTS
    return frozen
