"""Write one SavedModel for all sizes, for TensorFlow Serving and for programs that have only TensorFlow.

Its signatures:

- `serving_default` takes encoded images: `image_bytes`, string [B], whole JPEG or PNG files of any sizes. It returns
  `boxes` float32 [B, D, 4] in pixels of each upright image, clipped to it, `scores` float32 [B, D], `labels` int32
  [B, D], -1 for padding, and `class_names` string [B, D], empty for padding. Scores are above 0.25, or above what the
  card gives for their class, and boxes of one class overlap by no more than the model's `iou`.
- `images_HEIGHTxWIDTH`, one for each canvas, are the predict step: `INPUTS` to `OUTPUTS` in pixels of the canvas.

Where suppression is left to the client, only the latter are written.
"""

import keras
import numpy as np
import tensorflow as tf

from detect.artefacts.format import Canvas
from detect.artefacts.job import Job
from detect.artefacts.saved_model import remove_gradient_names
from detect.files import write_text
from detect.formats.savedmodel import signature_name
from detect.formats.savedmodel.encoded_images import read_images
from detect.models.card import least_scores
from detect.models.predict_step import with_weights

TEXTS = "assets.extra"  # the folder of a SavedModel for files that are not TensorFlow's


def write(job: Job) -> None:
    """See `Writer`. All signatures share one set of weights."""
    job = job.built_for("portable")
    served = tf.Module()
    served.weights = [tf.Variable(_in_precision(job, weight), trainable=False) for weight in job.detector.weights]
    steps = {canvas: _images_step(job, served.weights, canvas) for canvas in job.export.canvases}
    square, *_ = job.export.canvases
    signatures = {signature_name(*canvas): step for canvas, step in steps.items()}
    if job.export.suppression is None:
        signatures["serving_default"] = _bytes_step(job, steps[square])
    [folder] = job.paths
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(served, str(folder), signatures, options)
    remove_gradient_names(folder)


def label(job: Job) -> None:
    """Write each text to `NAME.json` in `TEXTS`."""
    [model] = job.paths
    folder = model / TEXTS
    for name, text in job.texts.items():
        write_text(folder / f"{name}.json", text)


def _in_precision(job: Job, weight: keras.Variable) -> tf.Tensor:
    """Return the value as it is stored.

    Vectors stay float32: they are small, and variances may exceed the range of float16.
    """
    return tf.cast(weight.value, job.precision if len(weight.shape) > 1 else weight.dtype)


def _images_step(job: Job, weights: list[tf.Variable], canvas: Canvas) -> tf.types.experimental.PolymorphicFunction:
    """Return the predict step for a canvas with the stored weights in place of the detector's."""
    step = with_weights(job.step(canvas), job.detector, weights)

    def images_step(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return step.python_function(*inputs)._asdict()

    return tf.function(images_step, step.input_signature, autograph=False)


def _bytes_step(
    job: Job, images_step: tf.types.experimental.PolymorphicFunction
) -> tf.types.experimental.PolymorphicFunction:
    """Return a function from encoded images to their detections, which runs the step for squares."""
    names = tf.constant(["", *job.card.classes])
    least = least_scores(job.card)
    thresholds = tf.constant(least.min()), tf.constant(job.export.iou)

    def bytes_step(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        placed = read_images(image_bytes, job.card.fit, job.card.image_size, job.dtype)
        found = _above(images_step(placed.images, placed.extents, *thresholds), least)
        boxes = placed.to_source(found["boxes"])
        return {**found, "boxes": boxes, "class_names": tf.gather(names, found["labels"] + 1)}

    return tf.function(bytes_step, [tf.TensorSpec([job.export.batch], tf.string, "image_bytes")], autograph=False)


def _above(found: dict[str, tf.Tensor], least: np.ndarray) -> dict[str, tf.Tensor]:
    """Return the detections that score above the `least` [K] of their class, still best first, then padding."""
    labels = found["labels"]
    stays = (labels >= 0) & (found["scores"] > tf.gather(least, tf.maximum(labels, 0)))
    order = tf.argsort(tf.cast(~stays, tf.int32), axis=1, stable=True)
    boxes, scores, labels, stays = (
        tf.gather(values, order, batch_dims=1) for values in (found["boxes"], found["scores"], labels, stays)
    )
    return {
        "boxes": tf.where(stays[..., None], boxes, 0.0),
        "scores": tf.where(stays, scores, 0.0),
        "labels": tf.where(stays, labels, -1),
    }
