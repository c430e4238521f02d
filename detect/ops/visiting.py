"""How operations that decide which true box an anchor or point learns look at the true boxes of a batch."""

from collections.abc import Callable

import tensorflow as tf

from detect.ops.compiling import dimension, on_accelerator

AT_ONCE = 64  # boxes that an accelerator visits in one turn


def visit_boxes(
    visit: Callable[..., tuple[tf.Tensor, ...]],
    start: tuple[tf.Tensor, ...],
    boxes: tf.Tensor,
    labels: tf.Tensor,
    ignore: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """What is known when all true boxes [B, N, 4] have been visited.

    Args:
        visit: takes the numbers [n] of some boxes, them [B, n, 4], their labels [B, n] and whether they are real and
            whether ignored, bool [B, n, 1] each, and what is known so far; returns what is known then.
        start: what is known at first.
        boxes: [B, N, 4].
        labels: [B, N], -1 in padded rows.
        ignore: bool [B, N].

    On a CPU boxes are visited one after the other, on an accelerator, which waits for the host at each turn of a loop,
    many at a time. So no tensor of B * N * A is made, and time grows with the boxes that are there, not with the
    padding.
    """
    size = AT_ONCE if on_accelerator() else 1
    boxes, labels, ignore = with_spare_row(boxes, labels, ignore, size)
    rows = boxes, labels, ((labels >= 0) & ~ignore)[..., None], ignore[..., None]
    used = _used_rows(labels, ignore)

    def visit_some(n, *known):
        numbers = n + tf.range(size)
        return n + size, *visit(numbers, *(tf.gather(values, numbers, axis=1) for values in rows), *known)

    return tf.while_loop(lambda n, *_: n < used, visit_some, (0, *start))[1:]


def with_spare_row(
    boxes: tf.Tensor, labels: tf.Tensor, ignore: tf.Tensor, multiple: int = 1
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The true boxes of a batch with padded rows more, at least one: XLA refuses a loop over rows where there are none.

    There are a `multiple` of rows then.
    """
    rows = [[0, 0], [0, multiple - dimension(labels, 1) % multiple]]
    return tf.pad(boxes, [*rows, [0, 0]]), tf.pad(labels, rows, constant_values=-1), tf.pad(ignore, rows)


def _used_rows(labels, ignore):
    """How many rows of `labels` [B, N] have to be visited: those up to the last that is no padding in some image."""
    used = tf.reduce_any((labels >= 0) | ignore, axis=0)
    return tf.reduce_max(tf.where(used, tf.range(1, dimension(labels, 1) + 1), 0))


def largest_in_rows(values: tf.Tensor, count: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The `count` largest of each row of finite values [B, n, A], in order, and their positions: [B, n, count] each."""
    if on_accelerator() and isinstance(count, int):
        return _one_after_the_other(values, count)
    shape = [dimension(values, 0), dimension(values, 1)]
    table = tf.reshape(values, [shape[0] * shape[1], dimension(values, 2)])  # XLA's fast way is for two dimensions
    found = tf.math.top_k(table, count)
    return tf.reshape(found.values, [*shape, count]), tf.reshape(found.indices, [*shape, count])


def _one_after_the_other(values, count):
    """For few, on a GPU: XLA's way takes ten times as long as to read the values once for each."""
    position = tf.range(dimension(values, 2))
    largest, where = tf.fill(tf.shape(values[..., :1]), float("inf")), -1
    found = []
    for _ in range(count):
        left = (values < largest) | ((values == largest) & (position > where))
        where = tf.argmax(tf.where(left, values, -float("inf")), axis=2, output_type=tf.int32)[..., None]
        largest = tf.gather(values, where, batch_dims=2)
        found.append((largest, where))
    return tuple(tf.concat(parts, axis=2) for parts in zip(*found, strict=True))


def scatter_in_rows(positions: tf.Tensor, values: tf.Tensor, length: int | tf.Tensor) -> tf.Tensor:
    """Rows [B, n, length] of zeros with `values` [B, n, C] at their `positions` int32 [B, n, C]."""
    shape = tf.shape(positions)
    image, row = (tf.broadcast_to(x, shape) for x in (tf.range(shape[0])[:, None, None], tf.range(shape[1])[:, None]))
    places = tf.stack([image, row, positions], axis=-1)
    return tf.scatter_nd(places, values, [dimension(positions, 0), dimension(positions, 1), length])
