"""The forms of a model side by side; what is measured is for the machine, here only that it is."""

import pytest
from light_models import saved_small

import detect
from detect.data.shapes import write_shapes
from detect.errors import BadInput, RunFailure
from detect.export import comparison as benchmark_module
from detect.export.comparison import benchmark, chart
from detect.export.export_run import export
from detect.models.card import WEIGHTS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("opened_once")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with two exports."""
    folder = saved_small(tmp_path_factory.mktemp("benchmark") / "model")
    export(folder)
    export(folder, "onnx", precision="float16")
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(benchmark_module, "SECONDS", 0.1)


def test_every_form_is_measured(folder, tmp_path):
    shapes = write_shapes(tmp_path / "shapes", train=1, val=4, image_size=64)
    measured = {form.name: form for form in benchmark(folder, data=shapes)}
    original = detect.evaluate(folder, shapes).AP
    assert list(measured) == ["tensorflow", "onnx-float16", "openvino"]
    for form in measured.values():
        assert 0 < form.milliseconds <= form.milliseconds_95
        assert form.images_per_second > 0
        assert pytest.approx(original, abs=0.01) == form.AP
    assert measured["openvino"].memory < measured["tensorflow"].memory  # that of TensorFlow itself
    assert measured["onnx-float16"].size < measured["openvino"].size
    assert "onnx-float16" in chart(list(measured.values()))


def test_some_forms(folder):
    (form,) = benchmark(folder, ["onnx"])
    assert (form.name, form.AP) == ("onnx-float16", None)


def test_what_cannot_be_measured(folder, tmp_path):
    with pytest.raises(BadInput, match=r"Unknown format 'tensorflw'. Did you mean 'tensorflow'"):
        benchmark(folder, ["tensorflw"])
    with pytest.raises(BadInput, match="is not a run folder or model folder"):
        benchmark(tmp_path)
    bare = saved_small(tmp_path / "bare")
    with pytest.raises(BadInput, match=r"bare has no export for onnx. Make one: detect export .*bare --format onnx"):
        benchmark(bare, ["onnx"])
    (bare / WEIGHTS).write_bytes(b"")
    with pytest.raises(RunFailure, match=r"bare cannot be measured: .*model\.weights\.h5 is damaged"):
        benchmark(bare)
    (bare / WEIGHTS).unlink()  # as in the folder of an export
    with pytest.raises(BadInput, match="bare is not a run folder or model folder"):
        benchmark(bare)
