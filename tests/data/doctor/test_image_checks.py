import cv2
import numpy as np
import pytest
from PIL import Image


def paths(dataset) -> list[str]:
    return [str(record.image_path) for records in dataset.splits.values() for record in records]


def test_images_without_boxes(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(20), [], []], val=[grid(20), []])
    (finding,) = found(dataset)["images-without-boxes"]
    assert (finding.split, finding.count) == ("train", 2)
    assert finding.what == "images without boxes: 2 of 3"
    assert [example.image[-5:] for example in finding.examples] == ["1.png", "2.png"]


@pytest.mark.parametrize(
    ("code", "size", "right"),
    [("small-images", (100, 31), (100, 32)), ("long-images", (401, 100), (400, 100))],
)
def test_sizes(dataset_of, grid, found, code, size, right):
    assert found(dataset_of(size=size, train=[grid(1)]))[code][0].count == 1
    assert code not in found(dataset_of(size=right, train=[grid(1)]))


@pytest.mark.parametrize(("width", "mixed"), [(2560, False), (2561, True), (160, False), (159, True)])
def test_images_of_many_sizes(dataset_of, grid, found, width, mixed):
    dataset = dataset_of(train=[grid(1), grid(1), grid(1)])
    dataset.splits["train"].sizes[1] = width, 100
    assert ("mixed-sizes" in found(dataset, decode=False)) == mixed


@pytest.mark.parametrize(("width", "differs"), [(320, False), (319, True), (1280, False), (1281, True)])
def test_images_of_another_size_in_a_split(dataset_of, grid, found, width, differs):
    dataset = dataset_of(train=[grid(1)], val=[grid(1)])
    dataset.splits["val"].sizes[:] = width, 200
    assert ("other-sizes" in found(dataset, decode=False)) == differs


def test_blank_images(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(1), grid(1)])
    assert "blank-images" not in found(dataset)
    cv2.imwrite(paths(dataset)[1], np.full((480, 640, 3), 7, np.uint8))
    assert found(dataset)["blank-images"][0].examples[0].image == paths(dataset)[1]


def test_grey_images_in_one_split(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(1), grid(1)], val=[grid(1), grid(1)])
    train, _, *val = paths(dataset)
    cv2.imwrite(val[0], cv2.imread(val[0], cv2.IMREAD_GRAYSCALE))
    assert "other-colours" not in found(dataset)  # a half in one of them
    cv2.imwrite(val[1], cv2.imread(val[1], cv2.IMREAD_GRAYSCALE))
    by_code = found(dataset)
    assert by_code["other-colours"][0].what == "0% and 100% of the images are grey"
    assert "converted-pixels" not in by_code  # within a split, all are alike
    cv2.imwrite(train, cv2.imread(train, cv2.IMREAD_GRAYSCALE))
    assert found(dataset)["converted-pixels"][0].what == "pixels are stored in different forms: colour (1), grey (1)"


def test_transparent_images(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(1)])
    path = paths(dataset)[0]
    Image.open(path).convert("RGBA").save(path)
    assert "transparent (1)" in found(dataset)["converted-pixels"][0].what
