"""Attention of queries to a few points of several levels of features, which each query chooses around its box.

Source: Zhu et al., Deformable DETR (arXiv 2010.04159), section 4.1 and equation 3, as in RT-DETRv2 (arXiv 2407.17140,
section 3.1) and D-FINE: levels may have different numbers of points, and the offset of each is divided by the number of
its level. Authors' code: https://github.com/lyuwenyu/RT-DETR and https://github.com/Peterande/D-FINE (Apache-2.0).
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from detect.layers.composite import Composite
from detect.ops.deformable import Method, deformable_sampling

REACH = 0.5  # offsets of 1 lead from the centre of a box to its edge


class DeformableAttention(Composite):
    """Queries [B, Q, D] look at points of `memory` [B, S, D], whose tokens are those of all levels side by side.

    Args:
        channels: D.
        heads: number of heads, each of which has its own points and its own share of the channels.
        points: number of points of a head in each level.
        projected: whether the memory is projected before it is sampled, and the result after; D-FINE and DEIMv2 do
            neither.
        method: of the sampling.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        points: tuple[int, ...],
        projected: bool = False,
        method: Method = "bilinear",
        name: str | None = None,
    ):
        super().__init__(name=name, autocast=False)  # boxes stay float32
        self.heads = heads
        self.points = points
        self.method = method
        start = keras.initializers.Constant(initial_offsets(heads, points))
        # Offsets are added to places, which are float32.
        self.offsets = keras.layers.Dense(
            heads * sum(points) * 2, kernel_initializer="zeros", bias_initializer=start, dtype="float32", name="offsets"
        )
        self.offsets.trainable = method == "bilinear"  # no gradient flows to rounded points
        self.weights_of_points = keras.layers.Dense(heads * sum(points), kernel_initializer="zeros", name="weights")
        self.memory_projection = keras.layers.Dense(channels, name="memory_projection") if projected else None
        self.projection = keras.layers.Dense(channels, name="projection") if projected else None

    def call(
        self, queries: tf.Tensor, boxes: tf.Tensor, memory: tf.Tensor, sizes: Sequence[tuple[int, int]]
    ) -> tf.Tensor:
        """Return what each query finds at its points, [B, Q, D].

        Args:
            queries: [B, Q, D].
            boxes: float32 [B, Q, 4], relative boxes that the queries stand for.
            memory: [B, S, D].
            sizes: height and width of each level.
        """
        count = sum(self.points)
        weights = tf.reshape(self.weights_of_points(queries), [-1, queries.shape[1], self.heads, count])
        memory = memory if self.memory_projection is None else self.memory_projection(memory)
        found = deformable_sampling(
            memory, sizes, self._places(queries, boxes), tf.nn.softmax(weights), self.points, self.method
        )
        return found if self.projection is None else self.projection(found)

    def _places(self, queries: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        """Return the points, as shares of the image's sides: float32 [B, Q, heads, points, 2]."""
        steps = np.repeat(REACH / np.array(self.points, np.float32), self.points)[:, None]  # [points, 1]
        offsets = tf.reshape(self.offsets(queries), [-1, queries.shape[1], self.heads, sum(self.points), 2])
        boxes = boxes[:, :, None, None]
        return boxes[..., :2] + offsets * steps * boxes[..., 2:]


def initial_offsets(heads: int, points: tuple[int, ...]) -> np.ndarray:
    """Return the first offsets, [heads * points * 2]: each head looks in one direction, its points one step apart.

    A step leads to the edge of the box divided by the number of points of its level.
    """
    angles = np.arange(heads) * 2 * np.pi / heads
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    directions /= np.abs(directions).max(axis=-1, keepdims=True)
    steps = np.concatenate([np.arange(1, count + 1) for count in points])
    return (directions[:, None] * steps[:, None]).astype(np.float32).reshape(-1)
