"""Vectors that stand for classes, from which the denoising queries of a transformer start.

Source: Zhang et al., DINO (arXiv 2203.03605, section 3.3), as in RT-DETR and D-FINE.
"""

import keras
import tensorflow as tf


class ClassContents(keras.layers.Layer):
    """Classes int32 [B, S] -> learnt vectors [B, S, channels]; zeros for K, which stands for no class.

    Only training calls it, so that whoever has it must `build` it.

    Args:
        classes: K.
        channels: of a vector.
    """

    def __init__(self, classes: int, channels: int, name: str | None = None):
        super().__init__(name=name)
        self.classes = classes
        self.channels = channels

    def build(self, input_shape) -> None:
        start = keras.initializers.RandomNormal(stddev=1.0)
        # Those of a class are in a column, as in all layers that depend on the classes.
        self.vectors = self.add_weight(name="vectors", shape=(self.channels, self.classes), initializer=start)

    def call(self, labels: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.pad(tf.transpose(self.vectors), [[0, 1], [0, 0]]), labels)
