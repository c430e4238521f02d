"""ONNX models whose weights are stored in float32 or float16, and what their products compute."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from detect.artefacts.network import Calls, Product, Values

PRODUCTS = ("Conv", "MatMul", "Gemm")
SMALL = 1024  # a constant with at most this many values stays in float32


class FloatNetwork:
    """A network with all of its large constants in float32 or float16; see `Network`."""

    def __init__(self, model: onnx.ModelProto, halved: bool):
        self._model, self._halved = model, halved
        self.products = products_of(model.graph, model.graph.node) if halved else {}

    def write(self, path: Path, kept: Collection[str]) -> None:
        """See `Network`."""
        save(self._with_weights(kept), path)

    def values(self, calls: Calls, kept: Collection[str] | None) -> Iterator[dict[str, Values]]:
        """See `Network`."""
        model = self._model if kept is None else self._with_weights(kept)
        return values_of(model, self.products, calls)

    def _with_weights(self, kept: Collection[str]) -> onnx.ModelProto:
        if not self._halved:
            return self._model
        copy = onnx.ModelProto()
        copy.CopyFrom(self._model)
        _halve_weights(copy.graph, {node.input[1] for node in copy.graph.node if node.name in kept})
        return copy


def save(model: onnx.ModelProto, path: Path) -> None:
    """Check the model and write it."""
    onnx.checker.check_model(model)
    onnx.save(model, path)


def products_of(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> dict[str, Product]:
    """Return those of the nodes that are products with constant weights, by name."""
    shapes = {constant.name: tuple(constant.dims) for constant in graph.initializer}
    found = {}
    for node in nodes:
        if node.op_type in PRODUCTS and node.input[1] in shapes:
            shape = shapes[node.input[1]]
            transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            is_first = node.op_type == "Conv" or transposed
            found[node.name] = Product(int(np.prod(shape)), shape[0] if is_first else shape[-1])
    return found


def values_of(model: onnx.ModelProto, products: Mapping[str, Product], calls: Calls) -> Iterator[dict[str, Values]]:
    """Yield the values of products for each call, inputs before they are rounded."""
    makers = {output: node for node in model.graph.node for output in node.output}
    nodes = [node for node in model.graph.node if node.name in products]
    tensors = {node.name: (_unrounded(node.input[0], makers), node.output[0]) for node in nodes}
    wanted = {tensor for pair in tensors.values() for tensor in pair}
    for found in activations(model, wanted, calls):
        yield {name: Values(found[before], found[after]) for name, (before, after) in tensors.items()}


def _unrounded(tensor: str, makers: Mapping[str, onnx.NodeProto]) -> str:
    """Return what is rounded to this tensor, or the tensor itself."""
    for kind in ("DequantizeLinear", "QuantizeLinear"):
        if tensor in makers and makers[tensor].op_type == kind:
            tensor = makers[tensor].input[0]
    return tensor


def activations(model: onnx.ModelProto, tensors: set[str], calls: Calls) -> Iterator[dict[str, np.ndarray]]:
    """Yield the values of these tensors of the model for each call."""
    opened, names = onnx.ModelProto(), sorted(tensors)
    opened.CopyFrom(model)
    kept = {output.name for output in opened.graph.output}
    opened.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in kept
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for call in calls:
        yield dict(zip(names, session.run(names, call), strict=True))


def _halve_weights(graph: onnx.GraphProto, kept: set[str]) -> None:
    """Store large constants but these as float16, each followed by a cast to float32."""
    casts = []
    for constant in graph.initializer:
        is_small = np.prod(constant.dims) <= SMALL
        if constant.data_type != onnx.TensorProto.FLOAT or is_small or constant.name in kept:
            continue
        name, values = constant.name, onnx.numpy_helper.to_array(constant)
        constant.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.float16"))
        casts.append(onnx.helper.make_node("Cast", [constant.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
