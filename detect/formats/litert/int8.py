"""Convert the weights of a LiteRT model to int8, and its activations if there are images to calibrate them on."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_quantizer import Quantizer
from ai_edge_quantizer.qtyping import TFLOperationName

from detect.artefacts.channel_factors import Factors, factors_of, sizes_of_channels
from detect.artefacts.int8_network import (
    MOST_LOST,
    Calls,
    lost_by_rounding,
    quietly,
    ranges_of,
    sample_of,
    trunk,
)
from detect.formats.litert.multiplying import multiplied, shared_weights

PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
PASSING = (
    "PAD",
    "MAX_POOL_2D",
    "CONCATENATION",
    "RESIZE_NEAREST_NEIGHBOR",
)  # int8 passes unchanged
JOINS = (*PASSING, "ADD", "MUL", "LOGISTIC", "RELU", "RELU6", "HARD_SWISH", "MEAN", "RESHAPE", "RESIZE_BILINEAR")

KINDS = {code: kind for kind, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True)
class Operation:
    """An operation of a model with the names of its tensors."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def quantised(model: bytes, calls: Calls) -> bytes:
    """Return the model with int8 weights, one scale per channel.

    Args:
        model: the model in float32.
        calls: inputs to calibrate it on. Activations in the trunk are int8 too, within ranges found with these; the
            rest stays float32. Without any, all products have int8 weights, and the ranges of their inputs are found
            anew for each image.
    """
    every = TFLOperationName.ALL_SUPPORTED
    if calls:
        model = with_factors(model, calls)
        fixed, statistics = _in_int8(model, calls)
        quantizer = Quantizer(bytearray(model))
        quantizer.add_static_config(_scope(fixed), every, activation_num_bits=8, weight_num_bits=8)
    else:
        statistics, quantizer = {}, Quantizer(bytearray(model))
        quantizer.add_dynamic_config(_scope(_products(operations_of(model))), every, num_bits=8)
    with quietly():
        return bytes(quantizer.quantize(statistics).quantized_model)


def _in_int8(model: bytes, calls: Calls) -> tuple[list[Operation], dict[str, dict[str, np.ndarray]]]:
    """Return the operations that work in int8 from input to output, and the ranges of their tensors.

    The ranges are as the quantiser takes them.
    """
    operations = operations_of(model)
    fixed = _fixed(operations, _products(operations))
    tensors = {name for operation in fixed for name in (*_activations_of(operation), *operation.outputs)}
    activations = _Activations(model, tensors)
    ranges = ranges_of(activations.of(calls), len(calls))
    lost = lost_by_rounding(activations.of(sample_of(calls)), ranges, axis=-1)
    kept = [operation for operation in fixed if operation.kind not in PRODUCTS or _lost(operation, lost) <= MOST_LOST]
    ranks = {name: values.ndim for name, values in next(activations.of(calls[:1])).items()}
    edges = {name: [np.full([1] * ranks[name], edge, np.float32) for edge in ends] for name, ends in ranges.items()}
    return kept, {name: {"min": low, "max": high} for name, (low, high) in edges.items()}


def _lost(operation: Operation, lost: dict[str, float]) -> float:
    return lost[operation.inputs[0]] + lost[operation.outputs[0]]


def with_factors(model: bytes, calls: Calls) -> bytes:
    """Return the model with `Factors` for the channels of its convolutions that will be quantised."""
    operations, shared = operations_of(model), shared_weights(model)
    fixed = _fixed(operations, _products(operations))
    products = [operation for operation in fixed if operation.kind in PRODUCTS and operation.inputs[1] not in shared]
    tensors = {name for operation in products for name in (operation.inputs[0], operation.outputs[0])}
    sizes = sizes_of_channels(_Activations(model, tensors).of(sample_of(calls)), axis=-1)
    factors = {name: factors_of(size) for name, size in sizes.items()}
    names = [(operation.inputs[0], operation.outputs[0]) for operation in products]
    unequal = [(before, after) for before, after in names if factors[before] is not None or factors[after] is not None]
    return multiplied(model, {after: Factors(factors[before], factors[after]) for before, after in unequal})


def operations_of(model: bytes) -> list[Operation]:
    """Return the operations of the model in the order in which they run."""
    content = schema.ModelT.InitFromPackedBuf(model, 0)
    main = content.subgraphs[0]
    kinds = [KINDS[code.builtinCode] for code in content.operatorCodes]

    def named(indices: Iterable[int]) -> tuple[str, ...]:
        return tuple(main.tensors[index].name.decode() for index in indices if index >= 0)  # -1: not given

    return [Operation(kinds[row.opcodeIndex], named(row.inputs), named(row.outputs)) for row in main.operators]


def _products(operations: list[Operation]) -> list[Operation]:
    """Return the operations with weights."""
    made = {name for operation in operations for name in operation.outputs}
    return [operation for operation in operations if operation.kind in PRODUCTS and operation.inputs[1] not in made]


def _fixed(operations: list[Operation], products: list[Operation]) -> list[Operation]:
    """Return the operations that work in int8 from input to output."""
    makers = {name: operation for operation in operations for name in operation.outputs}
    chosen = trunk(
        products,
        lambda operation: [makers[name] for name in operation.inputs if name in makers],
        lambda operation: operation.kind in JOINS,
    )
    return [operation for operation in operations if operation in chosen and operation.kind in (*PRODUCTS, *PASSING)]


def _activations_of(operation: Operation) -> tuple[str, ...]:
    """Return the inputs of the operation but its weights, whose ranges the quantiser finds per channel."""
    return operation.inputs[:1] if operation.kind in PRODUCTS else operation.inputs


def _scope(operations: Iterable[Operation]) -> str:
    """Return a regular expression for the names that the quantiser gives to these operations."""
    names = ("".join(f"{name};" for name in operation.outputs) for operation in operations)
    return f"^({'|'.join(map(re.escape, names))})$"


class _Activations:
    """The values of some tensors of a model."""

    def __init__(self, model: bytes, tensors: set[str]):
        """
        Args:
            model: the model in float32.
            tensors: their names.
        """
        with quietly():
            self._interpreter = Interpreter(
                model_content=model,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
        details = self._interpreter.get_tensor_details()
        self._places = {tensor["name"]: tensor["index"] for tensor in details if tensor["name"] in tensors}

    def of(self, calls: Calls) -> Iterator[dict[str, np.ndarray]]:
        """Yield the values by name for each call."""
        step = self._interpreter.get_signature_runner()
        for call in calls:
            step(**call)
            yield {name: self._interpreter.get_tensor(place) for name, place in self._places.items()}
