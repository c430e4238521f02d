"""Mistakes in a command are found before TensorFlow is started, which takes seconds, and the way on is named."""

import pytest

from detect.cli import benchmark, evaluate, export, model_opening, threshold, train
from detect.config import to_json
from detect.models.card import ModelCard


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch, tmp_path):
    """A folder with an empty one, in which no command gets as far as starting TensorFlow."""

    def started():
        raise AssertionError("TensorFlow was started")

    for module in (benchmark, evaluate, export, model_opening, threshold, train):
        monkeypatch.setattr(module, "start_tensorflow", started)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "runs" / "taken" / "best").mkdir(parents=True)
    (tmp_path / "yolox_nano.onnx").touch()
    card = ModelCard(model="yolox-nano", config={}, classes=("cat",), category_ids=(1,), image_size=64)
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "model.json").write_text(to_json(card))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train --data nothing.yaml", "nothing.yaml does not exist"),
        ("train --data x --model yolov8n", "The YOLO here is YOLOX: did you mean 'yolox-nano'?"),
        ("train --data x --model yolo11m.pt", "did you mean 'yolox-m'?"),
        ("train --data x --model yolox_s", "did you mean 'yolox-s'?"),
        ("train --data x --model retinanet-50", "Did you mean 'retinanet-r50'?"),
        ("train --data x --set optimizer.lr=1", "setting 'optimizer.lr'. Did you mean 'optimizer.learning_rate'?"),
        ("train --data x --set learning_rate=1", "Did you mean 'optimizer.learning_rate'?"),
        ("train --data x --set bs=1", "Did you mean 'batch_size'?"),
        ("train --data x --set mosaic=0", "Did you mean 'pipeline.augmentation.mosaic'?"),
        ("train --data x --set architecture.widht=1", "yolox-micro has no setting 'widht'. Did you mean 'width'?"),
        ("train --data x --set architecture.width=wide", "architecture of yolox-micro: width: expected a valid number"),
        ("train --data x --model fcos-r50 --set architecture.depth=51", "depth: expected 18, 34, 50 or 101, got 51"),
        ("train --data x --set optimizer.nane=sgd", "Did you mean 'name'? Known: backbone_factor, "),
        ("train --data x --image-size -320", "--image-size: expected a number greater than 0, got -320"),
        ("train --data x --image-size 65", "expected a multiple of 32, got 65. The nearest are 64 and 96."),
        ("train --data x --set sizes=[64,32]", "sizes: expected at least 64, got 32."),
        ("train --data x --epochs 0", "--epochs: expected a number greater than 0, got 0.0"),
        ("train --data x --batch-size 0", "--batch-size: expected a number greater than 0 or 'auto', got '0'"),
        ("train --data x --max-time 30", "--max-time: 30 seconds, minutes or hours? Give 30s, 30m or 30h."),
        ("train --data x --max-time 3m --epochs 3", "Give --epochs or --max-time, not both"),
        ("train --data x --name ../../evil", "--name: '../../evil' cannot be the name of a run folder"),
        ("train --data x --name taken", "runs/taken exists. Continue it with --resume"),
        ("train --data x --weights none/such.pth", "--weights: none/such.pth does not exist"),
        ("train --data x --weights yolox_s", "'yolox_s' is none of these. Did you mean 'yolox-s-coco'?"),
        ("train --data x --weights empty", "'empty' is none of these. `detect weights list`"),
        ("train --data x --weights yolox_nano.onnx", "give --model. Did you mean 'yolox-nano'?"),
        ("train --data x --weights trained --model yolox-s", "trained is a yolox-nano, not a yolox-s"),
        ("train --data x --keep-classes", "give its run or model folder with --weights; it is 'auto'"),
        ("evaluate runs/nothing --data empty", "There is no runs/nothing"),
        ("evaluate yolox-s-coco --data nothing", "nothing does not exist"),
        ("evaluate yolox-s-coco --data empty --confidence 25", "--confidence: expected a number from 0 to 1, got"),
        ("predict yolox-s-coco empty --batch-size 0", "--batch-size: expected a whole number from 1"),
        ("evaluate --data empty --predictions none.json", "--predictions: none.json is not a file"),
        ("predict yolox_s_coco empty", "There is no yolox_s_coco"),
        ("evaluate yolox-s-cocos --data empty", "Did you mean 'yolox-s-coco'?"),
        ("predict empty empty", "empty does not contain a model"),
        ("predict yolox-s-coco nothing.jpg", "There is no file or folder 'nothing.jpg'"),
        ("predict yolox-s-coco --data nothing", "nothing does not exist"),
        ("predict yolox-s-coco empty --conf 0.3", "--confidence"),
        ("export runs/nothing", "There is no runs/nothing"),
        ("export yolox-s-coco --image-size 100", "--image-size: expected a multiple of 32, got 100."),
        ("export yolox-s-coco --format opnvino", "Did you mean 'openvino'?"),
        ("export trained --data nothing", "nothing does not exist"),
        ("benchmark trained --data nothing", "nothing does not exist"),
        ("benchmark empty", "empty does not contain a model"),
    ],
)  # fmt: skip
def test_mistakes_are_found_early(command, words, message):
    done = command(*words.split())
    assert (done.code, message in done.err) == (2, True), done.err


def test_a_name_that_was_trained_is_suggested(command, tmp_path):
    (tmp_path / "runs" / "taken" / "best" / "model.json").write_text("{}")
    assert "Did you mean 'runs/taken'?" in command("export", "runs/tkaen").err


@pytest.mark.parametrize("words", ["evaluate trained", "predict trained", "export trained", "benchmark trained"])
def test_a_split_that_a_dataset_does_not_have(command, shapes, words):
    done = command(*words.split(), "--data", shapes, "--split", "tset")
    assert (done.code, "has no split 'tset'. Known: train, val." in done.err) == (2, True), done.err
