"""The predict step of a detector as a graph with its weights in it, which is what converters take; and one that ends
before suppression."""

import tensorflow as tf

from detect.models.detector import Detector
from detect.ops.compiling import tracing_for_export
from detect.ops.tensorflow_internals import convert_variables_to_constants_v2
from detect.structures import Candidates


def frozen(step: tf.types.experimental.PolymorphicFunction, plain: bool = False):
    """The step as a concrete function.

    Suppression is one `CombinedNonMaxSuppression`; `plain` is for runtimes that know no such thing: one image, the
    simplest operations.
    """
    with tracing_for_export("plain" if plain else "whole"):
        return convert_variables_to_constants_v2(step.get_concrete_function())


def candidates_step(
    detector: Detector, canvas: tuple[int, int], dtype: tf.DType, batch: int | None, xla: bool
) -> tf.types.experimental.PolymorphicFunction:
    """As `predict_step`, without suppression: images, and extents where they matter, to `Candidates`."""

    def step(images: tf.Tensor, extents: tf.Tensor | None = None) -> Candidates:
        return detector.candidates(detector(images, training=False, extents=extents))

    images = tf.TensorSpec([batch, *canvas, 3], dtype, name="images")
    extents = [tf.TensorSpec([batch, 2], tf.float32, name="extents")] if detector.extents_matter else []
    return tf.function(step, input_signature=(images, *extents), autograph=False, jit_compile=xla)
