"""Exported models: what lies where, and which of them predicts for a model."""

import hashlib

import pytest

from detect.artefacts.export_card import (
    EXPORT_CARD,
    Check,
    ExportCard,
    check_files,
    digests_of_files,
    exports_folder,
    load_export_card,
)
from detect.config import to_json
from detect.errors import BadInput
from detect.files import file_digest
from detect.inference import exports
from detect.inference.exports import exports_with_other_thresholds, find_artefact, open_artefact
from detect.models.card import CARD, WEIGHTS, Goal, ModelCard

MODEL = ModelCard(model="retinanet-r18", config={}, classes=("cat",), category_ids=(1,), image_size=64)
CHECK = Check(
    images=1,
    shown="pictures",
    detections=2,
    unmatched=0,
    box_difference=0.0,
    score_difference=0.0,
    seconds=0.01,
    seconds_of_original=0.02,
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run folder whose best model has weights that nothing reads, on a machine with OpenVINO and no GPU."""
    monkeypatch.setattr(exports, "missing", lambda packages: [])
    monkeypatch.setattr(exports, "NVIDIA_DRIVER", tmp_path / "none")
    folder = tmp_path / "run"
    (folder / "best").mkdir(parents=True)
    (folder / "best" / CARD).write_text(to_json(MODEL))
    (folder / "best" / WEIGHTS).write_bytes(b"weights")
    return folder


@pytest.fixture
def put(run):
    """A function that puts an export of the run's model into a folder, by default where `auto` looks."""

    def put(name="openvino", seconds=0.01, weights=None, goal=None, **changes):
        folder = exports_folder(run) / name
        folder.mkdir(parents=True)
        (folder / CARD).write_text(to_json(MODEL.model_copy(update={"goal": goal})))
        card = ExportCard(
            format="openvino",
            precision="float32",
            canvases=((64, 64),),
            size_divisor=32,
            smallest_side=64,
            confidence=0.05,
            iou=0.5,
            weights=weights or file_digest(run / "best" / WEIGHTS),
            check=CHECK.model_copy(update={"seconds": seconds}),
        )
        (folder / EXPORT_CARD).write_text(to_json(card.model_copy(update=changes)))
        return folder

    return put


def test_without_exports_tensorflow_predicts(run):
    for path in (run, run / "best", "yolox-s-coco", run / "nothing"):
        assert find_artefact(path) is find_artefact(path, "auto") is None


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"inputs": ("pictures",)}, "inputs.0: expected 'images', 'extents', 'confidence' or 'iou', got 'pictures'"),
        ({"inputs": ("extents", "images")}, "inputs: expected 'images' and any of .* in this order, got .*'extents'"),
        ({"inputs": ("extents",)}, "inputs: expected 'images' and any of"),
        ({"canvases": ((0, 64),)}, "canvases.0.0: expected a number greater than 0, got 0"),
        ({"batch": -1}, "batch: expected a number greater than 0, got -1"),
        ({"size_divisor": 0}, "size_divisor: expected a number greater than 0, got 0"),
    ],
)
def test_a_card_that_was_edited_to_something_impossible_is_refused(put, changes, fault):
    with pytest.raises(BadInput, match=fault):
        load_export_card(put(**changes))


@pytest.mark.parametrize("name", ["192x192.onnx", "model.xml", "model.tflite"])
def test_a_file_of_an_export_without_its_card_is_named(run, name):
    (run / name).write_bytes(b"x")
    with pytest.raises(BadInput, match=rf"{name} is a file of an export, but its folder has no export\.json"):
        find_artefact(run / name)
    assert find_artefact("yolox-nano", weights=run / name) is None  # the file of a checkpoint


def test_the_fastest_export_predicts(run, put):
    put("slow", seconds=0.015)
    fast = put("fast", seconds=0.012)
    put("slower than TensorFlow", seconds=0.03)
    for path in (run, run / "best"):
        assert find_artefact(path, "auto") == find_artefact(path, "openvino") == fast
        assert find_artefact(path) is find_artefact(path, "tensorflow") is None


def test_an_export_with_other_thresholds_is_not_taken_by_itself(run, put):
    goal = Goal(measure="precision", value=0.95, data="digest", split="val")
    old, new = put("old", seconds=0.01), put("new", seconds=0.015, goal=goal)
    assert exports_with_other_thresholds(run) == [new]
    (run / "best" / CARD).write_text(to_json(MODEL.model_copy(update={"goal": goal})))
    assert exports_with_other_thresholds(run) == [old]
    assert find_artefact(run, "auto") == find_artefact(run, "openvino") == new
    (run / "best" / CARD).write_text(to_json(MODEL.model_copy(update={"goal": Goal(measure="f1")})))
    assert find_artefact(run, "auto") is None
    assert find_artefact(old) == old  # named, it is taken with the thresholds that it has


def test_tensorflow_predicts_where_it_is_faster(run, put):
    folder = put(seconds=0.03)
    assert find_artefact(run, "auto") is None
    assert find_artefact(run, "openvino") == folder


def test_tensorflow_predicts_where_there_is_a_gpu(run, put, monkeypatch):
    folder = put()
    monkeypatch.setattr(exports, "NVIDIA_DRIVER", run)
    assert find_artefact(run, "auto") is None
    assert find_artefact(run, "openvino") == folder


def test_rejected_and_unfinished_exports_do_not_count(run, put):
    put("rejected", check=CHECK.model_copy(update={"fault": "it loses 5 points"}))
    put("unfinished", check=None)
    assert find_artefact(run, "auto") is None
    with pytest.raises(BadInput, match="has no export for openvino"):
        find_artefact(run, "openvino")


@pytest.mark.parametrize("place", ["exports", "exports/openvino"])
def test_exports_that_may_not_be_read_are_not_called_missing(run, put, permissions_bind, place):
    put("openvino")
    (run / place).chmod(0)
    for backend in ("auto", "openvino"):
        with pytest.raises(BadInput, match=rf"{place}.* cannot be read: Permission denied"):
            find_artefact(run, backend)
    assert find_artefact(run, "tensorflow") is None
    (run / place).chmod(0o700)


def test_exports_of_other_weights_do_not_count(run, put):
    put(weights="0" * 64)
    assert find_artefact(run, "auto") is None
    with pytest.raises(BadInput, match=r"of its present weights and thresholds. Make one: detect export"):
        find_artefact(run, "openvino")


def test_exports_without_their_runtime(run, put, monkeypatch):
    folder = put()
    monkeypatch.setattr(exports, "missing", list)
    assert find_artefact(run, "auto") is None
    for path, backend in ((folder, "auto"), (run, "openvino")):
        with pytest.raises(BadInput, match=r"needs openvino, which is not installed. Run: pip install openvino"):
            find_artefact(path, backend)


def test_a_file_of_an_export_stands_for_its_folder(put, tmp_path):
    folder = put()
    (folder / "variables").mkdir()
    for name in ("64x64.xml", "64x64.bin", "variables/variables.index"):
        (folder / name).touch()
        assert find_artefact(folder / name) == find_artefact(str(folder / name), "openvino") == folder
    assert find_artefact(folder / "missing.xml") is None


def test_an_export_is_named_itself(run, put):
    folder = put()
    assert find_artefact(folder) == find_artefact(folder, "auto") == find_artefact(folder, "openvino") == folder
    with pytest.raises(BadInput, match="was exported for openvino: give the run folder or model folder for tensorflow"):
        find_artefact(folder, "tensorflow")
    (folder / CARD).unlink()
    with pytest.raises(BadInput, match=r"has no model.json: the export is incomplete"):
        find_artefact(folder)


def test_unknown_back_ends(run):
    with pytest.raises(BadInput, match=r"There is no back end 'torch'. Known: auto, tensorflow, litert, onnx"):
        find_artefact(run, "torch")


def test_damaged_cards(put):
    folder = put(format_version=2)
    with pytest.raises(BadInput, match="has format version 2; this version of detect reads 1"):
        load_export_card(folder)
    (folder / EXPORT_CARD).write_bytes(b"\xff")
    with pytest.raises(BadInput, match="cannot be read"):
        load_export_card(folder)


def test_files_are_compared_with_their_digests(put):
    """Of cards of earlier versions, which have none, nothing is asked."""
    folder = put()
    (folder / "1" / "weights").mkdir(parents=True)
    for name in ("model.xml", "1/weights/all.bin"):
        (folder / name).write_text(name)
    files = digests_of_files(folder)
    assert files == {
        "1/weights/all.bin": hashlib.sha256(b"1/weights/all.bin").hexdigest(),
        "model.xml": hashlib.sha256(b"model.xml").hexdigest(),
    }
    card = load_export_card(folder)
    check_files(folder, card)
    check_files(folder, card.model_copy(update={"files": files}))
    (folder / "1" / "weights" / "all.bin").write_text("1/weights/all.bim")
    check_files(folder, card)
    with pytest.raises(BadInput, match=r"all.bin is damaged, or is of another export: its SHA-256 is not that in exp"):
        check_files(folder, card.model_copy(update={"files": files}))
    (folder / "1" / "weights" / "all.bin").unlink()
    with pytest.raises(BadInput, match=r"all.bin cannot be read: No such file or directory. Copy the export again"):
        check_files(folder, card.model_copy(update={"files": files}))


def test_files_are_checked_when_an_export_is_opened(put):
    folder = put(files={"96x96.bin": "0" * 64})
    (folder / "96x96.bin").write_bytes(b"")
    with pytest.raises(BadInput, match=r"96x96.bin is damaged"):
        exports.open_artefact(folder)


def test_an_export_in_an_unknown_format(run, put):
    """It cannot be opened, and does not keep others from being found."""
    folder = put("future", seconds=0.001, format="onyx")
    unknown = r"future/export.json: Unknown format 'onyx'. Did you mean 'onnx'\? Known: .*\. Update detect, or"
    for call in (find_artefact, exports.open_artefact):
        with pytest.raises(BadInput, match=unknown):
            call(folder)
    assert find_artefact(run, "auto") is None
    known = put()
    assert find_artefact(run, "auto") == known
    assert list(exports.fresh_exports(run)) == [known]


def test_a_program_of_others_runs_only_where_it_is_trusted(put, tmp_path, monkeypatch):
    """Its reader, which would run it, is not even called; what is trusted is its content, as it was."""
    monkeypatch.setenv("DETECT_CACHE", str(tmp_path / "cache"))
    opened = []
    monkeypatch.setattr(exports.formats, "load_reader", lambda format: opened.append(format))
    folder = put("savedmodel", format="savedmodel", seconds=0.001)
    (folder / "1").mkdir()
    (folder / "1" / "saved_model.pb").write_bytes(b"a graph that writes files")
    with pytest.raises(BadInput, match=r"may do all that you may do, .* If you trust where it comes from, add --trust"):
        open_artefact(folder)
    assert not opened
    open_artefact(folder, trust=True)
    open_artefact(folder)
    (folder / "1" / "saved_model.pb").write_bytes(b"another graph")
    with pytest.raises(BadInput, match="this installation has not made it"):
        open_artefact(folder)
    assert opened == ["savedmodel"] * 2


def test_no_program_predicts_unless_it_is_named(run, put):
    folder = put("savedmodel", format="savedmodel", seconds=0.001)
    assert find_artefact(run, "auto") is None
    assert find_artefact(run, "savedmodel") == folder
