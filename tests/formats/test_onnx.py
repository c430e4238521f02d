"""What the writer of ONNX changes in a converted model."""

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import helper

from detect.formats.onnx.int8 import exact_scales
from detect.formats.onnx.writer import _converted, rename_pixel_centres
from detect.ops.ranking import best_detections

SIDES = 15, 20  # pixels


@pytest.mark.parametrize("scale", [(2, 2), (3, 2), (1.5, 2.5), (0.5, 0.75), (7 / 5, 5 / 3)])
def test_resizing_has_the_same_pixels_under_its_current_name(scale):
    model = resizing(scale)
    expected = run(model)
    rename_pixel_centres(model.graph)
    assert "tf_half_pixel_for_nn" not in str(model)
    np.testing.assert_array_equal(run(model), expected)


def resizing(scale: tuple[float, float]) -> onnx.ModelProto:
    """Return a model that resizes as tf2onnx writes it."""
    images, resized = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("x", "y"))
    region = onnx.numpy_helper.from_array(np.zeros(0, np.float32), "region")
    scales = onnx.numpy_helper.from_array(np.float32([1, 1, *scale]), "scales")
    mode = {"mode": "nearest", "coordinate_transformation_mode": "tf_half_pixel_for_nn", "nearest_mode": "floor"}
    node = helper.make_node("Resize", ["x", "region", "scales"], ["y"], **mode)
    graph = helper.make_graph([node], "resizing", [images], [resized], [region, scales])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: onnx.ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    images = np.arange(np.prod(SIDES), dtype=np.float32).reshape(1, 1, *SIDES)
    return session.run(None, {"x": images})[0]


@pytest.mark.parametrize("shape", [(6, 5, 1, 1), (6, 4, 3, 3), (6, 1, 5, 5)])
def test_no_sum_of_two_products_overflows_16_bits(shape):
    """Whatever order ONNX Runtime multiplies them in: values of one tap together, or those of one channel."""
    weights = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    weights[0] = 0
    weights[1, 0, 0, 0] = 100  # alone
    weights[2] = 1  # all pairs are as large
    scales = exact_scales(weights)
    rounded = np.round(weights / scales[:, None, None, None]).astype(int)
    for order in (rounded.reshape(6, -1), rounded.transpose(0, 2, 3, 1).reshape(6, -1)):
        sums = [255 * abs(a) + 255 * abs(b) for row in order for a, b in itertools.pairwise(row)]
        assert max(sums) <= np.iinfo(np.int16).max
    assert rounded[0].max() == 0
    assert rounded[1].max() > 120  # nearly 8 bits
    assert rounded[2].max() == 64  # 7 bits


def test_padding_of_images_with_fewer_detections_is_zero():
    """The second image has one, the first has three."""
    signature = [tf.TensorSpec([None, 4, 4], name="queries"), tf.TensorSpec([None, 4, 2], name="chances")]
    limits = {"confidence": 0.5, "max_detections": 5, "runtime": "portable"}
    step = tf.function(lambda boxes, chances: best_detections(boxes, chances, **limits), signature)
    model = _converted(step.get_concrete_function())
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    chances = np.float32([[[0.9, 0.1], [0.2, 0.8], [0.1, 0.7], [0.1, 0.1]], [[0.1, 0.1], [0.1, 0.6], [0, 0], [0, 0]]])
    boxes, scores, labels = session.run(None, {"queries": np.ones((2, 4, 4), np.float32), "chances": chances})
    np.testing.assert_array_equal(scores, np.float32([[0.9, 0.8, 0.7, 0, 0], [0.6, 0, 0, 0, 0]]))
    np.testing.assert_array_equal(labels, [[0, 1, 1, -1, -1], [1, -1, -1, -1, -1]])
    np.testing.assert_array_equal(boxes, np.broadcast_to((scores > 0)[..., None], (2, 5, 4)))
