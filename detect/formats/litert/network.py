"""LiteRT models in float32, float16 or with int8 weights, and what their products compute."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from detect.artefacts.int8_network import quietly
from detect.artefacts.network import Calls, Product, Values
from detect.files import write_bytes

PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")

KINDS = {code: kind for kind, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True)
class Operation:
    """An operation of a model with the names of its tensors."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class FloatNetwork:
    """A network as it was converted, of which no part can be chosen; see `Network`."""

    products: Mapping[str, Product] = {}

    def __init__(self, model: bytes):
        self._model = model

    def write(self, path: Path, kept: Collection[str]) -> None:
        """See `Network`."""
        write_bytes(path, self._model)

    def values(self, calls: Calls, kept: Collection[str] | None) -> Iterator[dict[str, Values]]:
        """See `Network`."""
        return ({} for _ in calls)


def operations_of(model: bytes) -> list[Operation]:
    """Return the operations of the model in the order in which they run."""
    content = schema.ModelT.InitFromPackedBuf(model, 0)
    main = content.subgraphs[0]
    kinds = [KINDS[code.builtinCode] for code in content.operatorCodes]

    def named(indices: Iterable[int]) -> tuple[str, ...]:
        return tuple(main.tensors[index].name.decode() for index in indices if index >= 0)  # -1: not given

    return [Operation(kinds[row.opcodeIndex], named(row.inputs), named(row.outputs)) for row in main.operators]


def with_weights(operations: list[Operation]) -> list[Operation]:
    """Return the products with constant weights."""
    made = {name for operation in operations for name in operation.outputs}
    return [operation for operation in operations if operation.kind in PRODUCTS and operation.inputs[1] not in made]


def products_of(model: bytes, operations: Iterable[Operation]) -> dict[str, Product]:
    """Return those of the operations that are products with constant weights, by the name of their output."""
    shapes, chosen = shapes_of(model), set(operations)
    return {
        operation.outputs[0]: Product(int(np.prod(shapes[operation.inputs[1]])), shapes[operation.outputs[0]][-1])
        for operation in with_weights(operations_of(model))
        if operation in chosen
    }


def values_of(model: bytes, original: bytes, products: Collection[str], calls: Calls) -> Iterator[dict[str, Values]]:
    """Yield the values of products, whose tensors are named as in the original, for each call."""
    operations = [operation for operation in operations_of(original) if operation.outputs[0] in products]
    tensors = {name for operation in operations for name in (operation.inputs[0], operation.outputs[0])}
    for found in activations(model, tensors, calls):
        pairs = ((operation.inputs[0], operation.outputs[0]) for operation in operations)
        yield {after: Values(found[before], found[after]) for before, after in pairs}


def shapes_of(model: bytes) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors of the main graph, by name."""
    main = schema.ModelT.InitFromPackedBuf(model, 0).subgraphs[0]
    return {tensor.name.decode(): tuple(map(int, tensor.shape)) for tensor in main.tensors}


def activations(model: bytes, tensors: set[str], calls: Calls) -> Iterator[dict[str, np.ndarray]]:
    """Yield the values of these tensors for each call."""
    with quietly():
        interpreter = Interpreter(
            model_content=model,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
    details = [tensor for tensor in interpreter.get_tensor_details() if tensor["name"] in tensors]
    found = {tensor["name"]: (tensor["index"], tensor["quantization"]) for tensor in details}
    step = interpreter.get_signature_runner()
    for call in calls:
        step(**call)
        yield {name: _in_float32(interpreter.get_tensor(place), scale) for name, (place, scale) in found.items()}


def _in_float32(values: np.ndarray, scale: tuple[float, int]) -> np.ndarray:
    """Return values that may be integers, as numbers of a scale and of what stands for zero."""
    if values.dtype == np.float32:
        return values
    step, zero = scale
    return np.float32(step) * (values.astype(np.float32) - zero)
