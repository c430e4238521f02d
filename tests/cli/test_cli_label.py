"""`detect label`."""

import pytest

pytestmark = pytest.mark.slow


def test_images_are_labelled_and_can_be_trained_on(command, shapes, model, tmp_path):
    images, out = shapes.parent / "images" / "val", tmp_path / "labelled"
    done = command("label", model, images, "--to", "yolo", "--out", out, "--confidence", 0)
    assert done.code == 0, done.err
    assert f"Written: {out}" in done.out
    assert "train: 4 images" in done.out
    assert command("data", "check", out).code == 0
    done = command("label", model, images, "--to", "yolo", "--out", out)
    assert done.code == 2
    assert str(out) in done.err


@pytest.mark.parametrize("words", [["none.jpg", "--to", "yolo"], [".", "--to", "none"]])
def test_mistakes_are_found_before_the_model_is_loaded(command, tmp_path, words):
    done = command("label", tmp_path / "no-model", *words, "--out", tmp_path / "set")
    assert done.code == 2
    assert "none" in done.err
    assert "no-model" not in done.err
