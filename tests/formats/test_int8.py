"""Exports whose network computes in int8: much smaller, and with unrounded boxes."""

import sys
from dataclasses import replace

import numpy as np
import onnx
import openvino
import pytest
from ai_edge_litert import schema_py_generated as schema
from light_models import saved_small
from measuring.rescaling import rescale

import detect
from detect import formats
from detect.artefacts.export_card import files_size
from detect.artefacts.int8_network import (
    OUTLIERS,
    SAMPLED,
    TAIL,
    lost_by_rounding,
    quietly,
    ranges_of,
    sample_of,
    trunk,
)
from detect.data.shapes import write_shapes
from detect.errors import BadInput
from detect.export.export_run import export
from detect.inference.loading import load
from detect.models.saving import save
from detect.weights.opening import open_model

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("opened_once")]

SIDE = 64  # pixels
FORMATS = [name for name in formats.names() if "int8" in formats.find(name).precisions]
CONVOLUTIONS = 4  # of the trunk of the model
WIDER = 3000  # factor that spreads the widths of boxes of a model with random weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with boxes of many widths."""
    folder = saved_small(tmp_path_factory.mktemp("models") / "small")
    detector, card = open_model(folder)
    for weight in detector.weights:
        if weight.path.endswith("offsets/kernel"):
            weight.assign(WIDER * weight)
    save(detector, card, folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """What ranges are found with; the model finds nothing of it (test_trained has those that do)."""
    return write_shapes(tmp_path_factory.mktemp("data"), train=15, val=2, image_size=SIDE)


@pytest.fixture(scope="module", params=FORMATS)
def exported(folder, data, request):
    """An export in int8 in each format, whatever its AP: the model finds nothing but by chance."""
    return export(folder, request.param, precision="int8", data=data, max_ap_loss=100)


def test_it_is_much_smaller(folder, exported):
    assert exported.folder == folder / "exports" / f"{exported.card.format}-int8"
    weights = sum(4 * np.prod(weight.shape) for weight in detect.load(folder).backend.detector.weights)
    assert files_size(exported.folder) < 0.5 * weights


def test_weights_are_int8_in_the_file(exported):
    readers = {"openvino": openvino_arrays, "onnx": onnx_arrays, "litert": litert_arrays}
    if exported.card.format not in readers:
        pytest.skip("this test cannot read its files")
    assert share_of_int8(readers[exported.card.format](exported.folder)) > 2 / 3


def share_of_int8(arrays):
    """Return the share of int8 among the values of int8 and float32."""
    int8, float32 = (sum(size for kind, size in arrays if kind == dtype) for dtype in ("int8", "float32"))
    return int8 / (int8 + float32)


def openvino_arrays(folder):
    """Type and number of values of each constant."""
    model = openvino.Core().read_model(folder / f"{SIDE}x{SIDE}.xml")
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() == "Constant"]
    return [(node.get_element_type().to_dtype().name, node.data.size) for node in nodes]


def onnx_arrays(folder):
    arrays = map(onnx.numpy_helper.to_array, onnx.load(folder / f"{SIDE}x{SIDE}.onnx").graph.initializer)
    return [(array.dtype.name, array.size) for array in arrays]


def litert_arrays(folder):
    content = schema.ModelT.InitFromPackedBuf((folder / f"{SIDE}x{SIDE}.tflite").read_bytes(), 0)
    graph, *_ = content.subgraphs  # the others belong to the loop of suppression
    types = {code: name.lower() for name, code in vars(schema.TensorType).items()}
    made = {index for operation in graph.operators for index in operation.outputs}
    read = {index for operation in graph.operators for index in operation.inputs} - made - {-1}
    return [(types[graph.tensors[index].type], int(np.prod(graph.tensors[index].shape))) for index in read]


def test_each_channel_of_the_weights_has_a_scale(exported):
    if exported.card.format not in SCALES:
        pytest.skip("this test cannot read its files")
    scales = SCALES[exported.card.format](exported.folder)
    assert len(scales) == CONVOLUTIONS
    assert all(count == channels for count, channels in scales)


def openvino_scales(folder):
    """Return the number of scales of each filter in int8, and the number of its channels."""
    model = openvino.Core().read_model(folder / f"{SIDE}x{SIDE}.xml")
    multiplied = [node for node in model.get_ordered_ops() if node.get_type_name() == "Multiply"]
    weights = [(scale, values.get_node()) for scale, values in map(scaled_constant, multiplied) if scale is not None]
    return [(scale.data.size, filters.get_output_shape(0)[0]) for scale, filters in weights]


def scaled_constant(node):
    """Return the constant that int8 values are multiplied by, and these values; None and None for other values."""
    converted, scale = (node.input_value(place).get_node() for place in range(2))
    if converted.get_type_name() != "Convert" or scale.get_type_name() != "Constant":
        return None, None
    values = converted.input_value(0)
    return (scale, values) if values.get_element_type().to_dtype() == np.int8 else (None, None)


def onnx_scales(folder):
    graph = onnx.load(folder / f"{SIDE}x{SIDE}.onnx").graph
    arrays = {constant.name: onnx.numpy_helper.to_array(constant) for constant in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in arrays]
    filters = [node for node in nodes if arrays[node.input[0]].dtype == np.int8]
    return [(arrays[node.input[1]].size, arrays[node.input[0]].shape[0]) for node in filters]


def litert_scales(folder):
    content = schema.ModelT.InitFromPackedBuf((folder / f"{SIDE}x{SIDE}.tflite").read_bytes(), 0)
    graph, *_ = content.subgraphs  # the others belong to the loop of suppression
    filters = [tensor for tensor in graph.tensors if tensor.type == schema.TensorType.INT8 and len(tensor.shape) == 4]
    filters = [tensor for tensor in filters if has_data(content.buffers[tensor.buffer])]
    axes = [tensor.quantization.quantizedDimension for tensor in filters]
    return [(len(tensor.quantization.scale), tensor.shape[axis]) for tensor, axis in zip(filters, axes, strict=True)]


def has_data(buffer):
    """Return whether a buffer of LiteRT has values, in the description of the model or after it."""
    return buffer.data is not None or buffer.size > 0


SCALES = {"openvino": openvino_scales, "onnx": onnx_scales, "litert": litert_scales}


def test_channels_of_unequal_size_cost_nothing(folder, data, exported, tmp_path):
    """Published networks are like that: the same function with channels that differ a hundredfold."""
    format = exported.card.format
    detector, card = open_model(folder)
    assert rescale(detector) >= CONVOLUTIONS - 1
    save(detector, card, tmp_path / "unequal")
    unequal = export(tmp_path / "unequal", format, precision="int8", data=data, max_ap_loss=100)
    assert lost(unequal.folder, tmp_path / "unequal") < 1.5 * lost(exported.folder, folder)
    if format in SCALES:
        assert len(SCALES[format](unequal.folder)) == CONVOLUTIONS  # none of them had to stay in float32


def lost(exported, original) -> float:
    """Return the mean difference between the scores of an export and those of its original, best first."""
    images = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3), np.uint8)
    found, expected = (load(path).detect(images, 0.0).scores for path in (exported, original))
    return float(np.abs(found - expected).mean())


def test_boxes_are_not_rounded(exported):
    """Offsets in int8 would give 256 widths for each of the three strides."""
    model, widths = load(exported.folder), []
    for image in np.random.default_rng(0).integers(0, 256, (64, 1, SIDE, SIDE, 3), np.uint8):
        boxes = model.detect(image, confidence=0.0, iou=1.0).boxes[0]
        widths += list((boxes[:, 2] - boxes[:, 0])[(boxes[:, 0] > 0) & (boxes[:, 2] < SIDE)])  # not cut off
    assert len(set(widths)) > 3 * 256


def test_weights_alone_need_no_pictures(folder):
    done = export(folder, "litert", precision="int8-weights")
    assert done.folder == folder / "exports" / "litert-int8-weights"
    assert 0 < done.card.check.score_difference < 0.1
    assert share_of_int8(litert_arrays(done.folder)) > 2 / 3


@pytest.mark.long
@pytest.mark.parametrize("options", [{"batch": 3}, {"raw": True}], ids=str)
def test_with_other_options(folder, data, exported, options, tmp_path):
    """15 pictures are shown three at a time; or the file ends before suppression.

    A fixed batch may run by other kernels, which round a few sums to the next of 256 values: the scores differ by 2e-4
    then, and by 1e-2 where the ranges were found on 12 of the images.
    """
    format = exported.card.format
    if formats.find(format).batch == "one" and "batch" in options:
        pytest.skip("it takes one image per call")
    done = export(folder, format, precision="int8", data=data, out=tmp_path / "other", max_ap_loss=100, **options)
    images = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)
    found, expected = (load(each.folder).detect(images, 1e-4) for each in (done, exported))
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)


def test_what_int8_needs(tmp_path, monkeypatch):
    model = saved_small(tmp_path / "model")
    with pytest.raises(BadInput, match=r"int8 is calibrated on images .* --data"):
        export(model, "onnx", precision="int8")
    with pytest.raises(BadInput, match=r"no int8-weights for onnx: .*litert has float32, float16, int8, int8-weights"):
        export(model, "onnx", precision="int8-weights")
    lacking = replace(formats.find("openvino"), int8_with=("no_such_package",))
    monkeypatch.setattr("detect.formats.openvino.FORMAT", lacking)
    with pytest.raises(BadInput, match="Export to openvino needs no_such_package"):
        export(model, precision="int8", data=tmp_path)
    export(model)  # nothing else needs it


def test_the_trunk_ends_before_the_heads():
    """a, a sum, b, c and d are a chain; d predicts, and what decoding makes of it goes into another product, e."""
    inputs = {"a": [], "+": ["a"], "b": ["+"], "c": ["b"], "d": ["c"], "decoding": ["d"], "e": ["decoding"]}
    assert TAIL == 3
    assert trunk("abcde", inputs.__getitem__, lambda node: node == "+") == {"a", "+"}


def test_ranges_hold_all_of_few_values_and_zero():
    first, second = ({"x": np.float32(x), "y": np.float32(y)} for x, y in (([[-1, 3]], [2]), ([[0, 4]], [5])))
    assert ranges_of([first, second], 2) == {"x": (-1, 4), "y": (0, 5)}


def test_ranges_leave_out_a_few_of_many_values():
    values = np.random.default_rng(0).permutation(np.arange(-100_000, 300_000)).astype(np.float32)
    outside = int(OUTLIERS * len(values))
    assert outside == 8
    calls = [{"x": part.reshape(2, -1)} for part in np.split(values, 4)]
    assert ranges_of(calls, 4) == {"x": (outside - 100_000, 299_999 - outside)}


def test_a_sample_of_the_calls_is_from_all_over_them():
    calls = [{"x": np.float32(number)} for number in range(100)]
    sampled = [int(call["x"]) for call in sample_of(calls)]
    assert sampled[0] == 0
    assert sampled[-1] > 90
    assert SAMPLED / 2 < len(sampled) <= SAMPLED
    assert sample_of(calls[:3]) == calls[:3]


def test_a_channel_loses_its_variance_where_it_is_smaller_than_a_step():
    """A uniform error within a step of 2 / 255 has a variance of a twelfth of its square."""
    values = np.random.default_rng(0).uniform(-1, 1, (50_000, 1)).astype(np.float32)
    calls = [{"x": np.concatenate([values, 1e-3 * values, 0 * values], axis=1)}]
    step, variance = 2 / 255, 1 / 3
    first = step**2 / 12 / variance
    lost = lost_by_rounding(calls, {"x": (-1.0, 1.0)}, axis=1)
    assert lost["x"] == pytest.approx((first + 1) / 2, rel=0.01)  # the last one has no variance
    assert lost_by_rounding([{"x": np.zeros([4, 2], np.float32)}], {"x": (0.0, 0.0)}, axis=1) == {"x": 0.0}


def test_quietly(capsys):
    with quietly():
        print("a table")
        print("a bar", file=sys.stderr)
    print("after")
    assert capsys.readouterr() == ("after\n", "")
