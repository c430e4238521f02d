"""Convert the convolutions and matrix products of an OpenVINO model to int8, calibrated on images."""

import nncf
import openvino
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
from nncf.quantization.range_estimator import RangeEstimatorParametersSet

from detect.artefacts.int8_network import Calls, quietly, trunk
from detect.formats.openvino import PRODUCTS

PASSING = ("Concat", "MaxPool")  # int8 passes through these unchanged
JOINS = (
    *(*PASSING, "Add", "Multiply", "Sigmoid", "Swish", "Relu", "Clamp", "HSwish", "HSigmoid", "Interpolate", "Pad"),
    *("Reshape", "Transpose", "Squeeze", "ReduceMean"),
)


def quantised(model: openvino.Model, calls: Calls) -> openvino.Model:
    """Return the model with int8 weights, one scale per channel, and int8 inputs of the products in its trunk.

    The products return float32, and activation functions are computed in it: in int8 they cost YOLOX-micro 0.7 points
    of AP. With the heads in int8 too, some models would lose a point with ranges from minimum to maximum, and others 6
    with ranges that leave out outliers.

    Args:
        model: the model in float32.
        calls: inputs by name, one dictionary per call.
    """
    with quietly():
        return nncf.quantize(
            model,
            nncf.Dataset(calls),
            preset=nncf.QuantizationPreset.MIXED,  # activations may be more positive than negative
            subset_size=len(calls),
            advanced_parameters=AdvancedQuantizationParameters(
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
            ),
            ignored_scope=nncf.IgnoredScope(names=_others(model), validate=False),
        )


def _others(model: openvino.Model) -> list[str]:
    """Return the names of the operations that are not quantised."""
    nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    chosen = trunk(
        {name for name, node in nodes.items() if _is_product(node)},
        lambda name: [value.get_node().get_friendly_name() for value in nodes[name].input_values()],
        lambda name: nodes[name].get_type_name() in JOINS,
    )
    chosen = {name for name in chosen if nodes[name].get_type_name() in (*PRODUCTS, *PASSING)}
    return [
        name
        for name, node in nodes.items()
        if name not in chosen and node.get_type_name() not in ("Parameter", "Constant", "Result")
    ]


def _is_product(node: openvino.Node) -> bool:
    """Return whether the node is a product with weights."""
    return node.get_type_name() in PRODUCTS and _is_constant(node.input_value(1).get_node())


def _is_constant(node: openvino.Node) -> bool:
    """Return whether the node is a constant, possibly converted or reshaped."""
    while node.get_input_size() and node.get_type_name() in ("Convert", "Reshape", "Transpose", "Unsqueeze"):
        node = node.input_value(0).get_node()
    return node.get_type_name() == "Constant"
