"""Batch normalisations that were folded into the convolutions before them, and their statistics.

Files for inference often have a convolution with a bias in place of a convolution and its normalisation. Here the
normalisation comes back: first one that only adds the bias, and before training one with the statistics of its inputs.
Neither changes the outputs. Trained with the former, the network would be another one from the first step on, because
the scale and the offset of each channel do not suit the statistics of a batch.
"""

from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.normalized_convolution import fixed_affine


def normalizations(model: keras.layers.Layer) -> list[BatchNormalization]:
    """Return all batch normalisations of a model."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, BatchNormalization)]


def fold(layer: BatchNormalization, bias: np.ndarray) -> None:
    """Let the layer add `bias` [C], and nothing else, to its inputs while its statistics are fixed."""
    layer.gamma.assign(np.ones_like(bias))
    layer.beta.assign(bias)
    layer.moving_mean.assign(np.zeros_like(bias))
    layer.moving_variance.assign(np.full_like(bias, 1 - layer.epsilon))


def is_folded(layer: BatchNormalization) -> bool:
    """Return whether the statistics are those that `fold` sets, which no data has."""
    variance = np.float32(1 - layer.epsilon)
    return not np.any(layer.moving_mean.numpy()) and bool(np.all(layer.moving_variance.numpy() == variance))


def restore_statistics(model: keras.Model, batches: Iterable[tf.Tensor]) -> int:
    """Give folded normalisations that are trained the statistics of their inputs; the outputs stay as they are.

    Args:
        model: whose blocks call their normalisations, as those of `layers/convolution.py` do.
        batches: of images as the model is trained on, [B, H, W, 3] each.

    Returns:
        The number of these normalisations; the images are not used where it is 0.
    """
    folded = [layer for layer in normalizations(model) if layer.trainable and is_folded(layer)]
    if folded:
        for layer, (mean, variance) in zip(folded, _moments(model, folded, batches), strict=True):
            scale, offset = fixed_affine(layer)
            layer.gamma.assign(scale * np.sqrt(variance + layer.epsilon))
            layer.beta.assign(offset + scale * mean)
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(variance)
    return len(folded)


def _moments(
    model: keras.Model, layers: list[BatchNormalization], batches: Iterable[tf.Tensor]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield mean and variance of the inputs of each layer, float32 [C], when the model predicts the batches."""
    seen: list[list[np.ndarray]] = [[] for _ in layers]  # for each layer and batch, the means of x and of x squared
    try:
        for layer, moments in zip(layers, seen, strict=True):
            layer.observer = _recorder(moments)
        for images in batches:
            model(images, training=False)
    finally:
        for layer in layers:
            layer.observer = None
    for moments in seen:
        mean, square = np.mean(moments, axis=0)
        yield mean.astype(np.float32), np.maximum(square - mean**2, 0).astype(np.float32)


def _recorder(moments: list[np.ndarray]) -> Callable[[tf.Tensor], None]:
    def record(inputs: tf.Tensor) -> None:
        mean, variance = (value.numpy().astype(float) for value in tf.nn.moments(tf.cast(inputs, "float32"), [0, 1, 2]))
        moments.append(np.stack([mean, variance + mean**2]))

    return record
