"""LiteRT models with int8 weights: calibrated on pictures, or without."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_quantizer import Quantizer
from ai_edge_quantizer.qtyping import TFLOperationName

from detect.artefacts.int8_network import Calls, quietly, ranges_of, trunk

PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
PASSING = ("PAD", "MAX_POOL_2D", "CONCATENATION", "RESIZE_NEAREST_NEIGHBOR")  # which int8 values go through
JOINS = (*PASSING, "ADD", "MUL", "LOGISTIC", "RELU", "RELU6", "HARD_SWISH", "MEAN", "RESHAPE", "RESIZE_BILINEAR")


@dataclass(frozen=True)
class Operation:
    """One of a model; tensors are by name."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def quantised(model: bytes, calls: Calls) -> bytes:
    """The model with int8 weights, a scale a channel.

    Args:
        model: in float32.
        calls: what it is calibrated with: in the trunk activations are int8 too, in ranges found with these, and the
            rest is float32. Where there are none, all products have int8 weights, and their inputs are int8 in ranges
            found anew for each picture.
    """
    with quietly():
        interpreter = Interpreter(
            model_content=model,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
    operations = _operations(interpreter)
    products = _products(operations)
    quantizer, every = Quantizer(bytearray(model)), TFLOperationName.ALL_SUPPORTED
    fixed = _fixed(operations, products) if calls else []
    if calls:
        quantizer.add_static_config(_scope(fixed), every, activation_num_bits=8, weight_num_bits=8)
    else:
        quantizer.add_dynamic_config(_scope(products), every, num_bits=8)
    tensors = {name for operation in fixed for name in (*operation.inputs, *operation.outputs)}
    with quietly():
        return bytes(quantizer.quantize(_statistics(interpreter, tensors, calls)).quantized_model)


def _operations(interpreter: Interpreter) -> list[Operation]:
    names = {tensor["index"]: tensor["name"] for tensor in interpreter.get_tensor_details()}

    def named(indices: Iterable[int]) -> tuple[str, ...]:
        return tuple(names[index] for index in indices if index in names)

    rows = interpreter._get_ops_details()
    return [Operation(row["op_name"], named(row["inputs"]), named(row["outputs"])) for row in rows]


def _products(operations: list[Operation]) -> list[Operation]:
    """Those with weights."""
    made = {name for operation in operations for name in operation.outputs}
    return [operation for operation in operations if operation.kind in PRODUCTS and operation.inputs[1] not in made]


def _fixed(operations: list[Operation], products: list[Operation]) -> list[Operation]:
    """Those that work on int8 from input to output."""
    makers = {name: operation for operation in operations for name in operation.outputs}
    chosen = trunk(
        products,
        lambda operation: [makers[name] for name in operation.inputs if name in makers],
        lambda operation: operation.kind in JOINS,
    )
    return [operation for operation in operations if operation in chosen and operation.kind in (*PRODUCTS, *PASSING)]


def _scope(operations: Iterable[Operation]) -> str:
    """A regular expression for the names that the quantiser gives to these operations."""
    names = ("".join(f"{name};" for name in operation.outputs) for operation in operations)
    return f"^({'|'.join(map(re.escape, names))})$"


def _statistics(interpreter: Interpreter, tensors: set[str], calls: Calls) -> dict[str, dict[str, np.ndarray]]:
    """The ranges of these tensors, as the quantiser takes them."""
    details = [tensor for tensor in interpreter.get_tensor_details() if tensor["name"] in tensors]
    ranks = {tensor["name"]: len(tensor["shape"]) for tensor in details}
    ranges = ranges_of(_activations(interpreter, details, calls), len(calls))
    edges = {name: [np.full([1] * ranks[name], edge, np.float32) for edge in ends] for name, ends in ranges.items()}
    return {name: {"min": low, "max": high} for name, (low, high) in edges.items()}


def _activations(interpreter: Interpreter, details: list[dict], calls: Calls) -> Iterator[dict[str, np.ndarray]]:
    """The values of these tensors for each call."""
    step = interpreter.get_signature_runner()
    for call in calls:
        step(**call)
        yield {tensor["name"]: interpreter.get_tensor(tensor["index"]) for tensor in details}
