"""Exports that lose too much AP, with a small model, and AP that depends on what is in int8."""

import onnx
import pytest
from light_models import saved_small

from detect.artefacts.export_card import load_export_card
from detect.cli.export import show_layers
from detect.data.shapes import write_shapes
from detect.errors import RunFailure
from detect.export.export_run import export
from detect.export.original import Original

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("opened_once")]

SIDE = 64  # pixels
LAYERS = 4  # in int8
EACH = 0.02  # AP that each of them costs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved_small(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_shapes(tmp_path_factory.mktemp("data"), train=2, val=2, image_size=SIDE)


@pytest.fixture(autouse=True)
def scored_by_layers(monkeypatch):
    """Let AP fall with each layer in int8, and all layers be candidates that can be afforded."""
    monkeypatch.setattr("detect.export.doctor.MOST_KEPT", 1)
    monkeypatch.setattr("detect.export.doctor._candidates", len)
    monkeypatch.setattr(Original, "score_of", lambda self, folder: 0.5 - EACH * layers_in_int8(folder))
    checked = Original.check

    def check(self, folder, detector):
        scores = {"AP": self.score_of(folder), "AP_of_original": 0.5}
        return checked(self, folder, detector).model_copy(update=scores)

    monkeypatch.setattr(Original, "check", check)
    monkeypatch.setattr(Original, "score", 0.5)
    monkeypatch.setattr(Original, "_scored", lambda self, model: 0.5)


def layers_in_int8(folder):
    constants = onnx.load(folder / f"{SIDE}x{SIDE}.onnx").graph.initializer
    return sum(constant.data_type == onnx.TensorProto.INT8 and len(constant.dims) == 4 for constant in constants)


def test_the_fewest_layers_stay_in_float32(folder, data, tmp_path, capsys):
    said = []
    done = export(
        folder, "onnx", precision="int8", data=data, out=tmp_path / "x", max_ap_loss=100 * 2.5 * EACH, say=said.append
    )
    assert layers_in_int8(done.folder) == LAYERS - 2
    assert sum(layer.kept for layer in done.card.layers) == 2
    assert len(done.card.layers) == LAYERS
    assert done.card.treatment.AP_before == pytest.approx(0.5 - LAYERS * EACH)
    assert done.card.treatment.size_before < done.size
    assert pytest.approx(0.5 - (LAYERS - 2) * EACH) == done.card.check.AP
    assert load_export_card(done.folder) == done.card
    assert any("Looking for the layers to keep in float32" in text for text in said)
    show_layers(done)
    shown = capsys.readouterr().out
    assert "2 layers stay in float32" in shown
    assert f"AP {0.5 - LAYERS * EACH:.4f} -> {0.5 - (LAYERS - 2) * EACH:.4f}" in " ".join(shown.split())
    assert shown.count("yes") == 2


def test_it_is_rejected_where_no_layers_are_enough(folder, data, tmp_path, monkeypatch):
    monkeypatch.setattr("detect.export.doctor.MOST_KEPT", 0)
    with pytest.raises(RunFailure, match=r"it loses 8\.00 points of AP, more than 5"):
        export(folder, "onnx", precision="int8", data=data, out=tmp_path / "x", max_ap_loss=5)
    card = load_export_card(tmp_path / "x.rejected")
    assert len(card.layers) == LAYERS
    assert not any(layer.kept for layer in card.layers)
    assert card.treatment is None


def test_layers_are_measured_on_request(folder, data, tmp_path):
    done = export(folder, "onnx", precision="int8", data=data, out=tmp_path / "x", max_ap_loss=100, doctor=True)
    assert layers_in_int8(done.folder) == len(done.card.layers) == LAYERS
    errors = [layer.added for layer in done.card.layers]
    assert errors == sorted(errors, reverse=True)
    assert done.card.treatment is None


def test_layers_are_measured_on_generated_images_without_a_dataset(folder, tmp_path):
    done = export(folder, "onnx", precision="float16", out=tmp_path / "x", doctor=True)
    assert max(layer.error for layer in done.card.layers) < 1e-4
