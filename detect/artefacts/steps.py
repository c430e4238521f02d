"""The steps of a detector that exports hold, besides its predict step."""

from typing import Any

import tensorflow as tf

from detect.models.detector import Detector
from detect.models.predict_step import Decode
from detect.ops.boxes import clip
from detect.ops.nms import combined_suppression
from detect.structures import Candidates, Detections


def combined_decode(detector: Detector) -> Decode:
    """Return a `decode` in which suppression is a single operation on all candidates.

    It is the detector's own where boxes do not compete, or where their scores are lowered.
    """
    rules = detector.suppression
    if rules is None or rules.soft_sigma is not None:
        return detector.decode

    def decode(outputs: dict[str, Any], confidence: tf.Tensor, iou: tf.Tensor) -> Detections:
        limits = {"iou": iou, "confidence": confidence, "max_detections": rules.max_detections}
        found = combined_suppression(*detector.candidates(outputs), **limits)
        return found if rules.clips_first else found._replace(boxes=clip(found.boxes, outputs["extents"]))

    return decode


def candidates_step(
    detector: Detector, canvas: tuple[int, int], dtype: tf.DType, batch: int | None, xla: bool
) -> tf.types.experimental.PolymorphicFunction:
    """Return a step that ends before suppression: `detector.candidate_inputs` to `Candidates`.

    Args:
        detector: with its weights.
        canvas: height and width of the images.
        dtype: of the images.
        batch: images of a call; None for any number.
        xla: whether XLA compiles it.
    """

    def step(images: tf.Tensor, extents: tf.Tensor | None = None) -> Candidates:
        return detector.candidates(detector(images, training=False, extents=extents))

    specifications = {
        "images": tf.TensorSpec([batch, *canvas, 3], dtype, name="images"),
        "extents": tf.TensorSpec([batch, 2], tf.float32, name="extents"),
    }
    signature = [specifications[name] for name in detector.candidate_inputs]
    return tf.function(step, input_signature=signature, autograph=False, jit_compile=xla)
