"""Exports whose network computes in int8: as good as their original, much smaller, and with unrounded boxes."""

import numpy as np
import onnx
import openvino
import pytest
from ai_edge_litert.interpreter import Interpreter
from light_models import saved
from trained_models import learn

import detect
from detect.errors import BadInput
from detect.exporting import run as exporting
from detect.exporting.network import TAIL, quietly, ranges_of, trunk
from detect.exporting.run import export
from detect.inference.artefact import files_size
from detect.inference.loading import load

pytestmark = pytest.mark.slow

SIDE = 64  # pixels
# Formats, and the AP that this model may lose: 0.0033, 0.0057 and 0.0101 were seen. ONNX has 7 bits of weights.
MOST_LOST = {"openvino": 0.01, "litert": 0.01, "onnx": 0.015}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A run folder, and the data that its model has learnt by heart."""
    return learn("yolox-micro", tmp_path_factory.mktemp("learnt"))


@pytest.fixture(scope="module")
def folder(learnt):
    return learnt[0]


@pytest.fixture(scope="module")
def data(learnt):
    return learnt[1]


@pytest.fixture(scope="module", params=MOST_LOST)
def exported(folder, data, request):
    """An export in int8 in each format."""
    return export(folder, request.param, precision="int8", data=data, max_ap_loss=100 * MOST_LOST[request.param])


def test_it_is_as_good_and_much_smaller(folder, exported):
    assert exported.folder == folder / "exports" / f"{exported.card.format}-int8"
    assert exported.card.check.AP_of_original - MOST_LOST[exported.card.format] < exported.card.check.AP
    weights = sum(4 * np.prod(weight.shape) for weight in detect.load(folder).backend.detector.weights)
    assert files_size(exported.folder) < 0.5 * weights


def test_weights_are_int8_in_the_file(exported):
    read = {"openvino": openvino_arrays, "onnx": onnx_arrays, "litert": litert_arrays}[exported.card.format]
    sizes = {dtype: sum(size for kind, size in read(exported.folder) if kind == dtype) for dtype in ("int8", "float32")}
    assert sizes["int8"] > 2 * sizes["float32"]


def openvino_arrays(folder):
    """Type and number of values of each constant."""
    model = openvino.Core().read_model(folder / f"{SIDE}x{SIDE}.xml")
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() == "Constant"]
    return [(node.get_element_type().to_dtype().name, node.data.size) for node in nodes]


def onnx_arrays(folder):
    arrays = map(onnx.numpy_helper.to_array, onnx.load(folder / f"{SIDE}x{SIDE}.onnx").graph.initializer)
    return [(array.dtype.name, array.size) for array in arrays]


def litert_arrays(folder):
    interpreter = Interpreter(str(folder / f"{SIDE}x{SIDE}.tflite"))
    operations = interpreter._get_ops_details()
    made = {index for operation in operations for index in operation["outputs"]}
    read = {index for operation in operations for index in operation["inputs"]} - made
    details = [tensor for tensor in interpreter.get_tensor_details() if tensor["index"] in read]
    return [(np.dtype(tensor["dtype"]).name, int(np.prod(tensor["shape"]))) for tensor in details]


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
    sizes = dict.fromkeys(("int8", "float32"), 0)
    for dtype, size in litert_arrays(done.folder):
        sizes[dtype] = sizes.get(dtype, 0) + size
    assert sizes["int8"] > 2 * sizes["float32"]


@pytest.mark.parametrize("format", ["openvino", "onnx"])
def test_a_fixed_number_of_images(folder, data, format, tmp_path):
    """16 pictures are shown three at a time."""
    done = export(folder, format, precision="int8", batch=3, data=data, max_ap_loss=3, out=tmp_path / "three")
    assert done.card.check.AP_of_original - 0.03 < done.card.check.AP


def test_what_int8_needs(tmp_path, monkeypatch):
    model = saved("yolox-micro", tmp_path / "model")
    with pytest.raises(BadInput, match=r"int8 is calibrated on pictures .* --data"):
        export(model, "onnx", precision="int8")
    with pytest.raises(BadInput, match=r"no int8-weights for onnx: .*litert has float32, float16, int8, int8-weights"):
        export(model, "onnx", precision="int8-weights")
    monkeypatch.setattr(exporting, "QUANTISERS", {**exporting.QUANTISERS, "openvino": ("no_such_package",)})
    with pytest.raises(BadInput, match="Export to openvino needs no_such_package"):
        export(model, precision="int8", data=tmp_path)
    export(model)  # nothing else needs it


def test_the_trunk_ends_before_the_heads():
    """a, a sum, b, c and d are a chain; d predicts, and what decoding makes of it goes into another product, e."""
    inputs = {"a": [], "+": ["a"], "b": ["+"], "c": ["b"], "d": ["c"], "decoding": ["d"], "e": ["decoding"]}
    assert TAIL == 3
    assert trunk("abcde", inputs.__getitem__, lambda node: node == "+") == {"a", "+"}


def test_ranges_hold_all_values_and_zero():
    first, second = ({"x": np.float32(x), "y": np.float32(y)} for x, y in (([[-1, 3]], [2]), ([[0, 4]], [5])))
    assert ranges_of([first, second]) == {"x": (-1, 4), "y": (0, 5)}


def test_quietly(capsys):
    with quietly():
        print("a table")
    print("after")
    assert capsys.readouterr().out == "after\n"
