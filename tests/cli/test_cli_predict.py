"""`detect predict`."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_images_and_every_kind_of_file(command, shapes, model, tmp_path):
    out, results, table = tmp_path / "out", tmp_path / "r.json", tmp_path / "r.csv"
    images = shapes.parent / "images" / "val"
    done = command(
        "predict", model, images, "--out", out, "--confidence", 0, "--save-json", results,
        "--save-csv", table, "--save-yolo", "--save-crops",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "Processed 4 images" in done.out
    assert len(list(out.glob("*.jpg"))) == 4
    found = json.loads(results.read_text())
    assert found
    assert {"image_id", "category_id", "bbox", "score"} <= found[0].keys()
    assert str(len(found)) in done.out
    assert table.stat().st_size > 0
    assert list((out / "labels").glob("*.txt"))
    assert list((out / "crops").iterdir())


def test_nothing_found_is_said(command, shapes, model, tmp_path):
    image = next((shapes.parent / "images" / "val").glob("*.jpg"))
    done = command("predict", model, image, "--out", tmp_path / "out", "--confidence", 1.0, "--no-pictures")
    assert done.code == 0, done.err
    assert "Processed 1 image" in done.out
    assert "Found nothing." in done.out
    assert not list(tmp_path.glob("out/*.jpg"))


def test_a_missing_source(command, model, tmp_path):
    done = command("predict", model, tmp_path / "none.jpg")
    assert done.code == 2
    assert "none.jpg" in done.err


def test_a_missing_model(command, shapes, tmp_path):
    assert command("predict", tmp_path / "none", shapes.parent).code == 2
