"""`detect data check` and `detect data show`."""

import json

import numpy as np
import pytest

from detect.data.pixels.images import read_image


def test_check_prints_the_mapping_and_the_sizes(command, shapes):
    done = command("data", "check", shapes)
    assert done.code == 0
    words = [line.split() for line in done.out.splitlines()]
    assert ["circle", "0", "1"] in words
    assert ["triangle", "2", "3"] in words
    assert any(line[:2] == ["train", "8"] for line in words)
    assert any(line[:2] == ["val", "4"] for line in words)
    assert "Problem" not in done.out
    assert "Warning in train" in done.out  # there is much to report about 8 small images


def test_check_refuses_what_cannot_be_used(command, fixtures, tmp_path):
    done = command("data", "check", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert command("data", "check", fixtures / "potholes" / "test").code == 2


def test_check_names_what_is_missing(command, fixtures):
    done = command("data", "check", fixtures / "potholes" / "valid")
    assert done.code == 1
    assert "15 of 16 images" in done.out
    assert "Training would refuse this dataset" in done.out


def test_check_as_json(command, shapes, fixtures):
    done = command("data", "check", shapes, "--json")
    assert done.code == 0
    content = json.loads(done.out)
    assert content["trainable"]
    assert content["splits"]["train"]["images"] == 8
    done = command("data", "check", fixtures / "potholes" / "valid", "--json")
    assert done.code == 1
    content = json.loads(done.out)
    assert not content["trainable"]
    assert content["findings"][0]["severity"] == "error"


def test_check_writes_a_page(command, fixtures, tmp_path):
    page, data = tmp_path / "page.html", fixtures / "bccd"
    done = command("data", "check", data, "--html", page)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"Written: {page}"
    assert "data:image/jpeg" in page.read_text("utf-8")
    assert command("data", "check", data, "--html", page).code == 0
    page.write_text("mine")
    done = command("data", "check", data, "--html", page)
    assert (done.code, page.read_text()) == (2, "mine")


def test_check_writes_a_corrected_copy(command, fixtures, tmp_path):
    data, copy = fixtures / "bccd", tmp_path / "copy"
    done = command("data", "check", data, "--fix", copy)
    assert done.code == 0, done.err
    assert "In train: zero-area box: 1 (dropped)." in done.out
    assert f"Written: {copy}, COCO JSON" in done.out
    assert "zero-area" not in command("data", "check", copy).out
    again = command("data", "check", data, "--fix", copy)
    assert again.code == 2
    assert "Nothing in it is replaced" in again.err
    assert command("data", "check", data, "--no-decode", "--fix", tmp_path / "other").code == 2
    assert "is inside the dataset" in command("data", "check", copy, "--fix", copy / "again").err
    done = command("data", "check", data, "--fix", tmp_path / "silent", "--json")
    assert json.loads(done.out)["trainable"]
    assert (tmp_path / "silent" / "fixes.json").is_file()


def test_check_for_a_model(command, shapes):
    """An image of 64 pixels has no room for the smallest of Faster R-CNN's anchors, with sides of 32 pixels."""
    done = command("data", "check", shapes, "--no-decode", "--model", "fasterrcnn-r18", "--image-size", 64)
    assert done.code == 0, done.err
    assert "match no anchor or point of fasterrcnn-r18 at 64 pixels" in done.out
    assert "Boxes that match an anchor or point of fasterrcnn-r18\n" in done.out
    done = command("data", "check", shapes, "--model", "fasterrcnn-r18", "--image-size", 65)
    assert done.code == 2
    assert "expected a multiple of 32, got 65. The nearest are 64 and 96." in done.err
    assert command("data", "check", shapes, "--model", "fasterrcn-r18").code == 2


def test_check_looks_at_the_run_first(command, shapes, tmp_path):
    done = command("data", "check", shapes, "--run", tmp_path / "none")
    assert (done.code, done.out) == (2, "")
    assert "is not the folder of a finished training run" in done.err


@pytest.mark.parametrize("options", [(), ("--augmented", "--image-size", 64)])
def test_show_writes_an_image(command, shapes, tmp_path, options):
    out = tmp_path / "new" / "grid.png"
    done = command("data", "show", shapes, "--count", 4, "--out", out, *options)
    assert done.code == 0, done.err
    assert str(out) in done.out
    image = read_image(out)
    assert image.shape[1] > 4 * 64
    assert len(np.unique(image)) > 10


def test_show_of_an_unknown_split(command, shapes):
    done = command("data", "show", shapes, "--split", "tset")
    assert done.code == 2
    assert "tset" in done.err
