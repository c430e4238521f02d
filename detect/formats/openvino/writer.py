"""Write the whole predict step as OpenVINO IR, non-maximum suppression and thresholds included."""

from xml.etree import ElementTree

import numpy as np
import openvino
import openvino.opset13 as ops
from openvino.frontend.tensorflow import ConversionExtension

from detect.artefacts.export_card import OUTPUTS
from detect.artefacts.format import Canvas
from detect.artefacts.job import Job
from detect.artefacts.network import Network
from detect.formats.openvino.network import FloatNetwork, name_products


def write(job: Job) -> None:
    """See `Writer`. The weights go into a file beside each model."""
    job = job.built_for("portable")
    for canvas in job.export.canvases:
        network(job, canvas).write(job.path(canvas), job.kept)


def network(job: Job, canvas: Canvas) -> Network:
    """See `Writer`."""
    model = _converted(job.built_for("portable").frozen_step(canvas, combined=True))
    if job.precision == "int8":
        from detect.formats.openvino.int8 import Int8Network

        return Int8Network(model, job.calibration_inputs(canvas))
    return FloatNetwork(model, job.precision)


def label(job: Job) -> None:
    """Add the texts under `detect` to the `rt_info` of each model."""
    for path in job.paths:
        description = ElementTree.parse(path)
        place = description.getroot().find("rt_info")
        assert place is not None  # OpenVINO writes its version there
        texts = place.find("detect")  # where `write` has marked the model
        texts = ElementTree.SubElement(place, "detect") if texts is None else texts
        for name, text in job.texts.items():
            ElementTree.SubElement(texts, name, value=text)
        description.write(path, encoding="utf-8", xml_declaration=True)


def _converted(step) -> openvino.Model:
    """Return the step as an OpenVINO model whose inputs and outputs have names."""
    model = openvino.convert_model(
        step.graph,
        output=[tensor.name for tensor in step.outputs],
        extension=[ConversionExtension("CombinedNonMaxSuppression", _suppression)],
    )
    for port in model.inputs:
        port.get_tensor().set_names({port.any_name.split(":")[0]})
    for port, name in zip(model.outputs, OUTPUTS, strict=False):
        port.get_tensor().set_names({name})
    name_products(model)
    return model


def _suppression(node) -> list[openvino.Output]:
    """Return the outputs of TensorFlow's `CombinedNonMaxSuppression`, which OpenVINO does not have.

    They are boxes [B, D, 4], scores [B, D], classes float32 [B, D], all padded with zeros, and counts int32 [B].
    """
    boxes, scores, keep, _, iou, confidence = (node.get_input(position) for position in range(6))
    shared = boxes.get_partial_shape()[2] == 1  # one box for all classes
    count = ops.gather(ops.shape_of(scores, "i32"), _integers(2), _integers(0))  # [1], K
    columns = ops.transpose(scores, _integers(0, 2, 1))  # [B, K, A]
    if shared:
        boxes = ops.squeeze(boxes, _integers(2))  # [B, A, 4]
    else:  # as if each class were an image
        boxes = _join_first_axes(ops.transpose(boxes, _integers(0, 2, 1, 3)))  # [B * K, A, 4]
        columns = ops.unsqueeze(_join_first_axes(columns), _integers(1))  # [B * K, 1, A]
    chosen = ops.non_max_suppression(
        boxes,
        columns,
        ops.convert(keep, "i64"),
        iou,
        confidence,
        box_encoding="corner",
        sort_result_descending=True,
        output_type="i32",
    )
    rows, values = chosen.output(0), ops.gather(chosen.output(1), _integers(2), _integers(1))  # [n, 3] and [n, 1]
    image, label = (ops.gather(rows, _integers(column), _integers(1)) for column in (0, 1))  # [n, 1]
    corners = ops.gather_nd(boxes, ops.gather(rows, _integers(0, 2), _integers(1)))  # [n, 4]
    if not shared:
        image, label = ops.divide(image, count), ops.mod(image, count)
    images = ops.gather(ops.shape_of(scores, "i32"), _integers(0), _integers(0))  # [1], B
    return _by_image(image, (corners, values, ops.convert(label, "f32")), images, ops.convert(keep, "i32"))


def _by_image(image, columns, images, keep) -> list[openvino.Output]:
    """Return the first `keep` rows of each image.

    Args:
        image: the image that each row belongs to, int32 [n, 1].
        columns: boxes [n, 4], scores [n, 1] and labels [n, 1], best first.
        images: B, int32 [1].
        keep: D, int32 scalar.
    Returns:
        [B, D, 4], [B, D] and [B, D], padded with zeros, and the number of rows that are not padding, int32 [B].
    """
    every = ops.range(_scalar(0), ops.squeeze(images, _integers(0)), _scalar(1), "i32")  # [B]
    of_image = ops.convert(ops.equal(image, ops.unsqueeze(every, _integers(0))), "i32")  # [n, B]
    before = ops.cum_sum(of_image, _scalar(0), exclusive=True)
    place = ops.reduce_sum(ops.multiply(before, of_image), _integers(1), keep_dims=True)  # [n, 1]
    fits = ops.non_zero(ops.squeeze(ops.less(place, keep), _integers(1)), "i32")  # [1, m]
    fits = ops.squeeze(fits, _integers(0))
    spots = ops.gather(ops.concat([image, place], axis=1), fits, _integers(0))  # [m, 2]
    size = ops.concat([images, ops.unsqueeze(keep, _integers(0))], axis=0)
    outputs = []
    for column in columns:
        width = column.get_output_partial_shape(0)[1].get_length()
        empty = ops.broadcast(ops.constant(np.float32(0)), ops.concat([size, _integers(width)], axis=0))
        filled = ops.scatter_nd_update(empty, spots, ops.gather(column, fits, _integers(0)))
        outputs.append(filled if width > 1 else ops.squeeze(filled, _integers(2)))
    count = ops.minimum(ops.reduce_sum(of_image, _integers(0)), keep)
    return [*(output.output(0) for output in outputs), count.output(0)]


def _join_first_axes(values):
    """Return values [a, b, ...] as [a * b, ...]."""
    rest = range(2, len(values.get_output_partial_shape(0)))
    lengths = ops.gather(ops.shape_of(values, "i32"), _integers(*rest), _integers(0))
    return ops.reshape(values, ops.concat([_integers(-1), lengths], axis=0), special_zero=False)


def _scalar(value: int) -> openvino.Node:
    return ops.constant(np.int32(value))


def _integers(*values: int) -> openvino.Node:
    return ops.constant(np.array(values, np.int32))
