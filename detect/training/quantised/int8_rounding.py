"""The rounding of an export in int8, in the forward pass of training.

Inputs, outputs and kernels of layers are rounded as in exports, see `detect.ops.fake_quantization`. The ranges are
found before the first step, by the rule of exports, and stay. So does what is not rounded, because it would lose too
much.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from detect.artefacts.channel_factors import factors_of, sizes_of_channels
from detect.artefacts.int8_network import MOST_LOST, lost_by_rounding, ranges_of, sample_of
from detect.models.detector import Detector
from detect.ops.fake_quantization import round_activations, round_kernel
from detect.training.quantised.rounded_layers import Call, reroute, rerouted, rounded_layers


class Int8Rounding:
    """The rounding of a detector's layers; from `begin` on, each of its calls is rounded, in prediction too.

    Attributes:
        ranges: least and largest value of each channel of the inputs and the outputs of layers, float32 [2, C] each;
            zeros where they are not rounded. One range for all channels is divided by their factors, see
            `channel_factors`.
    """

    def __init__(self, detector: Detector, side: int):
        """Find the layers to round.

        Args:
            detector: with its weights.
            side: of the images that it will be exported for, pixels.
        """
        self._detector = detector
        self._layers = {each.layer: each for each in rounded_layers(detector, side)}
        self._ends = dict.fromkeys(end for each in self._layers.values() for end in each.ends)
        self._ranges = {name: _unknown_range(name, channels) for name, channels in self._channels().items()}

    @property
    def ranges(self) -> list[tf.Variable]:
        """See the class."""
        return list(self._ranges.values())

    @property
    def count(self) -> int:
        """The number of layers that are rounded."""
        return sum(bool(np.any(self._ranges[_inputs_of(layer)])) for layer in self._layers)

    def measure(self, images: Sequence[np.ndarray]) -> None:
        """Set the ranges to those of the values that these images give.

        Args:
            images: [side, side, 3] each, as the detector takes them.
        """
        factors = self._factors(images)

        def multiplied(images: Sequence[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
            for tensors in self._values(images):
                yield {name: values * factors[name] for name, values in tensors.items()}

        found = ranges_of(multiplied(images), len(images))
        lost = lost_by_rounding(multiplied(sample_of(images)), found, axis=-1)
        for each in self._layers.values():
            outputs = [_outputs_of(end) for end in each.ends]
            if lost[_inputs_of(each.layer)] + max(lost[name] for name in outputs) > MOST_LOST:
                continue
            for name in (_inputs_of(each.layer), *outputs):
                self._ranges[name].assign(np.stack([end / factors[name] for end in found[name]]))

    def begin(self) -> None:
        """Round from now on."""
        reroute(self._rerouted(), self._rounded_call)

    def _factors(self, images: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the factors of the channels of each tensor, by name, ones where they are nearly equal."""
        sizes = sizes_of_channels(self._values(images), len(images), axis=-1)
        grouped = {_inputs_of(each.layer) for each in self._layers.values() if each.is_grouped}
        found = {name: None if name in grouped else factors_of(size) for name, size in sizes.items()}
        return {name: np.ones_like(sizes[name]) if each is None else each for name, each in found.items()}

    def _rerouted(self) -> list[keras.layers.Layer]:
        return list(dict.fromkeys([*self._layers, *self._ends]))

    def _channels(self) -> dict[str, int]:
        """Return the number of channels of each tensor that is rounded, by name."""
        channels = {}
        for each in self._layers.values():
            shape = each.layer.kernel.shape
            channels[_inputs_of(each.layer)] = shape[each.input_axis]
            channels |= {_outputs_of(end): shape[each.output_axis] for end in each.ends}
        return channels

    def _values(self, images: Sequence[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        """Yield the values of all tensors that are rounded, [N, C] each, for one image after the other."""
        for image in images:
            yield {name: value.numpy() for name, value in self._observed_step(tf.constant(image[None])).items()}

    @functools.cached_property
    def _observed_step(self) -> "tf.types.experimental.PolymorphicFunction":
        """The function of images [1, side, side, 3] that returns the values of all tensors that are rounded, by name.

        It must be traced before the rounding begins.
        """
        seen: dict[str, list[tf.Tensor]] = {}

        def note(layer: keras.layers.Layer, call: Call, inputs: Any, *others: Any, **options: Any) -> Any:
            outputs = call(inputs, *others, **options)
            if layer in self._layers:
                seen.setdefault(_inputs_of(layer), []).append(_by_channel(inputs))
            if layer in self._ends:
                seen.setdefault(_outputs_of(layer), []).append(_by_channel(outputs))
            return outputs

        def values(images: tf.Tensor) -> dict[str, tf.Tensor]:
            seen.clear()
            with rerouted(self._rerouted(), note):
                self._detector(images, training=False)
            return {name: tf.concat(parts, axis=0) for name, parts in seen.items()}

        return tf.function(values, autograph=False)

    def _rounded_call(self, layer: keras.layers.Layer, call: Call, inputs: Any, *others: Any, **options: Any) -> Any:
        if layer not in self._layers:
            outputs = call(inputs, *others, **options)
        else:
            ranges, (_, _, *axes, _) = self._ranges[_inputs_of(layer)], self._layers[layer]
            kernel = round_kernel(tf.convert_to_tensor(layer.kernel), ranges, *axes)
            with keras.StatelessScope([(layer.kernel, kernel)]) as scope:
                outputs = call(round_activations(inputs, ranges), *others, **options)
            _assign_statistics(layer, scope)
        return round_activations(outputs, self._ranges[_outputs_of(layer)]) if layer in self._ends else outputs


def _assign_statistics(layer: keras.layers.Layer, scope: keras.StatelessScope) -> None:
    """Assign what a call within the scope has assigned: the moving statistics of a normalisation in the layer."""
    for variable in layer.non_trainable_variables:
        if (value := scope.get_current_value(variable)) is not None:
            variable.assign(value)


def _unknown_range(name: str, channels: int) -> tf.Variable:
    return tf.Variable(tf.zeros([2, channels]), trainable=False, name=name)


def _inputs_of(layer: keras.layers.Layer) -> str:
    return f"{layer.path}/inputs"


def _outputs_of(layer: keras.layers.Layer) -> str:
    return f"{layer.path}/outputs"


def _by_channel(values: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.cast(values, tf.float32), [-1, values.shape[-1]])
