"""Results for programs in which labels are corrected: Label Studio and FiftyOne."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from detect.data.readers.description import open_dataset
from detect.errors import BadInput
from detect.inference.image_files import write_image
from detect.inference.prediction_run import predict_to_folder

BOX = (24, 16, 48, 32)  # of 96 x 64 pixels: at 25 %, 25 %, with sides of 25 %


@pytest.fixture
def folder(tmp_path, image_with_red_box):
    """An image with an object and one without."""
    write_image(tmp_path / "given" / "b" / "ä 2.png", image_with_red_box(BOX))
    write_image(tmp_path / "given" / "1.png", image_with_red_box((0, 0, 0, 0)))
    return tmp_path / "given"


def predict(model, sources, out, **options):
    return predict_to_folder(model, sources, out, pictures=False, **options)


def test_tasks_of_label_studio(red_finder, folder, tmp_path):
    summary = predict(red_finder, folder, tmp_path, save_label_studio=tmp_path / "t.json")
    assert list(summary.outputs) == [tmp_path / "t.json", tmp_path / "t.xml"]
    empty, task = json.loads((tmp_path / "t.json").read_text())
    assert parse_qs(urlsplit(task["data"]["image"]).query) == {"d": ["b/ä 2.png"]}
    assert empty["predictions"] == [{"model_version": "red", "result": []}]
    (prediction,) = task["predictions"]
    assert prediction["score"] == 0.875
    (region,) = prediction["result"]
    value = region["value"]
    assert [value[name] for name in ("x", "y", "width", "height")] == pytest.approx([25] * 4, abs=1.6)  # a pixel of 64
    assert (region["original_width"], region["original_height"], region["score"]) == (96, 64, 0.875)
    (note,) = summary.notes
    assert f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={folder}," in note
    interface = ElementTree.parse(tmp_path / "t.xml").getroot()
    assert [label.get("value") for label in interface.iter("Label")] == ["red", "never"]
    names = {(control.get("name"), control.get("toName")) for control in interface.iter("RectangleLabels")}
    assert names == {(region["from_name"], region["to_name"])}
    assert [image.get("value") for image in interface.iter("Image")] == ["$image"]


def test_what_is_accepted_in_label_studio_is_read_again(red_finder, folder, tmp_path):
    """Accepting a prediction makes an annotation of it."""
    predict(red_finder, folder, tmp_path, save_label_studio=folder / "t.json")
    tasks = json.loads((folder / "t.json").read_text())
    accepted = [{"data": task["data"], "annotations": task["predictions"]} for task in tasks]
    (folder / "t.json").write_text(json.dumps(accepted))
    dataset = open_dataset(folder / "t.json")
    records = {Path(record.image_path).name: record for record in dataset.splits["train"]}
    (found,) = red_finder.predict(folder / "b")
    np.testing.assert_allclose(records["ä 2.png"].boxes, found.boxes, atol=1e-4)
    assert len(records["1.png"].boxes) == 0


def test_datasets_of_fiftyone(red_finder, folder, tmp_path):
    summary = predict(red_finder, folder, tmp_path, save_fiftyone=tmp_path / "f")
    assert list(summary.outputs) == [tmp_path / "f" / "labels.json", tmp_path / "f" / "data.json"]
    labels = json.loads((tmp_path / "f" / "labels.json").read_text())
    assert labels["classes"] is None
    assert labels["labels"]["1"] == []
    (found,) = labels["labels"]["b/ä 2"]
    assert (found["label"], found["confidence"]) == ("red", 0.875)
    assert found["bounding_box"] == pytest.approx([0.25] * 4, abs=0.016)
    files = json.loads((tmp_path / "f" / "data.json").read_text())
    assert files == {"1": str(folder / "1.png"), "b/ä 2": str(folder / "b" / "ä 2.png")}


def test_frames_of_videos_need_files(red_finder, image_with_red_box, write_video, tmp_path):
    video, out = write_video(tmp_path / "v.mp4", [image_with_red_box(BOX)] * 2), tmp_path / "out"
    for options in ({"save_label_studio": tmp_path / "t.json"}, {"save_fiftyone": tmp_path / "f"}):
        with pytest.raises(BadInput, match=r"v\.mp4: .* frames of a video are in no file\. Give --save-frames"):
            predict(red_finder, video, out, **options)
        predict(red_finder, video, out, save_frames=True, **options)
    files = json.loads((tmp_path / "f" / "data.json").read_text())
    assert files == {f"v-00000{n}": str(out / "images" / f"v-00000{n}.jpg") for n in range(2)}
    tasks = json.loads((tmp_path / "t.json").read_text())
    assert [task["data"]["image"] for task in tasks] == [f"/data/local-files/?d=v-00000{n}.jpg" for n in range(2)]
    assert all(Path(path).is_file() for path in files.values())


def test_images_in_memory_are_in_no_file(red_finder, image_with_red_box, tmp_path):
    with pytest.raises(BadInput, match="image in memory: tasks of Label Studio refer to files"):
        predict(red_finder, image_with_red_box(BOX), tmp_path, save_label_studio=tmp_path / "t.json")


@pytest.mark.parametrize(
    ("option", "path", "theirs"),
    [
        ("save_label_studio", "x/t.json", "x/t.json"),
        ("save_label_studio", "x/t.json", "x/t.xml"),
        ("save_fiftyone", "x", "x/labels.json"),
        ("save_fiftyone", "x", "x/data.json"),
    ],
)
def test_files_of_others_are_not_replaced(red_finder, folder, tmp_path, option, path, theirs):
    (tmp_path / "x").mkdir()
    (tmp_path / theirs).write_text("{}")
    with pytest.raises(BadInput, match=f"{theirs} would be replaced"):
        predict(red_finder, folder, tmp_path, **{option: tmp_path / path})
    assert (tmp_path / theirs).read_text() == "{}"
    (tmp_path / theirs).unlink()
    for _ in range(2):  # its own are
        predict(red_finder, folder, tmp_path, **{option: tmp_path / path})
