"""Denoising queries of a training step: true boxes with noise that follows from the seed, the step and the image."""

import tensorflow as tf

from detect.ops.compiling import dimension
from detect.ops.denoising import DRAWS, NoisyQueries, noisy_queries
from detect.ops.relative_boxes import from_pixels
from detect.ops.replicas import sum_over_replicas
from detect.structures import Targets


def draw_noisy_queries(
    targets: Targets,
    size: tuple[int, int],
    seed: tf.Tensor,
    *,
    pairs: int,
    classes: int,
    label_noise: float = 0.5,
    box_noise: float = 1.0,
) -> NoisyQueries:
    """Return the denoising queries of this replica's images, 2 * `pairs` for each, whatever the batch.

    There are as many groups as the largest number of boxes in an image allows, of the whole batch. Noise is drawn for
    the whole batch too, of which each replica takes its images, so that several replicas equal one.

    Args:
        targets: the truth.
        size: height and width of the images, pixels.
        seed: integers [2] of this step, see `SamplingSeed`.
        pairs: positive queries and as many negative ones; boxes of an image beyond as many have none.
        classes: K.
        label_noise: as of `noisy_queries`.
        box_noise: as of `noisy_queries`.
    """
    real = (targets.labels >= 0) & ~targets.ignore
    return noisy_queries(
        from_pixels(targets.boxes, *size),
        targets.labels,
        real,
        _luck(dimension(real, 0), 2 * pairs, seed),
        most=_largest_number(real, pairs),
        classes=classes,
        label_noise=label_noise,
        box_noise=box_noise,
    )


def _luck(images, places: int, seed: tf.Tensor) -> tf.Tensor:
    """Return random numbers in 0..1 for the images of this replica, [images, places, DRAWS]."""
    replica = tf.distribute.get_replica_context()
    count = replica.num_replicas_in_sync if replica else 1
    # "auto" differs under XLA
    luck = tf.random.stateless_uniform([count * images, places, DRAWS], seed, alg="philox")
    if count == 1:
        return luck
    first = tf.cast(replica.replica_id_in_sync_group, tf.int32) * images
    return luck[first : first + images]


def _largest_number(real: tf.Tensor, limit: int) -> tf.Tensor:
    """Return the largest number of true boxes of an image, `limit` at most, in the whole batch, of all replicas."""
    own = tf.reduce_max(tf.math.count_nonzero(real, axis=1, dtype=tf.int32), axis=0)
    found = sum_over_replicas(tf.one_hot(tf.minimum(own, limit), limit + 1))  # a maximum cannot be asked for
    return tf.reduce_max(tf.where(found > 0, tf.range(limit + 1), 0))
