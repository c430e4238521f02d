"""From a model folder to an artefact that finds the same, run as its user would run it."""

import json
import logging
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import openvino
import pytest
from same_detections import check_same

from detect import formats
from detect.artefacts.export_card import EXPORT_CARD, load_export_card
from detect.artefacts.golden_vectors import GOLDEN
from detect.config import to_json
from detect.data.shapes import CLASSES
from detect.errors import BadInput
from detect.export.export_run import export
from detect.inference.exports import find_artefact
from detect.inference.loading import load
from detect.models.card import CARD
from detect.structures import Detections

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("opened_once")]

CANVASES = ((72, 72), (64, 72))  # for squares and videos of 16:9
# Files of a format besides the two cards and the model of each canvas.
MORE_FILES = {
    "openvino": {"72x72.bin", "64x72.bin"},
    "savedmodel": {
        "1/saved_model.pb",
        "1/fingerprint.pb",
        "1/variables/variables.index",
        "1/variables/variables.data-00000-of-00001",
        "1/assets.extra/model.json",
        "1/assets.extra/export.json",
    },
}


@pytest.fixture(scope="module", params=formats.names())
def exported(run, request):
    """An export in each format."""
    warned, handler = [], logging.Handler()
    handler.emit = lambda record: warned.append(record.getMessage())
    logging.getLogger("absl").addHandler(handler)
    done = export(run, request.param)
    logging.getLogger("absl").removeHandler(handler)
    assert not warned
    return done


def test_what_is_written(run, exported):
    format = exported.card.format
    assert exported.folder == run / "exports" / format
    assert exported.card == load_export_card(exported.folder)
    assert exported.card.canvases == CANVASES
    assert exported.card.run == "small"
    assert exported.card.check.images == 2 * 8  # of both sizes
    models = {formats.find(format).path(exported.folder, canvas) for canvas in CANVASES}
    assert all(path.exists() for path in models)
    files = {path for path in exported.folder.rglob("*") if path.is_file()}
    names = {path.relative_to(exported.folder).as_posix() for path in files}
    of_canvases = {path.relative_to(exported.folder).as_posix() for path in models}
    assert names - of_canvases == {CARD, EXPORT_CARD, GOLDEN, *MORE_FILES.get(format, ())}
    assert exported.card.files.keys() == names - {CARD, EXPORT_CARD}
    assert exported.size == sum(path.stat().st_size for path in files)


def test_the_file_itself_says_what_it_is(exported):
    readers = {"litert": litert_texts, "onnx": onnx_texts, "openvino": openvino_texts, "savedmodel": savedmodel_texts}
    if exported.card.format not in readers:
        pytest.skip("it has no place for texts")
    file = formats.find(exported.card.format).path(exported.folder, (72, 72))
    model, card = map(json.loads, readers[exported.card.format](file))
    assert (model["classes"], model["licence"]) == (list(CLASSES), "CC0")
    # A file cannot contain its own digest.
    assert card == {**json.loads((exported.folder / EXPORT_CARD).read_text()), "files": {}}
    assert (card["iou"], card["check"]["unmatched"]) == (0.6, 0)


def litert_texts(file):
    with zipfile.ZipFile(file) as archive:
        return archive.read("model.json"), archive.read("export.json")


def onnx_texts(file):
    texts = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    return texts["detect.model"], texts["detect.export"]


def openvino_texts(file):
    model = openvino.Core().read_model(file)
    return [model.get_rt_info(["detect", name]).astype(str) for name in ("model", "export")]


def savedmodel_texts(folder):
    return [(folder / "assets.extra" / f"{name}.json").read_text() for name in ("model", "export")]


def test_batches_thresholds_and_sizes(original, exported):
    ours = load(exported.folder)
    assert (ours.backend.name, original.backend.name) == (exported.card.format, "tensorflow")
    rng = np.random.default_rng(1)
    for shape in ((3, 72, 72, 3), (1, 64, 72, 3)):
        images = rng.integers(0, 256, shape, np.uint8)
        for confidence, iou in ((1e-4, 0.45), (1e-4, 0.2)):
            extents = np.tile(np.float32([[48, 68]]), (len(images), 1))
            found, expected = (model.detect(images, confidence, iou, extents) for model in (ours, original))
            for row in range(len(images)):
                check_same(*(Detections(*(part[row] for part in each)) for each in (found, expected)))
    assert ours.detect(images[:0]).labels.size == 0
    assert (ours.detect(images, confidence=0.999).labels == -1).all()


def test_images_of_another_size(exported):
    with pytest.raises(
        BadInput, match=r"Expected uint8 images \[B, 72, 72, 3\] or \[B, 64, 72, 3\]; got uint8 \[1, 12"
    ):
        load(exported.folder).detect(np.zeros((1, 128, 128, 3), np.uint8))


def test_pictures_and_results(run, original, exported):
    picture = np.random.default_rng(2).integers(0, 256, (70, 130, 3), np.uint8)
    (ours,), (theirs,) = (
        model.predict(picture, confidence=1e-4) for model in (load(run, backend=exported.card.format), original)
    )
    check_same(ours, theirs)


def test_a_new_process_predicts_without_tensorflow_and_models(exported, tmp_path):
    """Four threads may be the first: OpenVINO's first use, by two of them, ended in a deadlock one time in six."""
    unwanted, start = ("tensorflow", "keras", "detect.models.detector", "detect.layers", "detect.ops"), ""
    if "tensorflow" in formats.find(exported.card.format).runs_with:
        unwanted = unwanted[2:]  # TensorFlow itself imports Keras
        start = "from detect.cli.starting import start_tensorflow; start_tensorflow()\n"
    program = (
        f"{start}import sys, numpy as np, threading, detect\n"
        f"model, images = detect.load({str(exported.folder)!r}), np.zeros((1, 72, 72, 3), np.uint8)\n"
        "threads = [threading.Thread(target=model.detect, args=(images,)) for _ in range(4)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
        "(result,) = model.predict(np.zeros((60, 80, 3), np.uint8), confidence=1e-4)\n"
        f"agrees = detect.check_export({str(exported.folder)!r}).agrees\n"
        f"print(len(result), agrees, [name for name in {unwanted} if name in sys.modules])\n"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.split("\n")[0] == "100 True []"


def test_a_damaged_file_of_an_export_without_digests(exported, tmp_path):
    folder = shutil.copytree(exported.folder, tmp_path / "damaged")
    (folder / EXPORT_CARD).write_text(to_json(exported.card.model_copy(update={"files": {}})))
    model = formats.find(exported.card.format).path(folder, (72, 72))
    (model / "saved_model.pb" if model.is_dir() else model).write_text("<net>")
    runtimes = "OpenVINO|ONNX Runtime|LiteRT|TensorFlow|JAX"
    with pytest.raises(BadInput, match=rf"damaged/(72x72\..*|1) cannot be run by ({runtimes}): .* Copy it again"):
        load(folder, trust=True).detect(np.zeros((1, 72, 72, 3), np.uint8))


def test_what_cannot_be_exported(run, tmp_path):
    with pytest.raises(BadInput, match=r"Unknown format 'openvno'. Did you mean 'openvino'"):
        export(run, "openvno")
    with pytest.raises(BadInput, match="Unknown precision 'int9'"):
        export(run, precision="int9")
    with pytest.raises(BadInput, match="is not a run folder, model folder or published checkpoint"):
        export(tmp_path)
    with pytest.raises(BadInput, match="nowhere"):
        export(run, data=tmp_path / "nowhere", say=pytest.fail)
    with pytest.raises(BadInput, match="--image-size: expected at least 64, got 40"):
        export(run, image_size=40)
    with pytest.raises(BadInput, match=r"There is no float16 for stablehlo: .*; stablehlo has float32"):
        export(run, "stablehlo", precision="float16")
    with pytest.raises(BadInput, match="litert takes one image per call"):
        export(run, "litert", batch=4)
    (tmp_path / "mine").write_text("")
    with pytest.raises(BadInput, match="mine exists and is not an export"):
        export(run, out=tmp_path / "mine")


def test_a_damaged_file_is_not_loaded(exported, tmp_path):
    """One bit of the weights, in the middle of the largest file."""
    folder = shutil.copytree(exported.folder, tmp_path / "copy")
    path = folder / max(exported.card.files, key=lambda name: (folder / name).stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match=f"{path.name} is damaged, or is of another export"):
        load(folder)


def test_a_stale_export_is_not_taken(run, exported, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    format = exported.card.format
    assert find_artefact(folder, format) is not None
    with (folder / "best" / "model.weights.h5").open("ab") as file:
        file.write(b"more")
    with pytest.raises(BadInput, match=f"no export for {format} of its present weights"):
        find_artefact(folder, format)
