"""The types that OpenVINO computes in."""

from types import SimpleNamespace

import numpy as np
import openvino
import openvino.opset13 as ops
import pytest
from openvino import Type

from detect import formats
from detect.artefacts.format import Format
from detect.formats import openvino as of_openvino
from detect.formats.openvino.bfloat16 import keep_places_exact
from detect.formats.openvino.network import with_halved_weights
from detect.formats.openvino.reader import BFLOAT16, open_file

EXACT = 1 + 2.0**-12  # has more digits than bfloat16


@pytest.mark.parametrize("marked", [False, True])
def test_only_a_marked_model_is_computed_in_bfloat16(marked, tmp_path):
    images, weights = ops.parameter([1, 64], np.float32), ops.constant(EXACT * np.eye(64, dtype=np.float32))
    images.output(0).get_tensor().set_names({"images"})
    model = openvino.Model([ops.matmul(images, weights, False, False)], [images])
    if marked:
        model.set_rt_info("true", list(BFLOAT16))
    openvino.save_model(model, tmp_path / "model.xml", compress_to_fp16=False)
    (found,) = open_file(tmp_path / "model.xml")({"images": np.ones([1, 64], np.float32)})
    is_rounded = marked and of_openvino.bfloat16_type() == "bfloat16"
    assert found.tolist() == [[1.0 if is_rounded else EXACT] * 64]


@pytest.mark.parametrize(("preferred", "name"), [(Type.bf16, "bfloat16"), (Type.f16, "float32"), (Type.f32, "float32")])
def test_what_is_in_bfloat16_is_computed_in_it_where_the_processor_is_fast_in_it(preferred, name, monkeypatch):
    prefers = SimpleNamespace(get_property=lambda device, key: preferred)
    monkeypatch.setattr(openvino, "Core", lambda: prefers)
    assert formats.find("openvino").computed_in("bfloat16") == name


def test_other_exports_are_computed_in_one_type_on_every_processor():
    assert formats.find("openvino").computed_in("float32") == formats.find("openvino").computed_in("int8") == ""
    assert Format("", "model", ()).computed_in("float32") == ""


def test_weights_from_which_places_are_computed_are_halved_too():
    """A weight beyond the range of float16 stays as it is."""
    values = ops.parameter([1, 2], np.float32, name="values")
    small, large = np.float32([[0.1, 1], [2, 1]]), np.float32([[1e5, 0], [0, 1]])
    product = ops.matmul(ops.matmul(values, ops.constant(small), False, False), ops.constant(large), False, False)
    places = ops.convert(ops.clamp(product, 0, 3), "i32")
    model = openvino.Model([ops.gather(ops.constant(np.arange(4)), places, ops.constant(0))], [values])
    model = with_halved_weights(model)
    kinds = [node.get_element_type() for node in model.get_ordered_ops() if node.get_type_name() == "Constant"]
    assert kinds.count(Type.f16) == 1
    assert kinds.count(Type.f32) == 1
    found = openvino.Core().compile_model(model, "CPU")([np.float32([[1, 1]])])[0]
    np.testing.assert_array_equal(found, [[3, 2]])


def test_places_are_exact_in_a_model_that_is_computed_in_bfloat16(tmp_path):
    """1003 becomes 1004 in bfloat16; only that row of the table has a 1."""
    values, unit = ops.parameter([1, 64], np.float32), ops.constant(np.eye(64, dtype=np.float32))
    values.output(0).get_tensor().set_names({"values"})
    places = ops.convert(ops.add(ops.matmul(values, unit, False, False), np.float32(1002)), "i32")
    table = np.zeros(2000, np.float32)
    table[1003] = 1
    read = ops.gather(ops.constant(table), places, ops.constant(0))
    model = openvino.Model([ops.matmul(read, unit, False, False)], [values])
    model.set_rt_info("true", list(BFLOAT16))
    path = tmp_path / "model.xml"
    openvino.save_model(model, path, compress_to_fp16=False)
    keep_places_exact(model, path)
    (found,) = open_file(path)({"values": np.ones([1, 64], np.float32)})
    assert found.tolist() == [[1.0] * 64]
