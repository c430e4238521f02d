"""The layers of a detector whose inputs, kernels and outputs an export in int8 rounds."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from detect.artefacts.int8_network import trunk
from detect.layers.batch_normalization import BatchNormalization
from detect.models.detector import Detector
from detect.models.predict_step import predict_step, with_constant_weights

PRODUCTS = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2")
JOINS = (
    *("AddV2", "BiasAdd", "Mul", "FusedBatchNormV3", "Relu", "Relu6", "Sigmoid", "Identity", "IdentityN", "Cast"),
    *("ConcatV2", "Pad", "MaxPool", "Mean", "Reshape", "Squeeze", "Transpose", "ResizeNearestNeighbor"),
    "ResizeBilinear",
)

Call = Callable[..., Any]  # of a layer
Around = Callable[..., Any]  # gets a layer, its call, and the arguments of the call, and returns outputs


class RoundedLayer(NamedTuple):
    """A layer with a kernel, and the axes of the kernel along which channels lie."""

    layer: keras.layers.Layer
    ends: tuple[keras.layers.Layer, ...]  # whose outputs are rounded: the normalisations behind it, or itself
    input_axis: int
    output_axis: int
    is_grouped: bool  # whether a filter reads some of the input channels only; a depthwise one reads its own


class _Shapes(NamedTuple):
    """The channels of a call of a layer, and the rank of its inputs."""

    inputs: int
    outputs: int
    rank: int


def rounded_layers(detector: Detector, side: int) -> list[RoundedLayer]:
    """Return the layers that an export rounds, in the order in which they run: all but the last of each branch.

    Layers with kernels of other forms than those of convolutions and dense layers stay as they are.

    Args:
        detector: with its weights.
        side: of the images that it is exported for, pixels.
    """
    trace = _Trace()
    with rerouted(_observed(detector), trace.note):
        graph = with_constant_weights(predict_step(detector, side, side, tf.uint8, batch=1), detector).graph
    chosen = _in_trunk(graph, trace.scopes)
    found = (_rounded(layer, trace) for layer in dict.fromkeys(trace.scopes.values()) if layer in chosen)
    return [each for each in found if each is not None]


@contextlib.contextmanager
def rerouted(layers: Iterable[keras.layers.Layer], around: Around) -> Iterator[None]:
    """Let the calls of these layers go through `around` within the block."""
    changed = list(layers)
    reroute(changed, around)
    try:
        yield
    finally:
        for layer in changed:
            del layer.call


def reroute(layers: Iterable[keras.layers.Layer], around: Around) -> None:
    """Let the calls of these layers go through `around`, a function of the layer, its call and the arguments."""
    for layer in layers:
        layer.call = _through(layer, layer.call, around)


def _through(layer: keras.layers.Layer, call: Call, around: Around) -> Call:
    return lambda *inputs, **options: around(layer, call, *inputs, **options)


def _observed(detector: Detector) -> list[keras.layers.Layer]:
    layers = detector._flatten_layers(include_self=False)
    return [layer for layer in layers if _has_kernel(layer) or _is_normalization(layer)]


def _has_kernel(layer: keras.layers.Layer) -> bool:
    return isinstance(getattr(layer, "kernel", None), keras.Variable)


def _is_normalization(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, (BatchNormalization, keras.layers.BatchNormalization))


class _Trace:
    """The calls of layers, noted while the predict step is traced.

    Attributes:
        scopes: the layer with a kernel that is called in each name scope of the graph.
        shapes: of the last call of each layer with a kernel.
        ends: normalisations of the outputs of each of them.
    """

    def __init__(self) -> None:
        self.scopes: dict[str, keras.layers.Layer] = {}
        self.shapes: dict[keras.layers.Layer, _Shapes] = {}
        self.ends: dict[keras.layers.Layer, dict[keras.layers.Layer, None]] = {}
        self._makers: dict[Any, keras.layers.Layer] = {}  # by the reference of an output

    def note(self, layer: keras.layers.Layer, call: Call, inputs: Any, *others: Any, **options: Any) -> Any:
        """Call the layer, and note it."""
        outputs = call(inputs, *others, **options)
        if _has_kernel(layer):
            self.scopes[tf.get_current_name_scope()] = layer
            self.shapes[layer] = _Shapes(inputs.shape[-1], outputs.shape[-1], inputs.shape.rank)
            self._makers[outputs.ref()] = layer
        elif (maker := self._makers.get(inputs.ref())) is not None:
            self.ends.setdefault(maker, {})[layer] = None
        return outputs


def _in_trunk(graph: tf.Graph, scopes: dict[str, keras.layers.Layer]) -> set[keras.layers.Layer]:
    """Return the layers all of whose products are in the trunk of the network."""
    nodes = {node.name: node for node in graph.get_operations()}
    owners = {name: _owner(name, scopes) for name, node in nodes.items() if node.type in PRODUCTS}
    products = {name for name, owner in owners.items() if owner is not None}
    inside = trunk(
        products,
        lambda name: [tensor.op.name for tensor in nodes[name].inputs],
        lambda name: nodes[name].type in JOINS,
    )
    outside = {owners[name] for name in products - inside}
    return {owner for name in products & inside if (owner := owners[name]) is not None} - outside


def _owner(name: str, scopes: dict[str, keras.layers.Layer]) -> keras.layers.Layer | None:
    """Return the layer in whose scope a node is."""
    parts = name.split("/")
    paths = ("/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
    return next((scopes[path] for path in paths if path in scopes), None)


def _rounded(layer: keras.layers.Layer, trace: _Trace) -> RoundedLayer | None:
    """Return the layer with the axes of its kernel; None where the kernel is not of a known form."""
    kernel, shapes = tuple(layer.kernel.shape), trace.shapes[layer]
    ends = tuple(trace.ends.get(layer, (layer,)))
    is_image, is_depthwise = shapes.rank == 4, shapes.inputs == shapes.outputs == kernel[min(2, len(kernel) - 1)]
    if is_image and is_depthwise and (len(kernel) == 3 or kernel[3:] == (1,)):
        return RoundedLayer(layer, ends, 2, 2, is_grouped=False)
    if is_image and len(kernel) == 4 and kernel[3] == shapes.outputs:
        return RoundedLayer(layer, ends, 2, 3, is_grouped=kernel[2] != shapes.inputs)
    if kernel == (shapes.inputs, shapes.outputs):
        return RoundedLayer(layer, ends, 0, 1, is_grouped=False)
    return None
