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


def test_the_ids_of_a_dataset(command, shapes, model, tmp_path):
    done = command(
        "predict", model, "--data", shapes, "--confidence", 0, "--no-pictures", "--save-json", tmp_path / "r.json"
    )
    assert done.code == 0, done.err
    assert "Processed 4 images" in done.out
    images = json.loads((shapes.parent / "val.json").read_text())["images"]
    ids = {image["file_name"].rpartition("/")[2]: image["id"] for image in images}
    found = json.loads((tmp_path / "r.json").read_text())
    assert {entry["file_name"]: entry["image_id"] for entry in found} == ids
    done = command("evaluate", "--predictions", tmp_path / "r.json", "--data", shapes)
    assert done.code == 0, done.err


def test_no_source(command, model, tmp_path):
    done = command("predict", model, "--out", tmp_path)
    assert done.code == 2
    assert "source" in done.err


def test_what_is_left_out_is_said(command, shapes, model, tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(next((shapes.parent / "images" / "val").glob("*.jpg")).read_bytes())
    (folder / "b.psd").touch()
    done = command("predict", model, folder, "--no-pictures")
    assert f"Note: {folder}: left out 1 file of a type that cannot be read (.psd)." in done.out
