"""OpenVINO models with floating-point weights, and what their products compute."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import openvino
import openvino.opset13 as ops

from detect.artefacts.format import Precision
from detect.artefacts.network import Calls, Product, Values
from detect.formats.openvino import PRODUCTS
from detect.formats.openvino.bfloat16 import keep_places_exact, request_bfloat16

IN_GROUPS = 2  # axes of the weights of a GroupConvolution that count its outputs: groups, and outputs of each


class FloatNetwork:
    """A network with weights in float32 or float16; see `Network`."""

    def __init__(self, model: openvino.Model, precision: Precision):
        self._model, self._precision = model, precision
        self.products = products_of(model) if precision == "float16" else {}

    def write(self, path: Path, kept: Collection[str]) -> None:
        """See `Network`."""
        if self._precision == "bfloat16":
            request_bfloat16(self._model)
        model = self._model if self._precision == "float32" else with_halved_weights(self._model, kept)
        # OpenVINO halves all weights, or none.
        openvino.save_model(model, path, compress_to_fp16=self._precision != "float32" and not kept)
        if self._precision == "bfloat16":
            keep_places_exact(model, path)

    def values(self, calls: Calls, kept: Collection[str] | None) -> Iterator[dict[str, Values]]:
        """See `Network`."""
        model = self._model if kept is None else with_halved_weights(self._model, kept)
        return values_of(model, self.products, calls)


def with_halved_weights(model: openvino.Model, kept: Collection[str] = ()) -> openvino.Model:
    """Return the model with the weights of convolutions and matrix products in float16, but for those to keep.

    OpenVINO does so itself, but for those on the way to the indices of a gather: nearly all of a detector with queries,
    which look at places that they compute.
    """
    model = model.clone()
    for node in model.get_ordered_ops():
        weights = node.input_value(1).get_node() if node.get_type_name() in PRODUCTS else None
        if weights is None or weights.get_type_name() != "Constant" or weights.get_element_type() != openvino.Type.f32:
            continue
        is_kept = node.get_friendly_name() in kept
        if not is_kept and np.abs(weights.data).max(initial=0) < np.finfo(np.float16).max:
            smaller = ops.convert(ops.constant(weights.data.astype(np.float16)), "f32")
            node.input(1).replace_source_output(smaller.output(0))
    return model


def name_products(model: openvino.Model) -> None:
    """Name the products by their place and the shape of their weights.

    OpenVINO numbers them anew for each model, so that the same product has another name for another canvas.
    """
    products = (node for node in model.get_ordered_ops() if is_product(node))
    for place, node in enumerate(products):
        shape = "x".join(map(str, node.input_value(1).get_shape()))
        node.set_friendly_name(f"{node.get_type_name()} {place} ({shape})")


def products_of(model: openvino.Model, chosen: Collection[str] | None = None) -> dict[str, Product]:
    """Return the products with constant weights, by name: all, or those of the chosen nodes."""
    nodes = [node for node in model.get_ordered_ops() if is_product(node)]
    return {
        node.get_friendly_name(): _product(node)
        for node in nodes
        if chosen is None or node.get_friendly_name() in chosen
    }


def is_product(node: openvino.Node) -> bool:
    """Return whether the node is a product with weights."""
    return node.get_type_name() in PRODUCTS and _is_constant(node.input_value(1).get_node())


def values_of(model: openvino.Model, products: Mapping[str, Product], calls: Calls) -> Iterator[dict[str, Values]]:
    """Yield the values of these products of the model for each call, inputs before they are rounded."""
    nodes = [node for node in model.get_ordered_ops() if node.get_friendly_name() in products]
    outputs = [output for node in nodes for output in (unrounded(node.input_value(0)), node.output(0))]
    names = [node.get_friendly_name() for node in nodes]
    for found in outputs_of(model, outputs, calls):
        pairs = zip(names, found[::2], found[1::2], strict=True)
        yield {name: Values(before, after) for name, before, after in pairs}


def outputs_of(model: openvino.Model, outputs: list[openvino.Output], calls: Calls) -> Iterator[list[np.ndarray]]:
    """Yield the values of these outputs of nodes for each call."""
    cut = openvino.Model([ops.result(output) for output in outputs], model.get_parameters())
    compiled = openvino.Core().compile_model(cut, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for call in calls:
        found = compiled({port.any_name: call[port.any_name] for port in compiled.inputs})
        yield [found[place] for place in range(len(outputs))]


def _product(node: openvino.Node) -> Product:
    shape = list(node.input_value(1).get_shape())
    if node.get_type_name() == "MatMul":
        return Product(int(np.prod(shape)), list(node.get_output_partial_shape(0))[-1].get_length())
    axes = IN_GROUPS if node.get_type_name() == "GroupConvolution" else 1
    return Product(int(np.prod(shape)), int(np.prod(shape[:axes])))


def unrounded(value: openvino.Output) -> openvino.Output:
    """Return what is rounded to this value, or the value itself."""
    node = value.get_node()
    return node.input_value(0) if node.get_type_name() == "FakeQuantize" else value


def _is_constant(node: openvino.Node) -> bool:
    """Return whether the node is a constant, possibly converted or reshaped."""
    while node.get_input_size() and node.get_type_name() in ("Convert", "Reshape", "Transpose", "Unsqueeze"):
        node = node.input_value(0).get_node()
    return node.get_type_name() == "Constant"
