"""Convert the convolutions and matrix products of an ONNX model to int8, calibrated on images."""

import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from detect.artefacts.channel_factors import Factors, along, factors_of, fitting, scaled_weights, sizes_of_channels
from detect.artefacts.int8_network import MOST_LOST, lost_by_rounding, quietly, ranges_of, sample_of, trunk
from detect.artefacts.network import Calls, Values
from detect.formats.onnx.network import PRODUCTS, activations, products_of, save, values_of

CHANNELS = 1  # their axis in activations
PASSING = ("Relu", "Clip", "MaxPool")  # int8 passes through these unchanged
JOINS = (
    *(*PASSING, "Add", "Mul", "Sigmoid", "HardSigmoid", "HardSwish", "Concat", "Pad", "Resize", "Transpose"),
    *("Reshape", "Squeeze", "GlobalAveragePool", "ReduceMean"),
)


class Int8Network:
    """A network whose trunk has int8 weights, one scale per channel, and uint8 activations; see `Network`.

    x86 and ARM are both fast with uint8 activations.
    """

    def __init__(self, model: onnx.ModelProto, calls: Calls):
        """Find the ranges of activations.

        Args:
            model: the model in float32.
            calls: inputs by name, one dictionary per call.
        """
        self._model, self._call = with_factors(model, calls), calls[0]
        nodes = _nodes(self._model.graph)
        tensors = {tensor for node in nodes for tensor in (node.input[0], node.output[0])}
        self._ranges = ranges_of(activations(self._model, tensors, calls), len(calls))
        lost = lost_by_rounding(activations(self._model, tensors, sample_of(calls)), self._ranges, CHANNELS)
        self._chosen = [node for node in nodes if node.op_type != "Conv" or _lost(node, lost) <= MOST_LOST]
        self.products = products_of(self._model.graph, self._chosen)

    def write(self, path: Path, kept: Collection[str]) -> None:
        """See `Network`."""
        save(self._quantised(kept), path)

    def values(self, calls: Calls, kept: Collection[str] | None) -> Iterator[dict[str, Values]]:
        """See `Network`."""
        model = self._model if kept is None else self._quantised(kept)
        return values_of(model, self.products, calls)

    def _quantised(self, kept: Collection[str]) -> onnx.ModelProto:
        ranges = self._ranges.items()
        overrides = {name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in ranges}
        overrides |= self._weight_scales()
        chosen = [node.name for node in self._chosen if node.name not in kept]
        if not chosen:  # all, for ONNX Runtime
            return self._model
        with tempfile.TemporaryDirectory() as folder, quietly():
            original, path = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
            onnx.save(self._model, original)
            quantize_static(
                original,
                path,
                _OneCall(self._call),  # required, but its ranges are overridden
                per_channel=True,
                reduce_range=True,  # for the weights of matrix products
                activation_type=QuantType.QUInt8,
                nodes_to_quantize=chosen,
                extra_options={"TensorQuantOverrides": overrides},
            )
            return onnx.load(path)

    def _weight_scales(self) -> dict[str, list[dict[str, Any]]]:
        """Return the scales of the weights of convolutions, one per channel, as the quantiser takes them."""
        constants = {constant.name: constant for constant in self._model.graph.initializer}
        names = {node.input[1] for node in self._chosen if node.op_type == "Conv"}
        scales = {name: exact_scales(onnx.numpy_helper.to_array(constants[name])) for name in names}
        return {
            name: [
                {"axis": 0, "scale": scale, "zero_point": np.int8(0), "quant_type": QuantType.QInt8} for scale in each
            ]
            for name, each in scales.items()
        }


def exact_scales(weights: np.ndarray) -> np.ndarray:
    """Return the smallest scales of weights in int8 for which no processor adds products wrongly, float32 [O].

    Processors without VNNI multiply by uint8 values, and add two products in 16 bits. That overflows unless the
    absolute values of two weights that follow each other add up to 128 at most. With 7 bits they always do, but with
    them the authors' YOLOX-Nano has 0.333 AP instead of 0.340.

    Args:
        weights: [O, I, ...], which ONNX Runtime may lay out with the input channels first or last.
    """
    sizes = np.abs(weights.reshape(len(weights), weights.shape[1], -1))  # [O, I, H * W]
    orders = (sizes.reshape(len(sizes), -1), sizes.transpose(0, 2, 1).reshape(len(sizes), -1))
    pairs = [(order[:, 1:] + order[:, :-1]).max(axis=1, initial=0) for order in orders]
    largest = np.maximum(np.max(pairs, axis=0), sizes.max(axis=(1, 2))) / 127  # both may be rounded up
    return np.where(largest > 0, largest, 1).astype(np.float32)


def _lost(node: onnx.NodeProto, lost: dict[str, float]) -> float:
    return lost[node.input[0]] + lost[node.output[0]]


def with_factors(model: onnx.ModelProto, calls: Calls) -> onnx.ModelProto:
    """Return the model with `Factors` for the channels of its convolutions that will be quantised."""
    uses = Counter(name for node in model.graph.node for name in node.input)
    constants = {constant.name for constant in model.graph.initializer}
    convolutions = [
        node
        for node in _nodes(model.graph)
        if node.op_type == "Conv" and constants.issuperset(node.input[1:]) and uses[node.input[1]] == 1
    ]
    if not convolutions:
        return model
    tensors = {tensor for node in convolutions for tensor in (node.input[0], node.output[0])}
    sizes = sizes_of_channels(activations(model, tensors, calls), len(calls), CHANNELS)
    factors = {name: factors_of(size) for name, size in sizes.items()}
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    chosen, nodes = {node.name for node in convolutions}, list(changed.graph.node)
    del changed.graph.node[:]
    for node in nodes:
        if node.name in chosen:
            own = Factors(factors[node.input[0]], factors[node.output[0]])
            changed.graph.node.extend(_multiplied(changed.graph, node, own))
        else:
            changed.graph.node.append(node)
    _drop_unused(changed.graph, {name for node in convolutions for name in node.input[1:]})
    return changed


def _multiplied(graph: onnx.GraphProto, node: onnx.NodeProto, factors: Factors) -> list[onnx.NodeProto]:
    """Return the convolution with weights for its factors, and the multiplications by them, in order."""
    constants = {constant.name: constant for constant in graph.initializer}
    weights, *bias = (onnx.numpy_helper.to_array(constants[name]) for name in node.input[1:])
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    input_axis = 0 if groups == len(weights) > 1 else 1
    factors = fitting(factors, weights, input_axis)
    before, after = list[onnx.NodeProto](), list[onnx.NodeProto]()

    def constant(values: np.ndarray, what: str) -> str:
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), f"{node.name}/{what}"))
        return f"{node.name}/{what}"

    def multiply(tensor: str, values: np.ndarray, result: str, what: str) -> onnx.NodeProto:
        shaped = constant(along(values, CHANNELS, weights.ndim), f"{what}_factors")
        return onnx.helper.make_node("Mul", [tensor, shaped], [result], name=f"{node.name}/{what}")

    if factors.inputs is not None:
        before.append(multiply(node.input[0], factors.inputs, f"{node.name}/multiplied", "multiply"))
        node.input[0] = f"{node.name}/multiplied"
    if factors.outputs is not None:
        after.append(multiply(f"{node.name}/undivided", 1 / factors.outputs, node.output[0], "divide"))
        node.output[0] = f"{node.name}/undivided"
        if bias:
            node.input[2] = constant(bias[0] * factors.outputs, "bias")
    if before or after:
        node.input[1] = constant(scaled_weights(weights, factors, input_axis, 0), "weights")
    return [*before, node, *after]


def _drop_unused(graph: onnx.GraphProto, constants: set[str]) -> None:
    """Drop those of the constants, which are weights of convolutions, that no node reads any more."""
    unused = constants - {name for node in graph.node for name in node.input}
    kept = [constant for constant in graph.initializer if constant.name not in unused]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return the nodes to quantise."""
    by_name, constants = {node.name: node for node in graph.node}, {constant.name for constant in graph.initializer}
    makers = {output: node.name for node in graph.node for output in node.output}
    products = {node.name for node in graph.node if node.op_type in PRODUCTS and node.input[1] in constants}

    def inputs(name: str) -> list[str]:
        return [makers[tensor] for tensor in by_name[name].input if tensor in makers]

    chosen = trunk(products, inputs, lambda name: by_name[name].op_type in JOINS)
    return [node for node in graph.node if node.name in chosen and node.op_type in (*PRODUCTS, *PASSING)]


class _OneCall(CalibrationDataReader):
    """Calibration data that consist of the inputs of one call."""

    def __init__(self, call: dict[str, np.ndarray]):
        self._calls = iter([call])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._calls, None)
