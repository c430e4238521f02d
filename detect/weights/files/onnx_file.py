"""The weights in ONNX files, read without the package `onnx`.

Source: `onnx/onnx.proto` of https://github.com/onnx/onnx. Field 7 of a model is its graph, which has nodes (1) and
initialisers (5). A node has inputs (1), outputs (2) and the name of its operator (4). A tensor has sides (1), a type
(2), floats (4), a name (8), raw bytes (9), and a place (14) that is 1 where its numbers are in another file.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from detect.data.protobuf import Span, floats, integers, parts
from detect.weights.files.mapped_file import BFLOAT16, from_bfloat16, native, shaped_array

BEGINNING = b"\x08"  # field 1 of a model, the version of the format
KINDS = {
    1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8", 12: "<u4",
    13: "<u8", 16: BFLOAT16.str,
}  # fmt: skip
FLOAT, BRAIN_FLOAT = 1, 16
# Initialisers of other operators, such as the sizes of a Resize, are not weights.
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "InstanceNormalization")


class Convolution(NamedTuple):
    """A convolution of a graph."""

    name: str  # of its kernel
    kernel: np.ndarray  # [out, in, height, width]
    bias: np.ndarray | None  # [out]


class _Node(NamedTuple):
    operator: str
    inputs: list[str]
    outputs: list[str]


def is_onnx(content: memoryview) -> bool:
    """Return whether a file begins like a model of this format."""
    return bytes(content[:1]) == BEGINNING


def read_onnx(content: memoryview) -> dict[str, np.ndarray]:
    """Return the weights of all nodes, by name, in the order in which they are used. ValueError for a damaged file."""
    graph = _Graph(content)
    used = [name for node in graph.nodes if node.operator in WEIGHTED for name in graph.initialisers_of(node)]
    return {name: graph.tensor(name) for name in used}


def read_convolutions(content: memoryview) -> list[Convolution]:
    """Return the convolutions in the order in which they run. ValueError for a damaged file."""
    return list(_convolutions(_Graph(content)))


def _convolutions(graph: "_Graph") -> Iterator[Convolution]:
    for node in graph.nodes:
        names = graph.initialisers_of(node)
        if node.operator == "Conv" and names:
            kernel, *bias = names
            yield Convolution(kernel, graph.tensor(kernel), graph.tensor(bias[0]) if bias else None)


class _Graph:
    """The nodes of a model, in the order in which they run, and the places of its initialisers."""

    def __init__(self, content: memoryview):
        self.content = content
        self.nodes: list[_Node] = []
        self.places: dict[str, Span] = {}
        graphs = list(parts(content, (0, len(content)), 7))
        if not graphs:
            raise ValueError("it is not a model of ONNX: it has no graph")
        for graph in graphs:
            self.nodes += [self._node(place) for place in parts(content, graph, 1)]
            self.places |= {self._text(place, 8): place for place in parts(content, graph, 5)}
        # Initialisers with the same numbers are written once, and named again by nodes that copy them.
        for node in self.nodes:
            if node.operator == "Identity":
                for name in self.initialisers_of(node):
                    self.places |= dict.fromkeys(node.outputs, self.places[name])

    def initialisers_of(self, node: _Node) -> list[str]:
        """Return the names of the inputs of a node that are initialisers."""
        return [name for name in node.inputs if name in self.places]

    def tensor(self, name: str) -> np.ndarray:
        """Return the numbers of an initialiser; those of bfloat16 become float32."""
        place = self.places[name]
        shape = list(integers(self.content, place, 1))
        kind = next(integers(self.content, place, 2), 0)
        if kind not in KINDS or next(integers(self.content, place, 14), 0):
            raise ValueError(f"{name} is of the type {kind} or in another file, which is not read; export to one file")
        raw = next((self.content[start:end] for start, end in parts(self.content, place, 9)), None)
        if raw is None and kind == FLOAT:
            raw = memoryview(np.fromiter(floats(self.content, place, 4), "<f4").tobytes())
        try:
            array = native(shaped_array(memoryview(b"") if raw is None else raw, np.dtype(KINDS[kind]), shape))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return from_bfloat16(array) if kind == BRAIN_FLOAT else array

    def _node(self, place: Span) -> _Node:
        return _Node(self._text(place, 4), self._texts(place, 1), self._texts(place, 2))

    def _text(self, place: Span, number: int) -> str:
        return next(iter(self._texts(place, number)), "")

    def _texts(self, place: Span, number: int) -> list[str]:
        return [str(self.content[start:end], "utf-8", "replace") for start, end in parts(self.content, place, number)]
