"""Values at points that each query chooses in several levels of features: multi-scale deformable sampling.

Source: Zhu et al. 2021, Deformable DETR (arXiv 2010.04159), eq. 3, without its projections. RT-DETRv2 (Lv et al. 2024,
arXiv 2407.17140, section 3) allows another number of points in each level, and rounds the points for runtimes without
interpolation. Points are read as `grid_sample` of PyTorch reads them, with `align_corners=False` and zeros around.

The tokens of all images and heads are one table, and a query's result is a weighted sum of its rows: four of them for a
bilinear point, one for a rounded one. So an export contains gathers and one product of matrices.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

from detect.ops.compiling import dimension, fused

Method = Literal["bilinear", "discrete"]
"""How a point is read.

- `bilinear`: interpolated between the four tokens around it; tokens beyond the border are zeros.
- `discrete`: the token at the rounded coordinates, or the nearest at the border. No gradient flows to the point.
"""


def deformable_sampling(
    memory: tf.Tensor,
    sizes: Sequence[tuple[int, int]],
    locations: tf.Tensor,
    weights: tf.Tensor,
    points: Sequence[int],
    method: Method = "bilinear",
) -> tf.Tensor:
    """Return for each query the weighted sum of the values at its points.

    Args:
        memory: [B, S, D], the tokens of all levels side by side, each row by row. Head i of H reads the channels
            i * D / H to (i + 1) * D / H.
        sizes: height and width of each level, in tokens; S is the sum of their products.
        locations: float32 [B, Q, H, P, 2], x and y as parts of the image's sides, level by level; they may lie
            anywhere.
        weights: [B, Q, H, P].
        points: number of points of each level; P is their sum.
        method: how a point is read.

    Returns:
        [B, Q, D], of the type of `memory`; it is added up in float32.
    """
    images, tokens, channels = (dimension(memory, axis) for axis in range(3))
    queries, heads, count = (dimension(locations, axis) for axis in (1, 2, 3))
    readers = images * queries * heads
    locations = locations if method == "bilinear" else tf.stop_gradient(locations)
    first = tf.range(images)[:, None] * (tokens * heads) + tf.tile(tf.range(heads), [queries])  # [B, Q * H]
    found = _weighted_sum(
        tf.reshape(memory, [images * tokens * heads, channels // heads]),
        tf.reshape(first, [readers, 1]),
        tf.reshape(tf.cast(locations, tf.float32), [readers, count, 2]),
        tf.reshape(tf.cast(weights, tf.float32), [readers, count]),
        _Grid(tuple((height, width) for height, width in sizes), tuple(points), heads, method),
    )
    return tf.reshape(found, [images, queries, channels])


class _Grid(NamedTuple):
    """Levels of the memory, and how points are divided among them and read: fixed for all calls of a graph."""

    sizes: tuple[tuple[int, int], ...]  # height and width of each level, in tokens
    points: tuple[int, ...]  # of each level
    heads: int  # that the rows of the table alternate between
    method: Method

    def of_points(self):
        """Return width and height of the level of each point, float32, and the place of its first token: [P] each."""
        starts = np.cumsum([0, *(height * width for height, width in self.sizes)])[:-1]
        of_levels = [(width, height, start) for (height, width), start in zip(self.sizes, starts, strict=True)]
        width, height, start = np.repeat(np.array(of_levels), self.points, axis=0).T
        return width.astype(np.float32), height.astype(np.float32), start.astype(np.int32)


def _weighted_sum(table, first, locations, weights, grid):
    """Return for each of R readers the weighted sum of the values at its points, [R, C].

    The gradient is our own, and chooses the tokens anew: TensorFlow's would keep all terms, and every number on the way
    to them, from the forward pass, and its sum of the terms in their rows takes twice as long on a CPU as XLA's.

    Args:
        table: [T, C].
        first: the row of the first token of a reader, int32 [R, 1].
        locations: float32 [R, P, 2].
        weights: float32 [R, P].
        grid: where the points may lie.
    """

    @tf.custom_gradient
    def weighted_sum(table, locations, weights):
        def gradient(upstream):
            of_table, *others = _gradient(table, first, locations, weights, upstream, grid)
            return tf.cast(of_table, table.dtype), *others

        # Without this, TensorFlow prepares its own gradient all the same.
        table, locations, weights = (tf.stop_gradient(values) for values in (table, locations, weights))
        rows, shares = _terms(first, locations, weights, grid)
        terms = tf.cast(tf.gather(table, rows), tf.float32)
        return tf.cast(tf.matmul(shares[:, None], terms)[:, 0], table.dtype), gradient

    return weighted_sum(table, locations, weights)


@fused
def _gradient(table, first, locations, weights, upstream, grid):
    """Return the gradients of table, locations and weights, float32, for `upstream` [R, C]."""
    upstream = tf.cast(upstream, tf.float32)[:, None]  # [R, 1, C]
    with tf.GradientTape() as tape:
        tape.watch((locations, weights))
        rows, shares = _terms(first, locations, weights, grid)
    of_shares = tf.reduce_sum(tf.cast(tf.gather(table, rows), tf.float32) * upstream, axis=-1)
    of_table = tf.tensor_scatter_nd_add(tf.zeros_like(table, tf.float32), rows[..., None], shares[..., None] * upstream)
    zero = tf.UnconnectedGradients.ZERO
    return of_table, *tape.gradient(shares, (locations, weights), of_shares, unconnected_gradients=zero)


def _terms(first, locations, weights, grid):
    """Return the rows of the table that readers add up, int32 [R, n], and the shares of these, float32 [R, n].

    Bilinear points have four terms each: those of all points' first token, then those of their second token, and so on.
    Numbers of a corner stay together, because the CPU is slow with short axes.
    """
    width, height, start = grid.of_points()
    across, down = tf.unstack(locations, axis=-1)  # [R, P] each
    choose = _interpolated if grid.method == "bilinear" else _rounded
    columns, lines = choose(across, width), choose(down, height)  # lists of tokens and their shares
    rows, shares = [], []
    for line, share_of_line in lines:
        for column, share_of_column in columns:
            rows.append(first + (start + line * width.astype(np.int32) + column) * grid.heads)
            shares.append(weights * share_of_line * share_of_column)
    return tf.concat(rows, axis=-1), tf.concat(shares, axis=-1)


def _interpolated(location, side):
    """Return the two tokens around each location along one axis, int32, and their shares.

    Args:
        location: as part of the axis, float32 [R, P].
        side: tokens of the axis, float32 [P].
    """
    position = location * side - 0.5  # of a token, whose value stands at its centre
    low = tf.stop_gradient(tf.floor(position))
    behind = position - low
    return [(_token(cell, side), _within(share, cell, side)) for cell, share in ((low, 1 - behind), (low + 1, behind))]


def _rounded(location, side):
    """Return the token nearest to each location along one axis, and the share 1.

    The coordinates are rounded as the authors do, without the half token that lies between a side of the image and the
    centre of the first token.
    """
    return [(_token(tf.floor(location * side + 0.5), side), 1.0)]


def _within(share, cell, side):
    """Return the share of a token, 0 beyond the border."""
    return tf.where((cell >= 0) & (cell < side), share, 0)


def _token(cell, side):
    """Return a token as int32. Those beyond the border, infinite ones too, are moved to it.

    Coordinates that are not numbers give the first token: a gather must not fail before the loss shows that training
    did.
    """
    return tf.cast(tf.where(cell >= 0, tf.minimum(cell, side - 1), 0), tf.int32)
