"""`detect export`, and `detect predict` with the result."""

import json
import shutil

import numpy as np
import pytest

from detect.artefacts.export_card import EXPORT_CARD, Check, ConfidentCheck
from detect.artefacts.golden_vectors import read_golden, write_golden
from detect.cli.export import differences
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


def test_an_export_is_checked(command, folder, tmp_path, monkeypatch):
    """It is made without a dataset, so that nothing is claimed of its AP."""
    exported = tmp_path / "exported"
    done = command("export", folder, "--out", exported, "--precision", "float16")
    assert done.code == 0, done.err
    assert "AP was not checked" in done.out
    assert json.loads((exported / EXPORT_CARD).read_text())["check"]["AP"] is None
    done = command("export", "check", exported)
    assert done.code == 0, done.err
    assert "64x64: boxes agree" in done.out
    assert "It finds here what it found" in done.out

    card = json.loads((exported / EXPORT_CARD).read_text())
    (golden,) = read_golden(exported, ((64, 64),)).values()
    write_golden(exported, {(64, 64): golden._replace(scores=golden.scores * np.float32(1.1))})
    done = command("export", "check", exported)
    assert (done.code, "golden.npz is damaged, or is of another export" in done.err) == (2, True)
    card["files"].pop("golden.npz")
    (exported / EXPORT_CARD).write_text(json.dumps(card))
    done = command("export", "check", exported)
    assert (done.code, "does not compute here what it computed" in done.err) == (1, True)
    assert done.out.splitlines()[1].startswith("  64x64: scores differ: image 0, position 0: expected ")

    (exported / "golden.npz").unlink()
    done = command("export", "check", exported)
    assert (done.code, "has no golden.npz" in done.err, "Export the model again" in done.err) == (2, True, True)
    done = command("export", "check", folder)
    assert (done.code, "is not an export. Give one that" in done.err) == (2, True)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, "check", ignore=shutil.ignore_patterns("exports"))
    done = command("export", "./check", "--max-ap-loss", "101")
    assert (done.code, "Expected points of AP from 0 to 100" in done.err) == (2, True)  # it is a model


def test_differences_are_those_of_what_prediction_shows():
    check = Check(
        images=32, shown="", detections=1553, unmatched=409, box_difference=30, score_difference=0.4,
        seconds=1, seconds_of_original=1,
    )  # fmt: skip
    everything = "1553 detections, 409 by one side only; boxes differ by up to 30 pixels, scores by 0.4"
    assert differences(check) == everything
    few = {"confidence": 0.25, "box_median": 1.21, "box_difference": 4, "score_median": 0.01, "score_difference": 0.1}
    shown = check.model_copy(update={"confident": ConfidentCheck(detections=212, unmatched=3, **few)})
    assert differences(shown) == (
        "212 detections from 0.25, 3 by one side only; boxes differ by 1.2 pixels at the median, 4 at most, scores by "
        "0.01 and 0.1"
    )
    none = check.model_copy(update={"confident": ConfidentCheck(detections=0, unmatched=0, **few)})
    assert differences(none) == f"none from 0.25; of all, {everything}"


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
