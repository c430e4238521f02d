"""Weights in ONNX files: tensors in all ways in which they are stored, in the order in which they are used."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from detect.errors import BadInput
from detect.weights.files.tensor_files import read_convolutions, read_tensors

KERNEL = np.arange(8, dtype=np.float32).reshape(2, 4, 1, 1)
BIAS = np.float32([0.5, -1])


def saved(path, nodes, tensors):
    """Write a model; the order of its tensors says nothing."""
    graph = helper.make_graph(nodes, "graph", [], [], initializer=tensors)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def convolution(*inputs: str):
    return helper.make_node("Conv", ["x", *inputs], ["y"])


def test_weights_are_in_the_order_of_their_use(tmp_path):
    arrays = {"last": KERNEL, "sizes": np.float32([1, 1, 2, 2]), "bias": BIAS, "first": KERNEL + 1}
    nodes = [
        convolution("first", "bias"),
        helper.make_node("Resize", ["y", "", "sizes"], ["z"]),
        convolution("last"),
        helper.make_node("Conv", ["x", "computed"], ["y"]),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    path = saved(tmp_path / "weights.onnx", nodes, tensors)
    found = read_tensors(path)
    assert list(found) == ["first", "bias", "last"]
    for name, array in found.items():
        np.testing.assert_array_equal(array, arrays[name])
    first, last = read_convolutions(path)
    assert (first.name, last.name, last.bias) == ("first", "last", None)
    np.testing.assert_array_equal(first.bias, BIAS)
    np.testing.assert_array_equal(last.kernel, KERNEL)


def test_tensors_that_are_written_once(tmp_path):
    """PyTorch writes equal initialisers once and copies them by nodes."""
    nodes = [helper.make_node("Identity", ["bias"], ["copy"]), convolution("kernel", "copy")]
    tensors = [numpy_helper.from_array(BIAS, "bias"), numpy_helper.from_array(KERNEL, "kernel")]
    (found,) = read_convolutions(saved(tmp_path / "weights.onnx", nodes, tensors))
    np.testing.assert_array_equal(found.bias, BIAS)


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (TensorProto.FLOAT, False, BIAS),
        (TensorProto.FLOAT, True, BIAS),
        (TensorProto.FLOAT16, True, BIAS.astype(np.float16)),
        (TensorProto.BFLOAT16, True, BIAS),
        (TensorProto.DOUBLE, True, BIAS.astype(float)),
    ],
)
def test_types_of_numbers(tmp_path, kind, raw, expected):
    values = expected.tobytes() if raw else expected
    if kind == TensorProto.BFLOAT16:
        values = (expected.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    tensor = helper.make_tensor("bias", kind, [2], values, raw=raw)
    found = read_tensors(saved(tmp_path / "weights.onnx", [convolution("bias")], [tensor]))["bias"]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dims": [3]}, "bias: a tensor has 8 bytes"),
        ({"dims": [-2, -1]}, "bias: a tensor has 8 bytes"),
        ({"dims": [2**62]}, "bias: a tensor has 8 bytes"),
        ({"data_type": 17}, "bias is of the type 17"),
        ({"data_location": TensorProto.EXTERNAL}, "or in another file, which is not read; export to one file"),
    ],
)
def test_other_tensors_are_refused(tmp_path, change, said):
    tensor = numpy_helper.from_array(BIAS, "bias")
    for field, value in change.items():
        tensor.ClearField(field)
        getattr(tensor, field).extend(value) if isinstance(value, list) else setattr(tensor, field, value)
    with pytest.raises(BadInput, match=rf"weights\.onnx cannot be read: .*{said}"):
        read_tensors(saved(tmp_path / "weights.onnx", [convolution("bias")], [tensor]))


def test_every_cut_is_noticed(tmp_path):
    tensors = [numpy_helper.from_array(KERNEL, "kernel"), numpy_helper.from_array(BIAS, "bias")]
    path = saved(tmp_path / "weights.onnx", [convolution("kernel", "bias")], tensors)
    content, graph = path.read_bytes(), onnx.load(path).graph.SerializeToString()
    for end in range(content.index(graph) + len(graph)):
        path.write_bytes(content[:end])
        with pytest.raises(BadInput, match=r"weights\.onnx cannot be read"):
            read_tensors(path)
