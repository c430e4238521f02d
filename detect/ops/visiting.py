"""Visits of the true boxes of a batch by operations that decide which of them an anchor or point learns."""

from collections.abc import Callable

import tensorflow as tf

from detect.ops.compiling import Runtime, dimension, on_accelerator
from detect.ops.selection import few_largest

AT_ONCE = 100  # boxes that an accelerator visits in one turn
TURNS = 2  # that an accelerator makes sooner than it asks the host how many are needed


def visit_boxes(
    visit: Callable[..., tuple[tf.Tensor, ...]],
    start: tuple[tf.Tensor, ...],
    boxes: tf.Tensor,
    labels: tf.Tensor,
    ignore: tf.Tensor,
    *,
    runtime: Runtime = "local",
) -> tuple[tf.Tensor, ...]:
    """Return what is known when all true boxes of a batch have been visited.

    On a CPU boxes are visited one after the other, on an accelerator, which waits for the host at each turn of a loop,
    many at a time, and without a loop where there are few. So no tensor of B * N * A is made, and where there are many,
    time grows with the number of boxes without the padding.

    Args:
        visit: takes the numbers [n] of some boxes, the boxes [B, n, 4], their labels [B, n], whether they are real and
            whether they are ignored, bool [B, n, 1] each, and what is known so far; returns what is known then.
        start: what is known at first.
        boxes: [B, N, 4].
        labels: [B, N], -1 in padded rows.
        ignore: bool [B, N].
        runtime: what will run it.

    Returns:
        Tensors like those of `start`.
    """
    count = dimension(labels, 1)
    if on_accelerator(runtime) and isinstance(count, int) and 0 < count <= TURNS * AT_ONCE:
        turns = -(-count // AT_ONCE)
        size = -(-count // turns)
        turn = _turn(visit, size, *_with_rows(boxes, labels, ignore, turns * size - count))
        known = 0, *start
        for _ in range(turns):
            known = turn(*known)
        return known[1:]
    size = AT_ONCE if on_accelerator(runtime) else 1
    boxes, labels, ignore = with_spare_row(boxes, labels, ignore, size)
    used = _used_rows(labels, ignore)
    return tf.while_loop(lambda n, *_: n < used, _turn(visit, size, boxes, labels, ignore), (0, *start))[1:]


def _turn(visit, size, boxes, labels, ignore):
    """Return a function that visits `size` boxes from number n on: n and what is known, to the next n and the same."""
    rows = boxes, labels, ((labels >= 0) & ~ignore)[..., None], ignore[..., None]

    def turn(n, *known):
        numbers = n + tf.range(size)
        return n + size, *visit(numbers, *(tf.gather(values, numbers, axis=1) for values in rows), *known)

    return turn


def with_spare_row(
    boxes: tf.Tensor, labels: tf.Tensor, ignore: tf.Tensor, multiple: int = 1
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the true boxes of a batch with more padded rows, at least one.

    XLA refuses a loop over rows where there are none.

    Args:
        boxes: [B, N, 4].
        labels: [B, N], -1 in padded rows.
        ignore: bool [B, N].
        multiple: of which the number of rows is one then.

    Returns:
        boxes [B, n, 4], labels [B, n] and ignore [B, n].
    """
    return _with_rows(boxes, labels, ignore, multiple - dimension(labels, 1) % multiple)


def _with_rows(boxes, labels, ignore, count):
    """Return the true boxes of a batch with `count` more padded rows."""
    rows = [[0, 0], [0, count]]
    return tf.pad(boxes, [*rows, [0, 0]]), tf.pad(labels, rows, constant_values=-1), tf.pad(ignore, rows)


def _used_rows(labels, ignore):
    """Return how many rows of `labels` [B, N] have to be visited: those up to the last that any image uses."""
    used = tf.reduce_any((labels >= 0) | ignore, axis=0)
    return tf.reduce_max(tf.where(used, tf.range(1, dimension(labels, 1) + 1), 0))


def largest_in_rows(
    values: tf.Tensor, count: int | tf.Tensor, *, runtime: Runtime = "local"
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the `count` largest of each row of finite values [B, n, A], in order, and their positions.

    Both are [B, n, count].
    """
    if on_accelerator(runtime) and isinstance(count, int) and values.shape[2] is not None:
        position = few_largest(values, count)
        return tf.gather(values, position, batch_dims=2), position
    shape = [dimension(values, 0), dimension(values, 1)]
    table = tf.reshape(values, [shape[0] * shape[1], dimension(values, 2)])  # XLA's fast way is for two dimensions
    found = tf.math.top_k(table, count)
    return tf.reshape(found.values, [*shape, count]), tf.reshape(found.indices, [*shape, count])


def scatter_in_rows(positions: tf.Tensor, values: tf.Tensor, length: int | tf.Tensor) -> tf.Tensor:
    """Return rows [B, n, length] of zeros with `values` [B, n, C] at their `positions` int32 [B, n, C]."""
    shape = tf.shape(positions)
    image, row = (tf.broadcast_to(x, shape) for x in (tf.range(shape[0])[:, None, None], tf.range(shape[1])[:, None]))
    places = tf.stack([image, row, positions], axis=-1)
    return tf.scatter_nd(places, values, [dimension(positions, 0), dimension(positions, 1), length])
