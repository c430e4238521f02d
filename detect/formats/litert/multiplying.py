"""Multiply the channels of the convolutions of a LiteRT model by factors, for int8."""

import copy
from collections import Counter
from collections.abc import Mapping

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from detect.artefacts.channel_factors import Factors, fitting, scaled_weights

IDENTIFIER = b"TFL3"  # of the file format
# The axes of the weights along which the channels of inputs and outputs lie, by kind of convolution.
AXES = {schema.BuiltinOperator.CONV_2D: (3, 0), schema.BuiltinOperator.DEPTHWISE_CONV_2D: (3, 3)}


def multiplied(model: bytes, factors: Mapping[str, Factors]) -> bytes:
    """Return the model with other weights and with multiplications around convolutions; its function stays the same.

    Args:
        model: the model in float32.
        factors: of convolutions, by the name of their output.
    """
    graph = _Graph(model)
    for operator in graph.take_operators():
        own = factors.get(graph.name(operator.outputs[0])) if len(operator.outputs) else None
        if own is None or graph.kind(operator) not in AXES:
            graph.operators.append(operator)
        else:
            graph.multiply(operator, own)
    return graph.packed()


def shared_weights(model: bytes) -> set[str]:
    """Return the names of the tensors that several operations read."""
    graph = schema.ModelT.InitFromPackedBuf(model, 0).subgraphs[0]
    uses = Counter(index for operator in graph.operators for index in set(operator.inputs))
    return {graph.tensors[index].name.decode() for index, count in uses.items() if count > 1 and index >= 0}


class _Graph:
    """The main graph of a model, which is written anew; others are the bodies of its loops."""

    def __init__(self, model: bytes):
        self._bytes = model
        self._model = schema.ModelT.InitFromPackedBuf(model, 0)
        self._graph, *self._bodies = self._model.subgraphs
        self.operators: list = []

    def take_operators(self) -> list:
        """Return the operators, and leave none."""
        taken, self._graph.operators = self._graph.operators, self.operators
        return taken

    def kind(self, operator) -> int:
        return self._model.operatorCodes[operator.opcodeIndex].builtinCode

    def name(self, index: int) -> str:
        return self._graph.tensors[index].name.decode()

    def multiply(self, operator, factors: Factors) -> None:
        """Add the operator with weights for its factors, and the multiplications by them."""
        operator.inputs = np.array(operator.inputs)
        values, weights, *bias = operator.inputs
        array, axes = self._array(weights), AXES[self.kind(operator)]
        factors = fitting(factors, array, axes[0])
        scaled = scaled_weights(array, factors, *axes)
        operator.inputs[1] = self._constant_like(weights, "weights", operator, scaled)
        if factors.inputs is not None:
            operator.inputs[0] = self._tensor_like(values, "multiplied", operator)
            self._add_product(values, factors.inputs, operator.inputs[0])
        self.operators.append(operator)
        if factors.outputs is not None:
            for index in bias:
                scaled = self._array(index) * factors.outputs
                operator.inputs[2] = self._constant_like(index, "bias", operator, scaled)
            result, operator.outputs = operator.outputs[0], np.array(operator.outputs)
            operator.outputs[0] = self._tensor_like(result, "undivided", operator)
            self._add_product(operator.outputs[0], 1 / factors.outputs, result)

    def packed(self) -> bytes:
        """Return the model as bytes."""
        self._drop_unused_values()
        builder = flatbuffers.Builder(len(self._bytes))
        builder.Finish(self._model.Pack(builder), IDENTIFIER)
        return bytes(builder.Output())

    def _array(self, index: int) -> np.ndarray:
        tensor = self._graph.tensors[index]
        content = self._model.buffers[tensor.buffer].data
        return np.frombuffer(content.tobytes(), np.float32).reshape(tensor.shape)

    def _drop_unused_values(self) -> None:
        """Empty the buffers of tensors that no operator reads any more; several tensors may have one buffer."""
        read = {index for operator in self.operators for index in operator.inputs if index >= 0}
        of_bodies = {tensor.buffer for body in self._bodies for tensor in body.tensors}
        kept = of_bodies | {self._graph.tensors[index].buffer for index in read}
        for tensor in self._graph.tensors:
            if tensor.buffer not in kept:
                self._model.buffers[tensor.buffer].data = None

    def _constant_like(self, index: int, what: str, operator, values: np.ndarray) -> int:
        """Add a constant of the shape of another one, which may belong to other operators too."""
        constant = self._tensor_like(index, what, operator)
        self._graph.tensors[constant].buffer = len(self._model.buffers)
        self._model.buffers.append(_buffer(values))
        return constant

    def _add_product(self, values: int, factors: np.ndarray, result: int) -> None:
        """Multiply a tensor by constant factors."""
        constant = schema.TensorT()
        constant.name, constant.shape = f"{self.name(result)}/factors".encode(), np.array(factors.shape, np.int32)
        constant.type, constant.buffer = schema.TensorType.FLOAT32, len(self._model.buffers)
        self._model.buffers.append(_buffer(factors))
        self._graph.tensors.append(constant)
        product = schema.OperatorT()
        product.opcodeIndex = self._code(schema.BuiltinOperator.MUL)
        product.inputs = np.array([values, len(self._graph.tensors) - 1], np.int32)
        product.outputs = np.array([result], np.int32)
        product.builtinOptionsType = schema.BuiltinOptions.MulOptions
        product.builtinOptions = schema.MulOptionsT()
        product.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.NONE
        self.operators.append(product)

    def _tensor_like(self, index: int, what: str, operator) -> int:
        """Add a tensor of the shape of another one, named by what it is for an operator."""
        tensor = copy.copy(self._graph.tensors[index])
        tensor.name = f"{self.name(operator.outputs[0])}/{what}".encode()
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _code(self, kind: int) -> int:
        """Return the index of the code of a kind of operator, which is added where there is none."""
        codes = [code.builtinCode for code in self._model.operatorCodes]
        if kind not in codes:
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = kind
            code.version = 1
            self._model.operatorCodes.append(code)
        return [*codes, kind].index(kind)


def _buffer(values: np.ndarray):
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values, np.float32).tobytes(), np.uint8)
    return buffer
