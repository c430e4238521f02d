"""Convert the convolutions and matrix products of an OpenVINO model to int8, calibrated on images."""

from collections.abc import Collection, Iterator
from pathlib import Path

import nncf
import numpy as np
import openvino
import openvino.opset13 as ops
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
from nncf.quantization.range_estimator import RangeEstimatorParametersSet

from detect.artefacts.channel_factors import Factors, along, factors_of, scaled_weights, sizes_of_channels
from detect.artefacts.int8_network import quietly, trunk
from detect.artefacts.network import Calls, Values
from detect.formats.openvino import PRODUCTS
from detect.formats.openvino.network import is_product, outputs_of, products_of, unrounded, values_of

CHANNELS = 1  # their axis in activations
# The axis of the weights along which input channels lie; those of a group come first.
AXES = {"Convolution": 1, "GroupConvolution": 0}
RANK_IN_GROUPS = 5  # of the weights of a GroupConvolution: groups, outputs and inputs of each, height, width
PASSING = ("Concat", "MaxPool")  # int8 passes through these unchanged
JOINS = (
    *(*PASSING, "Add", "Multiply", "Sigmoid", "Swish", "Relu", "Clamp", "HSwish", "HSigmoid", "Interpolate", "Pad"),
    *("Reshape", "Transpose", "Squeeze", "ReduceMean"),
)


class Int8Network:
    """A network with int8 weights, one scale per channel, and int8 inputs of the products in its trunk; see `Network`.

    The products return float32, and activation functions are computed in it: in int8 they cost YOLOX-micro 0.7 points
    of AP. With the heads in int8 too, some models would lose a point with ranges from minimum to maximum, and others 6
    with ranges that leave out outliers.
    """

    def __init__(self, model: openvino.Model, calls: Calls):
        """Find the ranges of activations.

        Args:
            model: the model in float32, which is changed.
            calls: inputs by name, one dictionary per call.
        """
        multiply_inputs(model, calls)
        self._model = model
        self.products = products_of(model, _quantised_names(model))
        with quietly():
            self._quantised = nncf.quantize(
                model,
                nncf.Dataset(calls),
                preset=nncf.QuantizationPreset.MIXED,  # activations may be more positive than negative
                subset_size=len(calls),
                advanced_parameters=AdvancedQuantizationParameters(
                    activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
                ),
                ignored_scope=nncf.IgnoredScope(names=_others(model), validate=False),
            )

    def write(self, path: Path, kept: Collection[str]) -> None:
        """See `Network`."""
        openvino.save_model(self._without(kept), path, compress_to_fp16=False)

    def values(self, calls: Calls, kept: Collection[str] | None) -> Iterator[dict[str, Values]]:
        """See `Network`."""
        return values_of(self._model if kept is None else self._without(kept), self.products, calls)

    def _without(self, kept: Collection[str]) -> openvino.Model:
        """Return the model with the weights and inputs of these products in float32.

        An input stays rounded where it comes through a node that other products read, too.
        """
        model = self._quantised.clone()
        originals = {node.get_friendly_name(): node.input_value(1) for node in _products(self._model, kept)}
        for node in _products(model, kept):
            weights = _computed(originals[node.get_friendly_name()])
            node.input(0).replace_source_output(unrounded(node.input_value(0)))
            node.input(1).replace_source_output(ops.constant(weights).output(0))
        return model


def _computed(value: openvino.Output) -> np.ndarray:
    """Return what is computed of constants alone."""
    return openvino.Core().compile_model(openvino.Model([ops.result(value)], []), "CPU")({})[0]


def _products(model: openvino.Model, names: Collection[str]) -> list[openvino.Node]:
    return [node for node in model.get_ordered_ops() if node.get_friendly_name() in names]


def multiply_inputs(model: openvino.Model, calls: Calls) -> None:
    """Multiply the inputs of convolutions that will be quantised by factors; the function of the model stays the same.

    Their outputs are not rounded and need none.
    """
    chosen = _quantised_names(model)
    nodes = [node for node in model.get_ordered_ops() if node.get_friendly_name() in chosen]
    nodes = [node for node in nodes if node.get_type_name() in AXES and _has_own_weights(node)]
    if not nodes:
        return
    names, inputs = [node.get_friendly_name() for node in nodes], [node.input_value(0) for node in nodes]
    found = (dict(zip(names, values, strict=True)) for values in outputs_of(model, inputs, calls))
    sizes = sizes_of_channels(found, len(calls), CHANNELS, outliers=0)  # the ranges have no outliers either
    for node in nodes:
        factors, weights = factors_of(sizes[node.get_friendly_name()]), node.input_value(1).get_node()
        if factors is None:
            continue
        scaled = scaled_weights(weights.data, Factors(factors, None), AXES[node.get_type_name()], 0)
        constant = ops.constant(along(factors, CHANNELS, len(node.get_input_partial_shape(0))))
        node.input(0).replace_source_output(ops.multiply(node.input_value(0), constant).output(0))
        node.input(1).replace_source_output(ops.constant(scaled).output(0))


def _has_own_weights(node: openvino.Node) -> bool:
    """Return whether no other node has the weights of this one, and its groups, if any, have one channel each."""
    weights = node.input_value(1)
    if weights.get_node().get_type_name() != "Constant" or len(weights.get_target_inputs()) > 1:
        return False
    shape = list(weights.get_shape())
    return len(shape) < RANK_IN_GROUPS or shape[1:3] == [1, 1]


def _others(model: openvino.Model) -> list[str]:
    """Return the names of the operations that are not quantised."""
    chosen = _quantised_names(model)
    nodes = [node for node in model.get_ordered_ops() if node.get_friendly_name() not in chosen]
    return [
        node.get_friendly_name() for node in nodes if node.get_type_name() not in ("Parameter", "Constant", "Result")
    ]


def _quantised_names(model: openvino.Model) -> set[str]:
    """Return the names of the operations that are quantised."""
    nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    chosen = trunk(
        {name for name, node in nodes.items() if is_product(node)},
        lambda name: [value.get_node().get_friendly_name() for value in nodes[name].input_values()],
        lambda name: nodes[name].get_type_name() in JOINS,
    )
    return {name for name in chosen if nodes[name].get_type_name() in (*PRODUCTS, *PASSING)}
