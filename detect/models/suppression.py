"""The suppression of a model's boxes, for programs that do it in its place. Importing this does not need TensorFlow."""

from detect.config import Settings


class Suppression(Settings):
    """Rules that choose detections from candidates: within each class, a box suppresses worse ones that overlap it."""

    max_detections: int
    """The largest number of detections per image."""
    candidates: int | None = None
    """How many pairs of box and class enter, the best by score; null for all."""
    clips_first: bool = True
    """Whether boxes are clipped to the image, without its padding, before they compete, or after."""
    soft_sigma: float | None = None
    """Scores are multiplied by `exp(-IoU ** 2 / sigma)`; null where boxes that overlap more than `iou` are dropped."""
