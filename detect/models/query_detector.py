"""What detectors with queries share: each query stands for a box, and queries do not compete."""

from typing import Any

import tensorflow as tf

from detect.models.detector import Detector
from detect.ops.boxes import clip
from detect.ops.ranking import best_detections
from detect.ops.relative_boxes import to_pixels
from detect.structures import Candidates, Detections


class QueryDetector(Detector):
    """A detector whose outputs have `class_logits` [B, Q, K] and `boxes` [B, Q, 4], relative boxes, of its queries."""

    def candidates(self, outputs: dict[str, Any]) -> Candidates:
        """Return the boxes of all queries, clipped to the image without padding, and their scores."""
        boxes = to_pixels(outputs["boxes"], *outputs["size"])
        return Candidates(clip(boxes, outputs["extents"]), tf.sigmoid(outputs["class_logits"]))

    def decode(self, outputs: dict[str, Any], confidence=None, iou=None) -> Detections:
        """Return the best pairs of query and class. A query may be several detections, of different classes."""
        return best_detections(
            *self.candidates(outputs),
            confidence=self.config.confidence if confidence is None else confidence,
            max_detections=self.config.max_detections,
            runtime=self.runtime,
        )


def side_by_side(levels: list[tf.Tensor]) -> tuple[tf.Tensor, list[tuple[int, int]]]:
    """Return the tokens of all `levels` [B, h, w, D] side by side, [B, S, D], and height and width of each level."""
    sizes = [(level.shape[1], level.shape[2]) for level in levels]
    tokens = [
        tf.reshape(level, [-1, height * width, level.shape[3]])
        for level, (height, width) in zip(levels, sizes, strict=True)
    ]
    return tf.concat(tokens, axis=1), sizes
