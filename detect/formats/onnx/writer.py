"""Write the whole predict step as ONNX, non-maximum suppression and thresholds included."""

from typing import Any

import numpy as np
import onnx
import tf2onnx

from detect.artefacts.export_card import OUTPUTS
from detect.artefacts.job import Job
from detect.formats.onnx.int8 import quantised

OPSET = 17
SMALL = 1024  # a constant with at most this many values stays in float32


def write(job: Job) -> None:
    """See `Writer`."""
    job = job.built_for("portable")
    for canvas in job.export.canvases:
        model = _converted(job.frozen_step(canvas, combined=True))
        if job.precision == "float16":
            _halve_weights(model.graph)
        elif job.precision == "int8":
            model = quantised(model, job.calibration_inputs(canvas))
        onnx.checker.check_model(model)
        onnx.save(model, job.path(canvas))


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
    model, _ = tf2onnx.convert.from_graph_def(
        step.graph.as_graph_def(),
        input_names=list(names),
        output_names=outputs,
        tensors_to_rename={**names, **dict(zip(outputs, OUTPUTS, strict=False))},
        opset=OPSET,
        custom_op_handlers={"CombinedNonMaxSuppression": (_suppression, [])},
    )
    return model


def _halve_weights(graph: onnx.GraphProto) -> None:
    """Store large constants as float16, each followed by a cast to float32."""
    casts = []
    for constant in graph.initializer:
        if constant.data_type != onnx.TensorProto.FLOAT or np.prod(constant.dims) <= SMALL:
            continue
        name, values = constant.name, onnx.numpy_helper.to_array(constant)
        constant.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.float16"))
        casts.append(onnx.helper.make_node("Cast", [constant.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _suppression(graph, node, name: str, _) -> None:
    """Replace a node `CombinedNonMaxSuppression` of TensorFlow, for B images, A boxes and K classes.

    Its outputs are boxes [B, D, 4], scores [B, D], classes float32 [B, D], all padded with zeros, and counts int32 [B].
    """
    boxes, scores, keep, _, iou, confidence = node.input
    outputs, shared = node.output, graph.get_shape(boxes)[2] == 1  # one box for all classes
    dtypes, shapes = node.output_dtypes, node.output_shapes
    graph.remove_node(node.name)

    def make(kind: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node with one output; arrays among its inputs become constants."""
        names = [value if isinstance(value, str) else constant(value) for value in inputs]
        return graph.make_node(kind, names, attr=attributes, op_name_scope=name).output[0]

    def constant(value: Any) -> str:
        return graph.make_const(tf2onnx.utils.make_name(name), np.asarray(value)).output[0]

    shape = make("Shape", scores)
    images, length, classes = (make("Gather", shape, integers(axis)) for axis in range(3))  # [1] each
    columns = make("Transpose", scores, perm=[0, 2, 1])  # [B, K, A]
    if shared:
        corners = make("Squeeze", boxes, integers(2))  # [B, A, 4]
    else:  # as if each class were an image
        corners = make("Transpose", boxes, perm=[0, 2, 1, 3])
        corners = make("Reshape", corners, make("Concat", integers(-1), length, integers(4), axis=0))  # [B * K, A, 4]
        columns = make("Reshape", columns, make("Concat", integers(-1), integers(1), length, axis=0))  # [B * K, 1, A]
    keep = make("Reshape", make("Cast", keep, to=onnx.TensorProto.INT64), integers(1))
    iou, confidence = (make("Reshape", value, integers(1)) for value in (iou, confidence))
    chosen = make("NonMaxSuppression", corners, columns, keep, iou, confidence)  # [n, 3]: image, class, box
    values = make("GatherND", columns, chosen)  # [n]
    found = make("GatherND", corners, make("Gather", chosen, integers(0, 2), axis=1))  # [n, 4]
    image, label = (make("Squeeze", make("Gather", chosen, integers(row), axis=1), integers(1)) for row in (0, 1))
    if not shared:
        image, label = make("Div", image, classes), make("Mod", image, classes)
    # Each image ranks the boxes of all images, with a score of -1 for those of the others; `keep` rows of -1 follow.
    every = make("Range", integer(0), make("Squeeze", images, integers(0)), integer(1))
    own = make("Equal", make("Unsqueeze", every, integers(1)), make("Unsqueeze", image, integers(0)))  # [B, n]
    ranked = make("Where", own, make("Unsqueeze", values, integers(0)), np.float32(-1))
    nothing = make("Expand", np.float32(-1), make("Concat", images, keep, axis=0))
    ranked = make("Concat", ranked, nothing, axis=1)
    best = graph.make_node("TopK", [ranked, keep], attr={"axis": 1}, output_count=2, op_name_scope=name).output
    real = make("Greater", best[0], np.float32(-0.5))  # [B, keep]
    factor = make("Cast", real, to=onnx.TensorProto.FLOAT)
    label = make("Cast", label, to=onnx.TensorProto.FLOAT)
    found = make("Concat", found, make("Expand", np.float32(0), make("Concat", keep, integers(4), axis=0)), axis=0)
    label = make("Concat", label, make("Expand", np.float32(0), keep), axis=0)
    results = (
        make("Mul", make("Gather", found, best[1]), make("Unsqueeze", factor, integers(2))),
        make("Mul", best[0], factor),
        make("Mul", make("Gather", label, best[1]), factor),
        make("Cast", make("ReduceSum", factor, integers(1), keepdims=0), to=onnx.TensorProto.INT32),
    )
    for result, output, dtype, known in zip(results, outputs, dtypes, shapes, strict=True):
        graph.make_node("Identity", [result], outputs=[output], dtypes=[dtype], shapes=[known], op_name_scope=name)


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def integer(value: int) -> np.ndarray:
    return np.array(value, np.int64)
