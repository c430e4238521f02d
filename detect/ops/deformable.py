"""Values at points that each query chooses in several levels of features: multi-scale deformable sampling.

Source: Zhu et al. 2021, Deformable DETR (arXiv 2010.04159), eq. 3, without its projections. RT-DETRv2 (Lv et al. 2024,
arXiv 2407.17140, section 3) allows another number of points in each level, and rounds the points for runtimes without
interpolation. Points are read as `grid_sample` of PyTorch reads them, with `align_corners=False` and zeros around.

The tokens of all images and heads are one table, and a query's result is a weighted sum of its rows: four of them for a
bilinear point, one for a rounded one. So an export contains gathers and one product of matrices.
"""

from collections.abc import Sequence
from typing import Literal

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
    locations = tf.reshape(tf.cast(locations, tf.float32), [images, queries * heads, count, 2])
    corners, shares = (_bilinear if method == "bilinear" else _discrete)(locations, _of_points(sizes, points))
    first = tf.range(images)[:, None] * (tokens * heads) + tf.tile(tf.range(heads), [queries])  # [B, Q * H]
    shares *= tf.cast(tf.reshape(weights, [images, queries * heads, count, 1, 1]), tf.float32)
    terms = [images * queries * heads, count * corners.shape[-1] * corners.shape[-2]]
    rows = tf.reshape(first[..., None, None, None] + corners * heads, terms)
    table = tf.reshape(memory, [images * tokens * heads, channels // heads])
    return tf.reshape(_weighted_sum(table, rows, tf.reshape(shares, terms)), [images, queries, channels])


def _of_points(sizes, points):
    """Return width and height of the level of each point, and the place of the level's first token: int32 [P, 3]."""
    starts = np.cumsum([0, *(height * width for height, width in sizes)])
    of_levels = [(width, height, start) for (height, width), start in zip(sizes, starts[:-1], strict=True)]
    return np.repeat(np.array(of_levels, np.int32), points, axis=0)


def _bilinear(locations, levels):
    """Return the four tokens around each of the `locations` [B, R, P, 2], int32, and their shares: [B, R, P, 2, 2]."""
    sides = levels[:, None, :2].astype(np.float32)
    position = locations[..., None, :] * sides - 0.5  # of a token, whose value stands at its centre
    low = tf.stop_gradient(tf.floor(position))
    cells = tf.concat([low, low + 1], axis=-2)  # [B, R, P, 2, 2]: first the lower, then the higher; x and y
    shares = tf.concat([low + 1 - position, position - low], axis=-2)
    shares = tf.where((cells >= 0) & (cells < sides), shares, 0)
    return _tokens(cells, levels), shares[..., :, None, 1] * shares[..., None, :, 0]


def _discrete(locations, levels):
    """Return the token nearest to each of the `locations` [B, R, P, 2], int32, and its share: [B, R, P, 1, 1].

    The coordinates are rounded as the authors do, without the half token that lies between a side of the image and the
    centre of the first token.
    """
    cells = tf.floor(tf.stop_gradient(locations[..., None, :]) * levels[:, None, :2].astype(np.float32) + 0.5)
    tokens = _tokens(cells, levels)
    return tokens, tf.ones_like(tokens, tf.float32)


def _tokens(cells, levels):
    """Return the places of tokens: int32 [B, R, P, n, n], down and across, for columns and rows [B, R, P, n, 2].

    Those beyond the border, infinite ones too, are moved to it. Coordinates that are not numbers give the first token:
    a gather must not fail before the loss shows that training did.
    """
    inside = tf.where(cells >= 0, tf.minimum(cells, levels[:, None, :2].astype(np.float32) - 1), 0)
    column, row = tf.unstack(tf.cast(inside, tf.int32), axis=-1)
    width, _, start = (values[:, None] for values in levels.T)
    return (start + row * width)[..., :, None] + column[..., None, :]


def _weighted_sum(table, rows, weights):
    """Return sums [R, C] of `rows` int32 [R, n] of a `table` [T, C], times `weights` float32 [R, n].

    The gradient is our own: TensorFlow's would keep all terms from the forward pass, and its sum of the terms in their
    rows takes twice as long on a CPU as XLA's.
    """

    @tf.custom_gradient
    def weighted_sum(table, weights):
        def gradient(upstream):
            of_table, of_weights = _gradient(table, rows, weights, upstream)
            return tf.cast(of_table, table.dtype), of_weights

        constant = tf.stop_gradient(table)  # or TensorFlow prepares its gradient all the same
        terms = tf.cast(tf.gather(constant, rows), tf.float32)
        return tf.cast(tf.matmul(weights[:, None], terms)[:, 0], table.dtype), gradient

    return weighted_sum(table, weights)


@fused
def _gradient(table, rows, weights, upstream):
    """Return the gradients of the table and of the weights, float32, for `upstream` [R, C]."""
    upstream = tf.cast(upstream, tf.float32)[:, None]  # [R, 1, C]
    of_weights = tf.reduce_sum(tf.cast(tf.gather(table, rows), tf.float32) * upstream, axis=-1)
    of_table = tf.tensor_scatter_nd_add(
        tf.zeros_like(table, tf.float32), rows[..., None], weights[..., None] * upstream
    )
    return of_table, of_weights
