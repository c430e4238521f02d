"""Convert the convolutions and matrix products of a LiteRT model to int8, calibrated on images."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from ai_edge_quantizer import Quantizer
from ai_edge_quantizer.qtyping import TFLOperationName

from detect.artefacts.channel_factors import Factors, factors_of, sizes_of_channels
from detect.artefacts.int8_network import MOST_LOST, lost_by_rounding, quietly, ranges_of, sample_of, trunk
from detect.artefacts.network import Calls, Values
from detect.files import write_bytes
from detect.formats.litert.multiplying import multiplied, shared_weights
from detect.formats.litert.network import (
    PRODUCTS,
    Operation,
    activations,
    operations_of,
    products_of,
    shapes_of,
    values_of,
    with_weights,
)

EVERY = TFLOperationName.ALL_SUPPORTED
PASSING = ("PAD", "MAX_POOL_2D", "CONCATENATION", "RESIZE_NEAREST_NEIGHBOR")  # int8 passes through these unchanged
JOINS = (*PASSING, "ADD", "MUL", "LOGISTIC", "RELU", "RELU6", "HARD_SWISH", "MEAN", "RESHAPE", "RESIZE_BILINEAR")


Statistics = dict[str, dict[str, np.ndarray]]  # the ranges of tensors by name, as the quantiser takes them


class QuantisedNetwork:
    """A network of which some operations have int8 weights, one scale per channel; see `Network`."""

    def __init__(self, model: bytes, chosen: list[Operation], statistics: Statistics | None):
        """Keep what `int8_network` or `weights_network` have chosen.

        Args:
            model: the model in float32.
            chosen: the operations to be quantised.
            statistics: the ranges of their inputs and outputs, which are then in int8, too; None: they stay in float32.
        """
        self._model, self._chosen, self._statistics = model, chosen, statistics
        self.products = products_of(model, chosen)

    def write(self, path: Path, kept: Collection[str]) -> None:
        """See `Network`."""
        write_bytes(path, self._quantised(kept))

    def values(self, calls: Calls, kept: Collection[str] | None) -> Iterator[dict[str, Values]]:
        """See `Network`."""
        model = self._model if kept is None else self._quantised(kept)
        return values_of(model, self._model, self.products, calls)

    def _quantised(self, kept: Collection[str]) -> bytes:
        names = _scope(operation for operation in self._chosen if operation.outputs[0] not in kept)
        quantizer = Quantizer(bytearray(self._model))
        if self._statistics is None:
            quantizer.add_weight_only_config(names, EVERY, num_bits=8)
        else:
            quantizer.add_static_config(names, EVERY, activation_num_bits=8, weight_num_bits=8)
        with quietly():
            return bytes(quantizer.quantize(self._statistics or {}).quantized_model)


def int8_network(model: bytes, calls: Calls) -> QuantisedNetwork:
    """Return the network with a trunk in int8, within ranges that are found with these inputs by name.

    Args:
        model: the model in float32.
        calls: inputs by name, one dictionary per call.
    """
    model = with_factors(model, calls)
    operations = operations_of(model)
    fixed = _fixed(operations, with_weights(operations))
    tensors = {name for operation in fixed for name in (*_activations_of(operation), *operation.outputs)}
    ranges = ranges_of(activations(model, tensors, calls), len(calls))
    lost = lost_by_rounding(activations(model, tensors, sample_of(calls)), ranges, axis=-1)
    chosen = [each for each in fixed if each.kind not in PRODUCTS or _lost(each, lost) <= MOST_LOST]
    return QuantisedNetwork(model, chosen, _statistics(ranges, shapes_of(model)))


def weights_network(model: bytes) -> QuantisedNetwork:
    """Return the network with all weights in int8, which computes in float32.

    With inputs in int8 too, within ranges found anew for each image, the authors' YOLOX-Nano loses 8.5 points of AP
    instead of 0.4, and takes half as long again.
    """
    return QuantisedNetwork(model, with_weights(operations_of(model)), None)


def _statistics(ranges: Mapping[str, tuple[float, float]], shapes: Mapping[str, tuple[int, ...]]) -> Statistics:
    edges = {
        name: [np.full([1] * len(shapes[name]), edge, np.float32) for edge in ends] for name, ends in ranges.items()
    }
    return {name: {"min": low, "max": high} for name, (low, high) in edges.items()}


def _lost(operation: Operation, lost: dict[str, float]) -> float:
    return lost[operation.inputs[0]] + lost[operation.outputs[0]]


def with_factors(model: bytes, calls: Calls) -> bytes:
    """Return the model with `Factors` for the channels of its convolutions that will be quantised."""
    operations, shared = operations_of(model), shared_weights(model)
    fixed = _fixed(operations, with_weights(operations))
    products = [operation for operation in fixed if operation.kind in PRODUCTS and operation.inputs[1] not in shared]
    tensors = {name for operation in products for name in (operation.inputs[0], operation.outputs[0])}
    sizes = sizes_of_channels(activations(model, tensors, calls), len(calls), axis=-1)
    factors = {name: factors_of(size) for name, size in sizes.items()}
    names = [(operation.inputs[0], operation.outputs[0]) for operation in products]
    unequal = [(before, after) for before, after in names if factors[before] is not None or factors[after] is not None]
    return multiplied(model, {after: Factors(factors[before], factors[after]) for before, after in unequal})


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
