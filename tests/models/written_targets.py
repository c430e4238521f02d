"""Targets and geometry of images for the tests of this folder."""

import numpy as np
import tensorflow as tf

from detect.structures import Targets


def truth(*images: list[tuple[list[float], int, bool]]) -> Targets:
    """Return the targets of images, each a list of (box, label, ignore), padded to one more row than needed."""
    rows = 1 + max(len(image) for image in images)
    boxes = np.zeros([len(images), rows, 4], np.float32)
    labels = np.full([len(images), rows], -1, np.int32)
    ignore = np.zeros([len(images), rows], bool)
    for position, image in enumerate(images):
        for row, (box, label, skip) in enumerate(image):
            boxes[position, row], labels[position, row], ignore[position, row] = box, label, skip
    return Targets(tf.constant(boxes), tf.constant(labels), tf.constant(ignore))


def sizes(height: int, width: int) -> dict:
    """Return the entries of outputs that describe images without padding."""
    return {"size": (height, width), "extents": tf.constant([[height, width]], tf.float32)}
