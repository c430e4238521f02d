"""Factors with which all channels of a tensor fill the one range that they have in int8.

The channels of published networks differ a thousandfold, above all where normalisation is folded into depthwise
convolutions: most of them would be rounded to a few of 256 values. So the input of a convolution is multiplied by a
factor per channel, by which its weights are divided, and its output is divided by factors that its weights are
multiplied with. In exact numbers the network stays the same (as in SmoothQuant, Xiao et al., 2023, equation 3).

The authors' YOLOX-Nano on 128 images of COCO, calibrated on 128 others, AP 0.341 in float32. Here "kept" stands for
convolutions that stay in float32, see `int8_network.MOST_LOST`:

| | neither | factors | factors, some kept |
| --- | --- | --- | --- |
| LiteRT | 0.238 (of 32 images) | | 0.338 |
| ONNX Runtime, weights in 7 bits | 0.240 | | 0.333 |
| OpenVINO, whose outputs are not rounded | 0.335 | 0.343 | |
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from detect.artefacts.int8_network import OUTLIERS, largest, most_kept

# The factors cost a multiplication each, so they are left out where the largest channel has at most this many times the
# values of most, and ten times as many as those of all.
UNEQUAL = 4
# A channel counts as at least this share of the largest one: one that is seldom active may be larger in other images.
# Factors up to 10,000, of sizes without outliers, cost SSDLite 6 points of AP, and ended the process with LiteRT.
LEAST = 1e-2


class Factors(NamedTuple):
    """Factors for the channels of a convolution's input and output, float32 [channels]; None where it has none."""

    inputs: np.ndarray | None
    outputs: np.ndarray | None


def factors_of(channels: np.ndarray) -> np.ndarray | None:
    """Return factors after which all channels are as large as the largest one, or None where they nearly are.

    Args:
        channels: how large the values of each are, float32 [C].
    """
    largest = channels.max(initial=0)
    if largest == 0:
        return None
    factors = largest / np.maximum(channels, LEAST * largest)
    is_unequal = np.median(factors) > UNEQUAL or factors.max() > 10 * UNEQUAL
    return factors.astype(np.float32) if is_unequal else None


def sizes_of_channels(
    calls: Iterable[Mapping[str, np.ndarray]], count: int, axis: int, outliers: float = OUTLIERS
) -> dict[str, np.ndarray]:
    """Return how large the values of each channel are, by the name of the tensor, float32 [C].

    They have to be those that the ranges are found with. Of a sample of them, which does not show what few images
    activate, OpenVINO lost 2.1 points of AP; and with outliers that ranges leave out, LiteRT 1.8 instead of 0.1.

    Args:
        calls: tensors by name, float32 with channels along `axis`, one dictionary per call.
        count: number of calls.
        axis: of the channels.
        outliers: share of the values of a channel that may be larger.
    """
    kept: dict[str, np.ndarray] = {}
    for tensors in calls:
        for name, values in tensors.items():
            columns = np.abs(np.moveaxis(values, axis, -1)).reshape(-1, values.shape[axis])
            known = kept.get(name, np.zeros((0, columns.shape[1]), np.float32))
            kept[name] = largest(known, columns, most_kept(count * len(columns), outliers))
    return {name: values.min(0) for name, values in kept.items()}


def fitting(factors: Factors, weights: np.ndarray, input_axis: int) -> Factors:
    """Return the factors without those of input channels that do not lie along one axis of the weights.

    That is so in grouped convolutions, and in depthwise ones with several outputs per input.

    Args:
        factors: of a convolution.
        weights: its weights.
        input_axis: the axis of the weights along which input channels would lie.
    """
    if factors.inputs is not None and len(factors.inputs) != weights.shape[input_axis]:
        return factors._replace(inputs=None)
    return factors


def scaled_weights(weights: np.ndarray, factors: Factors, input_axis: int, output_axis: int) -> np.ndarray:
    """Return the weights of a convolution whose input and output are multiplied by factors.

    Args:
        weights: float32.
        factors: of its channels.
        input_axis: the axis of the weights along which input channels lie.
        output_axis: the axis along which output channels lie; in depthwise convolutions the same.
    """
    if factors.inputs is not None:
        weights = weights / along(factors.inputs, input_axis, weights.ndim)
    if factors.outputs is not None:
        weights = weights * along(factors.outputs, output_axis, weights.ndim)
    return weights


def along(factors: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """Return factors [C] with the shape of a tensor of this rank, whose other lengths are 1."""
    return factors.reshape([-1 if place == axis % rank else 1 for place in range(rank)])
