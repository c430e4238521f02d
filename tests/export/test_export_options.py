"""Exports with the options of a user, each compared with its original."""

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from light_models import saved, saved_small
from same_detections import check_same

import detect
from detect import formats
from detect.artefacts.export_card import EXPORT_CARD, digests_of_files, load_export_card
from detect.config import to_json
from detect.data.pixels.resizing import Fit
from detect.data.shapes import CLASSES, write_shapes
from detect.errors import BadInput, RunFailure
from detect.export import check as tolerances
from detect.export.export_run import export
from detect.export.golden_check import check_export, sentences
from detect.inference.loading import load
from detect.models.card import load_card
from detect.structures import Detections
from detect.weights.importing import import_weights

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("opened_once")]

SIDE = 64  # pixels; squares and images of 16:9 have the same canvas at this size
QUICK = ("openvino", "onnx")  # formats for which `make test` runs all options; `make long` does it for the others


def parameters(names):
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in names]


def with_precision(precision):
    return parameters(name for name in formats.names() if precision in formats.find(name).precisions)


def test_pictures_that_kept_their_shape_are_fitted_into_a_square(tmp_path):
    fit = Fit(kind="shortest", longest=SIDE, resampling="linear")
    done = export(saved_small(tmp_path / "model", fit=fit))
    assert load_card(done.folder).fit == Fit(resampling="linear")
    assert done.card.check.unmatched == 0


@pytest.mark.parametrize("format", with_precision("float16"))
def test_another_size_and_precision(run, format, tmp_path):
    done = export(run, format, precision="float16", image_size=SIDE, out=tmp_path / "half")
    assert done.folder == tmp_path / "half"
    assert load(done.folder).image_size == SIDE
    assert done.card.canvases == ((SIDE, SIDE),)
    assert largest_file(done.folder) < 0.6 * largest_file(run / "best")


def test_bfloat16_is_judged_by_its_ap(run, tmp_path):
    with pytest.raises(BadInput, match=r"bfloat16 is delivered by its AP: .* --data"):
        export(run, precision="bfloat16")
    data = write_shapes(tmp_path / "shapes", train=1, val=4, image_size=64)
    done = export(run, precision="bfloat16", image_size=SIDE, data=data, out=tmp_path / "fast", max_ap_loss=100)
    assert done.card.check.computed_in == formats.find("openvino").computed_in("bfloat16")
    assert None not in (done.card.check.AP, done.card.check.AP_of_original)
    assert check_export(done.folder).agrees
    assert openvino.Core().read_model(done.folder / f"{SIDE}x{SIDE}.xml").has_rt_info(["detect", "model"])
    assert largest_file(done.folder) < 0.6 * largest_file(run / "best")


def largest_file(folder):
    """Return the size of the largest file, which holds the weights, bytes."""
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("format", parameters(name for name in formats.names() if formats.find(name).batch != "one"))
def test_a_fixed_number_of_images(run, original, format, tmp_path):
    done = export(run, format, batch=2, image_size=SIDE, out=tmp_path / "pairs")
    assert check_export(done.folder).agrees
    images = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    found, expected = (model.detect(images, 1e-4) for model in (load(done.folder), original))
    for row in range(len(images)):
        check_same(*(Detections(*(part[row] for part in each)) for each in (found, expected)))


@pytest.mark.parametrize("format", parameters(formats.names()))
def test_suppression_may_be_left_to_the_client(run, original, format, tmp_path):
    check_raw(export(run, format, raw=True, image_size=SIDE, out=tmp_path / "raw"), original)


@pytest.mark.long
@pytest.mark.parametrize("name", ["efficientdet-d0", "fasterrcnn-r18"])
def test_a_soft_suppression_and_that_of_boxes_for_each_class_may_be_left_to_the_client(name, tmp_path):
    model = saved(name, tmp_path / "model")
    done = export(model, "onnx", raw=True)
    assert done.folder == tmp_path / "model" / "exports" / "onnx-raw"
    check_raw(done, load(model, backend="tensorflow"))


def check_raw(done, original):
    """Check that an export and its clients find what the original finds."""
    assert check_export(done.folder).agrees
    assert done.card.check.unmatched == 0
    assert done.card.suppression.max_detections == load_card(done.folder).config["max_detections"]
    assert done.card.check.score_difference < 1e-5
    side = done.card.canvases[0][0]
    images = np.random.default_rng(1).integers(0, 256, (2, side, side, 3), np.uint8)
    extents = np.float32([[side / 2, side], [side, side]])
    found, expected = (each.detect(images, 1e-4, 0.4, extents) for each in (load(done.folder), original))
    for row in range(len(images)):
        check_same(*(Detections(*(part[row] for part in each)) for each in (found, expected)))


def test_what_a_raw_file_takes_and_gives(run, tmp_path):
    done = export(run, "onnx", raw=True, image_size=SIDE, out=tmp_path / "raw")
    session = onnxruntime.InferenceSession(done.folder / "64x64.onnx", providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["images"]
    boxes, scores = session.run(["boxes", "scores"], {"images": np.zeros((2, SIDE, SIDE, 3), np.uint8)})
    assert (boxes.shape, scores.shape) == ((2, 64, 4), (2, 64, len(CLASSES)))  # the points at stride 8


def test_a_published_checkpoint(published, tmp_path, monkeypatch):
    import_weights("yolox-micro-coco", file=published.file)
    monkeypatch.chdir(tmp_path)
    done = export("yolox-micro-coco", image_size=64)
    assert done.folder == Path("yolox-micro-coco-openvino")
    assert load_card(done.folder).classes == ("person", "bicycle", "car")
    assert done.card.check.unmatched == 0


def test_sizes_for_videos_of_all_shapes(run, tmp_path):
    done = export(run, image_size=80, dynamic=True, out=tmp_path / "dynamic")
    assert done.card.canvases == ((80, 80), (64, 80), (80, 64))  # at least 64: 16:9, 3:2 and 4:3 have the same
    assert load(done.folder).placement(80, 50, trimmed=True).canvas == (80, 64)


def test_confidences_of_classes_go_with_it(run, tmp_path):
    done = export(run, class_confidence={CLASSES[0]: 0.9}, image_size=SIDE, out=tmp_path / "chosen")
    assert load_card(done.folder).confidences == {CLASSES[0]: 0.9}
    with pytest.raises(BadInput, match=r"The model has no class 'nothing'"):
        export(run, class_confidence={"nothing": 0.9})
    with pytest.raises(BadInput, match="expected 0 to 1, got 2"):
        export(run, class_confidence={CLASSES[0]: 2})


def test_with_data_both_are_scored(run, tmp_path):
    shapes = write_shapes(tmp_path / "shapes", train=8, val=4, image_size=SIDE)
    done = export(run, data=shapes, image_size=SIDE, out=tmp_path / "scored")
    assert pytest.approx(done.card.check.AP_of_original, abs=1e-4) == done.card.check.AP
    assert detect.evaluate(done.folder, shapes).AP == done.card.check.AP


def test_an_export_that_will_be_replaced_is_named_before_the_work(run, tmp_path):
    class Stop(Exception):
        """Ends the export with what it says first."""

    def say(text: str) -> None:
        raise Stop(text)

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / EXPORT_CARD).touch()
    with pytest.raises(Stop, match=r"^The export in .*mine will be replaced\.$"):
        export(run, out=tmp_path / "mine", say=say)


def test_a_bad_export_is_kept_aside(run, tmp_path, monkeypatch):
    monkeypatch.setitem(tolerances.SCORE_TOLERANCE, "float32", -1.0)
    with pytest.raises(RunFailure, match=r"not delivered: scores differ by up to .*It is kept as .*worse.rejected"):
        export(run, image_size=SIDE, out=tmp_path / "worse")
    assert not (tmp_path / "worse").exists()
    check = load_export_card(tmp_path / "worse.rejected").check
    assert check.images == 8
    assert check.fault.startswith("scores differ")
    with pytest.raises(BadInput, match=r"worse.rejected has no golden.npz, .* not delivered"):
        check_export(tmp_path / "worse.rejected")


def other_weights(model: onnx.ModelProto) -> None:
    """Make one weight in seven of the largest array a twentieth larger."""
    weights = max(model.graph.initializer, key=lambda each: len(each.raw_data))
    values = onnx.numpy_helper.to_array(weights).copy()
    values.reshape(-1)[::7] *= 1.05
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))


def other_order(model: onnx.ModelProto) -> None:
    """Return scores first."""
    boxes, scores, labels = list(model.graph.output)
    del model.graph.output[:]
    model.graph.output.extend([scores, boxes, labels])


@pytest.mark.parametrize("change", [other_weights, other_order])
def test_another_computation_is_told_by_the_golden_vectors(run, tmp_path, change):
    """As if the file had been changed before its digest was taken."""
    done = export(run, "onnx", image_size=SIDE, out=tmp_path / "changed")
    assert check_export(done.folder).agrees
    file = done.folder / f"{SIDE}x{SIDE}.onnx"
    model = onnx.load(file)
    change(model)
    onnx.save(model, file)
    card = done.card.model_copy(update={"files": digests_of_files(done.folder)})
    (done.folder / EXPORT_CARD).write_text(to_json(card))
    checked = check_export(done.folder)
    assert not checked.agrees
    assert re.match(r"64x64: (boxes|scores) differ: image 0, position 0: expected .*, got ", next(sentences(checked)))
