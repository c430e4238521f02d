"""`detect export`, and `detect predict` with the result."""

import json
import shutil

import pytest

from detect.artefacts.export_card import EXPORT_CARD
from detect.export import comparison

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("opened_once")]


@pytest.fixture(scope="module")
def folder(model_folder, tmp_path_factory):
    """A copy of the model, for its exports."""
    return shutil.copytree(model_folder, tmp_path_factory.mktemp("exported") / "model")


def test_an_export_predicts(command, shapes, folder, tmp_path):
    done = command("export", folder, "--data", shapes)
    assert done.code == 0, done.err
    exported = folder / "exports" / "openvino"
    assert f"Exported: {exported}" in done.out
    assert ", original " in done.out

    image = next((shapes.parent / "images" / "val").glob("*.jpg"))
    words = ("predict", folder, image, "--out", tmp_path, "--confidence", 0, "--save-json", tmp_path / "a.json")
    done = command(*words, "--backend", "openvino")
    assert done.code == 0, done.err
    assert f"Running the export in {exported}" in done.out
    assert json.loads((tmp_path / "a.json").read_text())
    assert "Running the export" not in command(*words, "--backend", "tensorflow").out


def test_without_data_nothing_is_claimed_of_ap(command, folder, tmp_path):
    done = command("export", folder, "--out", tmp_path / "x", "--precision", "float16")
    assert done.code == 0, done.err
    assert "AP was not checked" in done.out
    assert json.loads((tmp_path / "x" / EXPORT_CARD).read_text())["check"]["AP"] is None


def test_benchmark(command, folder, tmp_path, monkeypatch):
    """It shows and draws what was measured, see tests/export/test_comparison.py."""
    asked = []

    def measured(*given, **options):
        asked.append(given)
        return [comparison.Measured(name, None, 12.34, 15, 90, 600, 4.5) for name in ("tensorflow", "onnx")]

    monkeypatch.setattr(comparison, "benchmark", measured)
    (tmp_path / "chart.svg").write_text("<svg/>")
    done = command("benchmark", folder, "--formats", "onnx, tensorflow", "--out", tmp_path / "chart.svg")
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines() if line.startswith(("onnx", "tensorflow"))]
    assert asked == [(str(folder), ["onnx", "tensorflow"])]
    assert rows == [[name, "-", "12.3", "15.0", "90.0", "600", "4.5"] for name in ("tensorflow", "onnx")]
    assert "chart.svg will be replaced." in done.out
    assert (tmp_path / "chart.svg").read_text().startswith("<?xml")


def test_what_there_is_no_export_for(command, shapes, folder, tmp_path):
    assert "Unknown format 'onx'. Did you mean 'onnx'" in command("export", folder, "--format", "onx").err
    done = command("predict", tmp_path, shapes.parent, "--backend", "openvino")
    assert (done.code, "has no export for openvino" in done.err) == (2, True)
