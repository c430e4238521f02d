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
