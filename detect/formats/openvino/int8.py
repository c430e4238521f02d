"""An OpenVINO model with its convolutions and matrix products in int8, calibrated on pictures."""

import nncf
import openvino
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
from nncf.quantization.range_estimator import RangeEstimatorParametersSet

from detect.artefacts.int8_network import Calls, quietly, trunk

PRODUCTS = ("Convolution", "GroupConvolution", "MatMul")
PASSING = ("Concat", "MaxPool")  # which int8 values go through as they are
JOINS = (
    *(*PASSING, "Add", "Multiply", "Sigmoid", "Swish", "Relu", "Clamp", "HSwish", "HSigmoid", "Interpolate", "Pad"),
    *("Reshape", "Transpose", "Squeeze", "ReduceMean"),
)


def quantised(model: openvino.Model, calls: Calls) -> openvino.Model:
    """The model with int8 weights, a scale a channel, and int8 inputs of the products in its trunk.

    What they give is float32, so activations are computed in it: on YOLOX-micro, int8 there costs 0.7 points of AP.
    With heads in int8, some models lose a point with ranges between the extremes, others 6 without the outliers.

    Args:
        model: in float32.
        calls: inputs by name, for one picture after the other.
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
    """What is not quantised."""
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
    """Whether it multiplies with weights."""
    return node.get_type_name() in PRODUCTS and _is_constant(node.input_value(1).get_node())


def _is_constant(node: openvino.Node) -> bool:
    """Whether it is a constant, as it is stored or converted and reshaped."""
    while node.get_input_size() and node.get_type_name() in ("Convert", "Reshape", "Transpose", "Unsqueeze"):
        node = node.input_value(0).get_node()
    return node.get_type_name() == "Constant"
