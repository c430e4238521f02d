"""Write the whole predict step as ONNX, non-maximum suppression and thresholds included."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import tf2onnx

from detect.artefacts.export_card import OUTPUTS
from detect.artefacts.format import Canvas
from detect.artefacts.job import Job
from detect.artefacts.network import Network
from detect.formats.onnx.int8 import Int8Network
from detect.formats.onnx.network import FloatNetwork

OPSET = 17
Pairs = tuple[str, str, str, str]  # of box and class: nodes for their images, boxes, scores and classes


def write(job: Job) -> None:
    """See `Writer`."""
    job = job.built_for("portable")
    for canvas in job.export.canvases:
        network(job, canvas).write(job.path(canvas), job.kept)


def network(job: Job, canvas: Canvas) -> Network:
    """See `Writer`."""
    model = _converted(job.built_for("portable").frozen_step(canvas, combined=True))
    rename_pixel_centres(model.graph)
    if job.precision == "int8":
        return Int8Network(model, job.calibration_inputs(canvas))
    return FloatNetwork(model, halved=job.precision == "float16")


def label(job: Job) -> None:
    """Add each text as a metadata property, `detect.NAME`."""
    for path in job.paths:
        model = onnx.load(path)
        for name, text in job.texts.items():
            model.metadata_props.add(key=f"detect.{name}", value=text)
        onnx.save(model, path)


def _converted(step) -> onnx.ModelProto:
    """Return the step as an ONNX model."""
    names = {tensor.name: tensor.op.name for tensor in step.inputs}
    outputs = [tensor.name for tensor in step.outputs]

    def convert() -> onnx.ModelProto:
        model, _ = tf2onnx.convert.from_graph_def(
            step.graph.as_graph_def(),
            input_names=list(names),
            output_names=outputs,
            tensors_to_rename={**names, **dict(zip(outputs, OUTPUTS, strict=False))},
            opset=OPSET,
            custom_op_handlers={"CombinedNonMaxSuppression": (_suppression, []), "Erfc": (_complementary_error, [])},
        )
        return model

    try:
        with _without_copies():
            return convert()
    except Exception:  # of an optimisation, such as that of transposes before a number is added, in SSDLite
        return convert()


@contextlib.contextmanager
def _without_copies() -> Iterator[None]:
    """Let optimisations of tf2onnx change the graph itself, and fail.

    It would copy the graph before each of them, to go on without one that fails: a quarter of the time of
    an export of FCOS.
    """
    name = "TF2ONNX_CATCH_ERRORS"
    before = os.environ.get(name)
    os.environ[name] = "FALSE"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


def rename_pixel_centres(graph: onnx.GraphProto) -> None:
    """Write resizing to the nearest pixel as current versions of ONNX have it.

    tf2onnx writes it as in version 11, of which ONNX Runtime warns at each start: rounding (x + 0.5) / scale down is
    rounding (x + 0.5) / scale - 0.5 to the nearest pixel, and halves up.
    """
    current = {"coordinate_transformation_mode": b"half_pixel", "nearest_mode": b"round_prefer_ceil"}
    for node in graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        mode = attributes.get("coordinate_transformation_mode")
        if node.op_type == "Resize" and mode is not None and mode.s == b"tf_half_pixel_for_nn":
            for name, value in current.items():
                attributes[name].s = value


def _suppression(graph, node, name: str, _) -> None:
    """Replace a node `CombinedNonMaxSuppression` of TensorFlow, for B images, A boxes and K classes.

    Its outputs are boxes [B, D, 4], scores [B, D], classes float32 [B, D], all padded with zeros, and counts int32 [B].
    """
    boxes, scores, keep, _, iou, confidence = node.input
    outputs, shared = node.output, graph.get_shape(boxes)[2] == 1  # one box for all classes
    dtypes, shapes = node.output_dtypes, node.output_shapes
    graph.remove_node(node.name)
    nodes = _Nodes(graph, name)
    keep = nodes.add("Reshape", nodes.add("Cast", keep, to=onnx.TensorProto.INT64), integers(1))
    thresholds = [nodes.add("Reshape", value, integers(1)) for value in (iou, confidence)]
    images = nodes.add("Gather", nodes.add("Shape", scores), integers(0))  # [1], B
    results = _by_image(nodes, *_kept(nodes, boxes, scores, shared, keep, thresholds), images, keep)
    for result, output, dtype, known in zip(results, outputs, dtypes, shapes, strict=True):
        graph.make_node("Identity", [result], outputs=[output], dtypes=[dtype], shapes=[known], op_name_scope=name)


def _complementary_error(graph, node, name: str, _) -> None:
    """Replace a node `Erfc` of TensorFlow, which ONNX does not have, by 1 - Erf."""
    (values,), (output,), dtypes, shapes = node.input, node.output, node.output_dtypes, node.output_shapes
    graph.remove_node(node.name)
    nodes = _Nodes(graph, name)
    one = np.ones([], np.float32)
    result = nodes.add("Sub", one, nodes.add("Erf", values))
    graph.make_node("Identity", [result], outputs=[output], dtypes=dtypes, shapes=shapes, op_name_scope=name)


class _Nodes:
    """Nodes that are added to a graph of tf2onnx, and are named by their outputs."""

    def __init__(self, graph, scope: str):
        self._graph, self._scope = graph, scope

    def add(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node with one output; arrays among its inputs become constants."""
        return self.add_with_outputs(1, kind, *inputs, **attributes)[0]

    def add_with_outputs(self, count: int, kind: str, *inputs: Any, **attributes: Any) -> list[str]:
        """Add a node with `count` outputs; arrays among its inputs become constants."""
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        node = self._graph.make_node(kind, names, attr=attributes, output_count=count, op_name_scope=self._scope)
        return node.output

    def _constant(self, value: Any) -> str:
        return self._graph.make_const(tf2onnx.utils.make_name(self._scope), np.asarray(value)).output[0]


def _kept(nodes: _Nodes, boxes: str, scores: str, shared: bool, keep: str, thresholds: list[str]) -> Pairs:
    """Return the pairs of box and class that suppression keeps, in any order.

    Args:
        nodes: where nodes are added.
        boxes: [B, A, 1, 4] if `shared` by the classes, else [B, A, K, 4].
        scores: [B, A, K].
        shared: whether the classes share boxes.
        keep: the most pairs to keep of an image and class, int64 [1].
        thresholds: for the overlap and for the score, float32 [1] each.
    Returns:
        The image of each pair, int64 [n], its box [n, 4], its score [n] and its class, float32 [n].
    """
    columns = nodes.add("Transpose", scores, perm=[0, 2, 1])  # [B, K, A]
    length, classes = (nodes.add("Gather", nodes.add("Shape", scores), integers(axis)) for axis in (1, 2))  # [1] each
    if shared:
        corners = nodes.add("Squeeze", boxes, integers(2))  # [B, A, 4]
    else:  # as if each class were an image
        corners = nodes.add("Transpose", boxes, perm=[0, 2, 1, 3])
        shape = nodes.add("Concat", integers(-1), length, integers(4), axis=0)
        corners = nodes.add("Reshape", corners, shape)  # [B * K, A, 4]
        shape = nodes.add("Concat", integers(-1), integers(1), length, axis=0)
        columns = nodes.add("Reshape", columns, shape)  # [B * K, 1, A]
    chosen = nodes.add("NonMaxSuppression", corners, columns, keep, *thresholds)  # [n, 3]: image, class, box
    values = nodes.add("GatherND", columns, chosen)
    found = nodes.add("GatherND", corners, nodes.add("Gather", chosen, integers(0, 2), axis=1))
    image, label = (
        nodes.add("Squeeze", nodes.add("Gather", chosen, integers(column), axis=1), integers(1)) for column in (0, 1)
    )
    if not shared:
        image, label = nodes.add("Div", image, classes), nodes.add("Mod", image, classes)
    return image, found, values, nodes.add("Cast", label, to=onnx.TensorProto.FLOAT)


def _by_image(nodes: _Nodes, image: str, found: str, values: str, label: str, images: str, keep: str) -> list[str]:
    """Return the best pairs of each image.

    Args:
        nodes: where nodes are added.
        image: the image of each pair, int64 [n].
        found: boxes [n, 4].
        values: scores [n].
        label: classes, float32 [n].
        images: B, int64 [1].
        keep: D, int64 [1].
    Returns:
        Boxes [B, D, 4], scores [B, D] and classes [B, D], best first, padded with zeros, and counts int32 [B].
    """
    # Each image ranks the pairs of all images, with a score of -1 for those of the others, and D rows of padding.
    every = nodes.add("Range", integer(0), nodes.add("Squeeze", images, integers(0)), integer(1))
    own = nodes.add("Equal", nodes.add("Unsqueeze", every, integers(1)), nodes.add("Unsqueeze", image, integers(0)))
    ranked = nodes.add("Where", own, nodes.add("Unsqueeze", values, integers(0)), np.float32(-1))  # [B, n]
    padding = nodes.add("Expand", np.float32(-1), nodes.add("Concat", images, keep, axis=0))
    ranked = nodes.add("Concat", ranked, padding, axis=1)  # [B, n + D]
    found = nodes.add("Concat", found, _zeros(nodes, keep, integers(4)), axis=0)  # [n + D, 4]
    label = nodes.add("Concat", label, _zeros(nodes, keep), axis=0)
    scores, rows = nodes.add_with_outputs(2, "TopK", ranked, keep, axis=1)  # [B, D] each
    real = nodes.add("Cast", nodes.add("Greater", scores, np.float32(-0.5)), to=onnx.TensorProto.FLOAT)
    return [
        nodes.add("Mul", nodes.add("Gather", found, rows), nodes.add("Unsqueeze", real, integers(2))),
        nodes.add("Mul", scores, real),
        nodes.add("Mul", nodes.add("Gather", label, rows), real),
        nodes.add("Cast", nodes.add("ReduceSum", real, integers(1), keepdims=0), to=onnx.TensorProto.INT32),
    ]


def _zeros(nodes: _Nodes, *lengths: Any) -> str:
    """Return float32 zeros of a shape given by its lengths, int64 [1] each."""
    return nodes.add("Expand", np.float32(0), nodes.add("Concat", *lengths, axis=0))


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def integer(value: int) -> np.ndarray:
    return np.array(value, np.int64)
