"""The largest of rows of numbers, found by counting: for accelerators, which compare all pairs of a thousand numbers in
the time of a few steps of a sort.

Equal numbers rank by position, so the results are those of `tf.math.top_k`.
"""

import numpy as np
import tensorflow as tf

from detect.ops.compiling import dimension

BLOCK = 32  # numbers that a row is looked through in, at first
SHORT = 2048  # numbers of a row of which all pairs are compared
BITS, BITS_OF_LONG = 8, 4  # that one pass over a row finds of its `count`-th largest number
LONG = 16_384  # numbers of a long row


def ranks(values: tf.Tensor) -> tf.Tensor:
    """Return how many numbers of its row come before each of `values` [..., n], the largest first: int32 [..., n]."""
    place = tf.range(dimension(values, -1))
    other, own = values[..., :, None], values[..., None, :]
    before = (other > own) | ((other == own) & (place[:, None] < place))
    return tf.reduce_sum(tf.cast(before, tf.int32), axis=-2)


def at_ranks(values: tf.Tensor, order: tf.Tensor, count: int) -> tf.Tensor:
    """Return the `values` [..., n] whose `order`, int32 [..., n], is 0 to `count` - 1; 0 where there is none."""
    chosen = order[..., None, :] == tf.range(count)[:, None]  # [..., count, n]
    return tf.reduce_sum(tf.where(chosen, values[..., None, :], tf.zeros([], values.dtype)), axis=-1)


def order_of_rows(values: tf.Tensor) -> tf.Tensor:
    """Return the positions of the numbers of each row of `values` [..., n], the largest first: int32 [..., n]."""
    length = values.shape[-1]
    if length is None or length > SHORT:
        return tf.math.top_k(values, dimension(values, -1)).indices
    return largest_of_short_rows(values, length)


def largest_of_short_rows(values: tf.Tensor, count: int) -> tf.Tensor:
    """Return the positions of the `count` largest of each row of `values` [..., n], in order: int32 [..., count]."""
    return at_ranks(tf.range(dimension(values, -1)), ranks(values), count)


def few_largest(values: tf.Tensor, count: int) -> tf.Tensor:
    """Return what `largest_of_short_rows` does, for a small `count` and long rows of finite values.

    The largest are in those `count` blocks of a row whose own largest are largest.
    """
    length = values.shape[-1]
    if length <= 2 * count * BLOCK:
        return largest_of_short_rows(values, count)
    number = -(-length // BLOCK)
    spare = [[0, 0]] * (values.shape.rank - 1)
    values = tf.pad(values, [*spare, [0, number * BLOCK - length]], constant_values=-np.inf)
    blocks = tf.reshape(values, [*(dimension(values, axis) for axis in range(values.shape.rank - 1)), number, BLOCK])
    chosen = ranks(tf.reduce_max(blocks, axis=-1)) < count
    place = tf.cumsum(tf.cast(chosen, tf.int32), axis=-1) - 1
    chosen = at_ranks(tf.range(number), tf.where(chosen, place, -1), count)  # in the order of the row
    few = tf.gather(blocks, chosen, axis=-2, batch_dims=blocks.shape.rank - 2)  # [..., count, BLOCK]
    few = tf.reshape(few, [*(dimension(few, axis) for axis in range(few.shape.rank - 2)), count * BLOCK])
    found = largest_of_short_rows(few, count)
    return tf.gather(chosen, found // BLOCK, batch_dims=chosen.shape.rank - 1) * BLOCK + found % BLOCK


def positions_of_largest(values: tf.Tensor, count: int) -> tf.Tensor:
    """Return the positions of the `count` largest of each row of `values` [B, n], lowest position first.

    int32 [B, count].
    """
    keys, images, length = _ordered_integers(values), dimension(values, 0), dimension(values, 1)
    least = _least_of_largest(keys, count)[:, None]
    above, equal = tf.unstack(tf.cumsum(tf.cast(tf.stack([keys > least, keys == least]), tf.int32), axis=2))
    room = count - above[:, -1:]  # for those that equal the least
    taken = (keys > least) | ((keys == least) & (equal <= room))
    place = tf.range(length)
    # Each number has a place of its own, or all that are not taken would wait for each other to be written.
    spot = tf.where(taken, above + tf.minimum(equal, room) - 1, count + place)
    image = tf.broadcast_to(tf.range(images)[:, None], tf.shape(spot))
    places = tf.broadcast_to(place, tf.shape(spot))
    return tf.scatter_nd(tf.stack([image, spot], axis=-1), places, [images, count + length])[:, :count]


def _ordered_integers(values):
    """Return integers int32 that are in the order of `values` float32."""
    bits = tf.bitcast(tf.where(values == 0, 0.0, values), tf.int32)  # -0 equals 0
    return tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, 0x7FFFFFFF), bits)


def _least_of_largest(keys, count):
    """Return the `count`-th largest of each row of `keys` int32 [B, n], found some bits at a time: [B]."""
    length = dimension(keys, 1)
    bits = BITS_OF_LONG if isinstance(length, int) and length > LONG else BITS
    least = tf.fill([dimension(keys, 0)], tf.int32.min)
    for shift in range(32 - bits, -1, -bits):
        steps = (np.arange(1, 2**bits, dtype=np.uint32) << np.uint32(shift)).view(np.int32)  # may wrap around
        reached = keys[:, :, None] >= (least[:, None] + steps)[:, None]
        enough = tf.reduce_sum(tf.cast(reached, tf.int32), axis=1) >= count
        least += tf.reduce_sum(tf.cast(enough, tf.int32), axis=1) * np.uint32(1 << shift).view(np.int32)
    return least
