"""Features of boxes, cut out of feature maps at a fixed size by bilinear interpolation: RoIAlign (He et al. 2017, 3).

The cells of all levels of a pyramid form one table, so that a box costs the same whatever its level, and is computed
on that level only. A bin is the mean of `samples` x `samples` points, and a point is a weighted sum of four cells: with
2 x 2 points a bin is a sum of 16 cells, each weighted by the product of a vertical and a horizontal factor.

XLA makes one loop of these sums. For 1,024 boxes, 2 images of 800 x 1216 and 256 channels that takes 0.08 s of one
core, and 0.3 s backward; torchvision's C++ code takes 0.3 and 0.6 s, and TensorFlow's own gathers or sparse products
1.5 s and more. `tf.image.crop_and_resize` takes twice as long, for one level.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

from detect.ops.boxes import area
from detect.ops.compiling import Runtime, compiled, dimension, fused, materialized, on_accelerator

EPSILON = 1e-6  # levels: a box so little smaller than the smallest of a level belongs to it


def roi_align(
    features: tf.Tensor,
    boxes: tf.Tensor,
    *,
    stride: float,
    size: int | tuple[int, int] = 7,
    samples: int = 2,
    aligned: bool,
    runtime: Runtime = "local",
) -> tf.Tensor:
    """Return the features within each box, from a single feature map; see `pyramid_roi_align`.

    Args:
        features: [B, H / stride, W / stride, C].
        boxes: [B, R, 4] in pixels of the image; no gradient flows to them.
        stride: side of a cell, in pixels of the image.
        size: number of bins, or their numbers vertically and horizontally.
        samples: points of each bin, vertically and horizontally.
        aligned: whether the value of a cell stands at its centre.
        runtime: what will run it.

    Returns:
        [B, R, size, size, C], of the type of `features`.
    """
    return pyramid_roi_align(
        [features], boxes, strides=(stride,), size=size, samples=samples, aligned=aligned, runtime=runtime
    )


def pyramid_roi_align(
    levels: Sequence[tf.Tensor],
    boxes: tf.Tensor,
    *,
    strides: tuple[float, ...],
    size: int | tuple[int, int] = 7,
    samples: int = 2,
    aligned: bool = False,
    canonical_level: int = 4,
    canonical_size: float = 224,
    runtime: Runtime = "local",
) -> tf.Tensor:
    """Return the features within each box, from the pyramid level that suits the box.

    As in torchvision's C++ code, points up to one cell outside the outermost values take the border's, and points
    further out count as 0. Boxes of zeros, as in padded rows, give something finite.

    Args:
        levels: [B, H / stride, W / stride, C] each, finest first.
        boxes: [B, R, 4] in pixels of the image; no gradient flows to them.
        strides: side of a cell for each level, in pixels of the image.
        size: number of bins, or their numbers vertically and horizontally.
        samples: points of each bin, vertically and horizontally (the paper's four are 2 x 2).
        aligned: True: the value of a cell stands at its centre (detectron2, `ROIAlignV2`). False: at its top-left
            corner, and boxes are taken to be at least one cell wide and high (the paper; torchvision's detectors).
        canonical_level: see `level_of`.
        canonical_size: see `level_of`, pixels.
        runtime: what will run it.

    Returns:
        [B, R, size, size, C], of the levels' type.
    """
    boxes = tf.stop_gradient(boxes)
    level = level_of(boxes, strides, canonical_level, canonical_size)
    height, width, start = (tf.gather(lengths, level) for lengths in _layout(levels))  # [B, R] each
    x1, y1, x2, y2 = tf.unstack(boxes / tf.gather(tf.constant(strides, boxes.dtype), level)[..., None], axis=-1)
    down, across = (size, size) if isinstance(size, int) else size
    row, row_weight = _interpolate(y1, y2, height, down, samples, aligned)
    column, column_weight = _interpolate(x1, x2, width, across, samples, aligned)

    table = tf.concat([tf.reshape(cells, [dimension(cells, 0), -1, cells.shape[-1]]) for cells in levels], axis=1)
    images, length = dimension(table, 0), dimension(table, 1)
    row = (tf.range(images)[:, None] * length + start)[..., None, None] + row * width[..., None, None]
    table = tf.reshape(table, [images * length, table.shape[-1]])
    return _weighted_sum(table, row, column, row_weight, column_weight, runtime)


@compiled
def level_of(
    boxes: tf.Tensor, strides: tuple[float, ...], canonical_level: int = 4, canonical_size: float = 224
) -> tf.Tensor:
    """Return the pyramid level that each box belongs to (Lin et al. 2017, FPN, eq. 1).

    A box with the area of a square of `canonical_size` pixels belongs to the level of stride 2 ** `canonical_level`,
    one of half the sides to the level before. The first and the last level take what lies beyond them.

    Args:
        boxes: [..., 4] in pixels of the image.
        strides: of the levels, finest first.
        canonical_level: the binary logarithm of a stride.
        canonical_size: side of the square, pixels.

    Returns:
        int32 [...], 0 for the finest level.
    """
    lowest, highest = round(math.log2(strides[0])), round(math.log2(strides[-1]))
    smallest = [canonical_size * 2 ** (level - canonical_level - EPSILON) for level in range(lowest + 1, highest + 1)]
    reached = tf.sqrt(area(boxes))[..., None] >= tf.constant(smallest, boxes.dtype)
    return tf.math.count_nonzero(reached, axis=-1, dtype=tf.int32)


def _layout(levels: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return height and width of each level, and where its first cell is in an image's part of the table: int32 [L]."""
    heights, widths = (tf.stack([dimension(level, axis) for level in levels]) for axis in (1, 2))
    return heights, widths, tf.cumsum(heights * widths, exclusive=True)


@compiled
def _interpolate(start, end, length, bins, samples, aligned):
    """Return the cells along one axis that the bins of boxes are made of, and their weights.

    Args:
        start: [B, R], the boxes' lower edges in cells.
        end: [B, R], their upper edges.
        length: int32 [B, R], cells of the box's level along this axis.
        bins: their number along this axis.
        samples: see `pyramid_roi_align`.
        aligned: see `pyramid_roi_align`.

    Returns:
        Indices int32 and weights, [B, R, bins, 2 * samples] each: two cells for each point.
    """
    side = (end - start if aligned else tf.maximum(end - start, 1)) / bins  # [B, R], of a bin
    corner = (start - 0.5 if aligned else start)[..., None] + side[..., None] * tf.range(bins, dtype=side.dtype)
    within = side[..., None] * (tf.range(samples, dtype=side.dtype) + 0.5) / samples
    position = corner[..., :, None] + within[..., None, :]  # [B, R, bins, samples]
    last = tf.cast(length, side.dtype)[..., None, None] - 1
    counts = (position >= -1) & (position <= last + 1)
    position = tf.clip_by_value(position, 0, last)
    low = tf.floor(position)
    cells = tf.stack([low, tf.minimum(low + 1, last)], axis=-1)
    weights = tf.stack([low + 1 - position, position - low], axis=-1) / samples
    weights = tf.where(counts[..., None], weights, 0)
    shape = [dimension(start, 0), dimension(start, 1), bins, 2 * samples]
    return tf.reshape(tf.cast(cells, tf.int32), shape), tf.reshape(weights, shape)


def _weighted_sum(table, row, column, row_weight, column_weight, runtime):
    """Return bins [B, R, h, w, C]: sums of cells of `table` [T, C] in rows [B, R, h, n] and columns [B, R, w, n].

    The gradient is our own, because TensorFlow's would hold all n * n terms of every bin at once.
    """
    cells, kind = dimension(table, 0), table.dtype

    @tf.custom_gradient
    def weighted_sum(table, *places):
        def gradient(upstream):
            return tf.cast(_spread(upstream, *places, cells=cells, runtime=runtime), kind), *(None for _ in places)

        constant = tf.stop_gradient(table)  # or TensorFlow prepares its gradient all the same
        return tf.cast(_gather_sum(constant, *places, runtime=runtime), kind), gradient

    return weighted_sum(table, row, column, row_weight, column_weight)


@fused
def _gather_sum(table, row, column, row_weight, column_weight, *, runtime):
    """Return the sums, float32 [B, R, h, w, C], in one pass over the bins. `fused` reads `runtime`."""
    if on_accelerator(runtime):
        cells, weights = _terms(row, column, row_weight, column_weight)
        # Written to memory, or each term of each bin would look for its level and compute its weight again.
        table, cells, weights = materialized(table), materialized(cells), materialized(weights)
        return tf.reduce_sum(tf.cast(tf.gather(table, cells), tf.float32) * weights[..., None], axis=-2)
    row, column, row_weight, column_weight = (
        tf.unstack(terms, axis=-1) for terms in (row, column, row_weight, column_weight)
    )
    total = 0.0
    for first, down in zip(row, row_weight, strict=True):  # [B, R, h]
        line = 0.0
        for offset, across in zip(column, column_weight, strict=True):  # [B, R, w]
            cells = tf.gather(table, first[..., :, None] + offset[..., None, :])
            line += tf.cast(cells, tf.float32) * across[..., None, :, None]
        total += line * down[..., :, None, None]
    return total


@fused
def _spread(upstream, row, column, row_weight, column_weight, *, cells, runtime):
    """Return the gradient of the table's cells, float32 [T, C]: `upstream` [B, R, h, w, C] added up in the cells.

    An accelerator adds all terms at once. On a CPU those of the bins are added one after the other, because XLA stores
    there what it is going to add.
    """
    upstream = tf.cast(upstream, tf.float32)
    table = tf.zeros([cells, upstream.shape[-1]])
    if on_accelerator(runtime):
        cell, weight = _terms(row, column, row_weight, column_weight)
        return tf.tensor_scatter_nd_add(table, cell[..., None], upstream[..., None, :] * weight[..., None])
    terms = [(down, across) for down in range(row.shape[-1]) for across in range(column.shape[-1])]

    def add(index, table):
        down, across = tf.unstack(tf.gather(terms, index))
        cell = tf.gather(row, down, axis=-1)[..., :, None] + tf.gather(column, across, axis=-1)[..., None, :]
        weight = tf.gather(row_weight, down, axis=-1)[..., :, None, None]
        weight *= tf.gather(column_weight, across, axis=-1)[..., None, :, None]
        return index + 1, tf.tensor_scatter_nd_add(table, cell[..., None], upstream * weight)

    return tf.while_loop(lambda index, _: index < len(terms), add, (0, table))[1]


def _terms(row, column, row_weight, column_weight):
    """Return the cells of each bin and their weights, [B, R, h, w, n * n] each; see `_weighted_sum`."""
    cells = row[..., :, None, :, None] + column[..., None, :, None, :]
    weights = row_weight[..., :, None, :, None] * column_weight[..., None, :, None, :]
    shape = [dimension(row, 0), dimension(row, 1), row.shape[2], column.shape[2], row.shape[3] * column.shape[3]]
    return tf.reshape(cells, shape), tf.reshape(weights, shape)
