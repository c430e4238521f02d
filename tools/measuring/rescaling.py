"""Give a model channels that differ a hundredfold, as those of published models do, without changing its function."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from detect.models.detector import Detector

POWERS = (-1, 0, 1)  # of ten, by which channels are multiplied
NEXT = 3  # convolutions after one that may be what reads it
SAME = 1e-2  # largest difference of outputs, as a share of what they differ from place to place


def rescale(detector: Detector) -> int:
    """Multiply channels of convolutions by powers of ten, and divide the weights of what reads them; return how many.

    A pair of convolutions is left alone where that would change the outputs: others read these channels, too, or the
    activation between them does not let factors through, as SiLU.

    Args:
        detector: its weights are changed.
    """
    side = max(detector.smallest_side, 128) // detector.size_divisor * detector.size_divisor
    images = np.random.default_rng(0).integers(0, 256, (1, side, side, 3)).astype(np.uint8)
    step = tf.function(lambda: _outputs(detector, images), autograph=False)
    expected, random, count = step(), np.random.default_rng(1), 0
    for producer, consumers in _pairs(detector.weights):
        factors = 10.0 ** random.choice(POWERS, producer[0].shape[-1]).astype(np.float32)
        for consumer in consumers:
            changed = [*producer, consumer]
            before = [weight.numpy() for weight in changed]
            for weight in producer:
                weight.assign(weight * factors)
            consumer.assign(consumer / factors[:, None])
            if _are_same(step(), expected):
                count += 1
                break
            for weight, value in zip(changed, before, strict=True):
                weight.assign(value)
    return count


def _pairs(weights: list[keras.Variable]) -> Iterator[tuple[list[keras.Variable], list[keras.Variable]]]:
    """Yield what scales the channels of a convolution, and the kernels that may read them."""
    places = [place for place, weight in enumerate(weights) if len(weight.shape) == 4]
    for number, place in enumerate(places[:-1]):
        kernel, own = weights[place], weights[place + 1 : places[number + 1]]
        filters = kernel.shape[3] if kernel.shape[3] > 1 else kernel.shape[2]  # those of a depthwise one
        scales = [weight for weight in own if weight.name in ("gamma", "beta") and weight.shape == (filters,)]
        biases = [weight for weight in own if weight.name == "bias" and weight.shape == (filters,)]
        readers = [weights[other] for other in places[number + 1 : number + 1 + NEXT]]
        readers = [reader for reader in readers if reader.shape[2] == filters]
        if scales or kernel.shape[3] == filters:
            yield scales or [kernel, *biases], readers


def _outputs(detector: Detector, images: np.ndarray) -> list[tf.Tensor]:
    extents = np.array([images.shape[1:3]], np.float32)
    outputs = tf.nest.flatten(detector(images, training=False, extents=extents))
    return [tf.cast(output, tf.float32) for output in outputs if output is not None]


def _are_same(found: list[tf.Tensor], expected: list[tf.Tensor]) -> bool:
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(found, expected, strict=True)]
    return all(np.abs(a - b).max(initial=0) <= _rounding(b) for a, b in pairs)


def _rounding(values: np.ndarray) -> float:
    spread = np.median(values.std(axis=1)) if values.ndim > 1 else 0.0  # over the places of an image
    return SAME * float(spread) + 1e-6 * float(np.abs(values).max(initial=0))
