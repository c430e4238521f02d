"""The losses that this project has for the predictions of `drawn_queries`."""

import drawn_queries as drawn
import numpy as np
import tensorflow as tf

from detect.models.query_losses import Distances, Predictions, QueryLoss, query_losses
from detect.ops.denoising import NoisyQueries, noisy_queries
from detect.ops.distributions import weighting_values
from detect.ops.relative_boxes import from_pixels
from detect.structures import Targets

CASES = {
    "dfine": QueryLoss("varifocal", union=True),
    "deim": QueryLoss("matchability", union=True, late=True),
    "deim_late": QueryLoss("matchability", union=True, late=True),
    "deim_without_union": QueryLoss("matchability"),
    "rtdetr": QueryLoss("varifocal"),
    "rfdetr": QueryLoss("iou", groups=3),
}
DISTANCES = Distances(weighting_values(drawn.VALUES, 0.5, drawn.SCALE), drawn.SCALE)


def drawn_targets() -> Targets:
    """The true boxes of `drawn`, with a padded row before them."""
    boxes, labels = np.zeros([3, 5, 4], np.float32), np.full([3, 5], -1, np.int32)
    for image, rows in enumerate(drawn.BOXES):
        boxes[image, 1 : len(rows) + 1] = np.reshape(rows, [-1, 4])
        labels[image, 1 : len(rows) + 1] = drawn.LABELS[image]
    return Targets(tf.constant(boxes), tf.constant(labels), tf.zeros([3, 5], tf.bool))


def drawn_noise(targets: Targets) -> NoisyQueries:
    boxes = from_pixels(targets.boxes, *drawn.SIZE)
    return noisy_queries(
        boxes, targets.labels, targets.labels >= 0, drawn.draw()["luck"], most=4, classes=drawn.CLASSES
    )


def losses_of(case: str, values: dict[str, tf.Tensor], targets: Targets, noise: NoisyQueries) -> dict[str, tf.Tensor]:
    settings = CASES[case]
    first = 0 if case.startswith(("dfine", "deim")) else 1  # whether the first layer speaks before its distributions
    corners = values["corners"] if "corners" in values and settings.union else None
    noise_of_case = None if case == "rfdetr" else noise

    def denoising_first(rows: tf.Tensor) -> tf.Tensor:
        places = rows[..., drawn.QUERIES :, :] if noise_of_case else rows[..., :0, :]
        return tf.concat([places, rows[..., : drawn.QUERIES, :]], axis=-2)

    predictions = Predictions(
        denoising_first(values["logits"][first:]),
        denoising_first(values["boxes"][first:]),
        None if corners is None else denoising_first(corners),
        denoising_first(values["references"]),
    )
    return query_losses(
        settings,
        predictions,
        targets,
        drawn.SIZE,
        proposals=Predictions(values["proposed_logits"][None], values["proposed_boxes"][None]),
        noise=noise_of_case,
        distances=None if corners is None else DISTANCES,
        closing=float(case == "deim_late"),
    )
