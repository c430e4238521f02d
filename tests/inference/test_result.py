"""Results as users use them."""

import sys
from fractions import Fraction

import numpy as np
import pytest

from detect.data.pixels.images import read_image
from detect.errors import BadInput
from detect.inference.image_files import write_image
from detect.inference.result import Result
from detect.inference.sources.frames import Frame, Source, VideoFormat


def result(boxes=((10, 20, 30, 50), (0, 0, 5.5, 6)), scores=(0.9, 0.25), labels=(1, 0), image=None, **frame):
    image = np.arange(60 * 40 * 3, dtype=np.uint32).reshape(60, 40, 3).astype(np.uint8) if image is None else image
    source = Source("a/b.jpg", "image", "b", "a/b.jpg")
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    labels = np.array(labels, np.int32)
    return Result(boxes, np.array(scores, np.float32), labels, ("cat", "dog"), Frame(source, image, 40, 60, **frame))


EMPTY = {"boxes": (), "scores": (), "labels": ()}
VIDEO = {"index": 7, "timestamp": Fraction(7, 25), "video": VideoFormat(Fraction(25), Fraction(1, 25))}


def test_attributes():
    found = result()
    assert found.names == ["dog", "cat"]
    assert len(found) == 2
    assert (found.image_path, found.width, found.height, found.index, found.timestamp) == ("a/b.jpg", 40, 60, 0, None)
    assert repr(found) == "<Result a/b.jpg, 40 x 60: dog 90%, cat 25%>"
    assert repr(result(**EMPTY)) == "<Result a/b.jpg, 40 x 60: nothing found>"
    assert result(**VIDEO).timestamp == 0.28
    assert "frame 7" in repr(result(**VIDEO))


def test_images_are_read_again_when_they_are_not_kept(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (60, 40, 3), dtype=np.uint8)
    write_image(tmp_path / "a.png", image)
    source = Source(str(tmp_path / "a.png"), "image", "a", "a.png")
    found = Result(np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0, int), ("cat",), Frame(source, None, 40, 60))
    assert np.array_equal(found.image, image)


def test_plot_and_save(tmp_path):
    found = result()
    assert found.plot().shape == (60, 40, 3)
    found.save(tmp_path / "new" / "ä 漢.png")
    assert np.array_equal(read_image(tmp_path / "new" / "ä 漢.png"), found.plot())
    with pytest.raises(BadInput, match=r"cannot be written as '\.gif'"):
        found.save(tmp_path / "a.gif")


def test_crops_hold_what_the_boxes_touch():
    first, second = result().crops()
    assert np.array_equal(first, result().image[20:50, 10:30])
    assert second.shape == (6, 6, 3)
    assert result(**EMPTY).crops() == []


def test_crops_are_never_empty():
    shapes = [crop.shape for crop in result(((40, 60, 40, 60), (3, 3, 3, 3)), (0.5, 0.4), (0, 0)).crops()]
    assert shapes == [(1, 1, 3), (1, 1, 3)]


def test_coco_entries():
    assert result().to_coco(image_id=5, category_ids=(30, 10)) == [
        {"image_id": 5, "category_id": 10, "bbox": [10.0, 20.0, 20.0, 30.0], "score": pytest.approx(0.9)},
        {"image_id": 5, "category_id": 30, "bbox": [0.0, 0.0, 5.5, 6.0], "score": 0.25},
    ]
    assert [entry["category_id"] for entry in result().to_coco()] == [2, 1]
    assert result(**EMPTY).to_coco() == []


@pytest.mark.parametrize(("method", "package"), [("to_dataframe", "pandas"), ("to_supervision", "supervision")])
def test_optional_packages_are_named_when_missing(method, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BadInput, match=f"pip install {package}"):
        getattr(result(), method)()


def test_dataframe():
    pytest.importorskip("pandas")
    table = result(**VIDEO).to_dataframe()
    assert list(table.columns) == ["path", "frame", "timestamp", "label", "name", "score", "x1", "y1", "x2", "y2"]
    assert table.iloc[0][["frame", "name", "x1", "y2"]].tolist() == [7, "dog", 10, 50]
    assert len(result(**EMPTY).to_dataframe()) == 0


def test_supervision():
    pytest.importorskip("supervision")
    detections = result().to_supervision()
    assert detections.xyxy.tolist()[0] == [10, 20, 30, 50]
    assert detections.class_id.tolist() == [1, 0]
    assert detections.data["class_name"].tolist() == ["dog", "cat"]
    assert len(result(**EMPTY).to_supervision()) == 0
