"""`detect weights`, and published weights in the other commands."""

import json

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def here(command, published):
    """Imported from the publisher's file."""
    done = command("weights", "import", "yolox-micro-coco", "--file", published.file)
    assert done.code == 0, done.err
    return done


def test_the_list_says_what_there_is(command, published):
    done = command("weights", "list")
    assert done.code == 0, done.err
    rows = {line.split()[0]: line for line in done.out.splitlines() if "-coco " in line}
    assert {"yolox-nano-coco", "yolox-x-coco", "yolox-micro-coco"} <= rows.keys()
    assert rows["yolox-micro-coco"].split()[1:4] == ["yolox-micro", "25.8", "64"]
    assert rows["yolox-micro-coco"].endswith("no")
    assert str(published.cache) in done.out


def test_the_list_says_what_is_here(command, here):
    line = next(line for line in command("weights", "list").out.splitlines() if line.startswith("yolox-micro-coco"))
    assert line.endswith("yes")


def test_import_says_what_it_made(here, published):
    assert f"Imported: {published.cache / 'imported' / 'yolox-micro-coco'}" in here.out
    for part in ("yolox-micro, 3 classes", "Megvii", "Apache-2.0", "detect predict yolox-micro-coco"):
        assert part in here.out


def test_import_to_a_folder(command, published, tmp_path):
    done = command("weights", "import", "yolox-micro-coco", "--file", published.file, "--out", tmp_path / "mine")
    assert done.code == 0, done.err
    assert f"detect predict {tmp_path / 'mine'}" in done.out
    assert json.loads((tmp_path / "mine" / "model.json").read_text())["classes"] == ["person", "bicycle", "car"]


def test_offline(command, published):
    done = command("weights", "import", "yolox-micro-coco")
    assert done.code == 1
    assert published.checkpoint.address in done.err
    assert str(published.cache / "yolox_micro.pth") in done.err


def test_an_unknown_name(command, published):
    done = command("weights", "import", "yolox-mikro-coco")
    assert done.code == 2
    assert "Did you mean 'yolox-micro-coco'" in done.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("words", [("yolox-micro-coco",), ("yolox-micro", "--weights", "yolox-micro-coco")])
def test_predict_with_published_weights(command, shapes, tmp_path, words):
    image = next((shapes.parent / "images" / "val").glob("*.jpg"))
    done = command("predict", words[0], image, *words[1:], "--out", tmp_path / "out", "--confidence", 0)
    assert done.code == 0, done.err
    assert "person" in done.out
    assert list((tmp_path / "out").glob("*.jpg"))


@pytest.mark.usefixtures("here")
def test_evaluate_with_published_weights_of_other_classes(command, shapes):
    done = command("evaluate", "yolox-micro", "--weights", "yolox-micro-coco", "--data", shapes)
    assert done.code == 2
    assert "no class in common: the model detects person, bicycle, car" in done.err


@pytest.mark.usefixtures("here")
def test_train_from_published_weights_and_resume_without_them(command, shapes, published, tmp_path):
    """`auto` finds them. What they decided about the architecture is in the run's settings, not to be found again."""
    words = ("train", "--data", shapes, "--model", "yolox-micro", "--name", "tuned", "--epochs", 1, "--image-size", 64)
    words = (*words, "--batch-size", 4, "--set", f"runs={tmp_path / 'runs'}", "--set", "validations=1")
    done = command(*words)
    assert done.code == 0, done.err
    assert "tensors from yolox-micro-coco (licence: Apache-2.0; trained on COCO); random: head" in done.out
    config = json.loads((tmp_path / "runs" / "tuned" / "config.json").read_text())
    assert (config["weights"], config["architecture"]["prior"]) == ("auto", 0.02)
    published.cache.rename(tmp_path / "gone")
    done = command(*words, "--resume")
    assert done.code == 0, done.err
    assert "Resuming" in done.out
    assert "Weights:" not in done.out
