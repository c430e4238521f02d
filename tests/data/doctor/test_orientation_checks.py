from pathlib import Path

import cv2
import pytest
from PIL import Image

from detect.data.dataset import Dataset
from detect.data.problems import TEXTS_PER_KIND
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble


@pytest.fixture
def turned_with(tmp_path, photo):
    """Return a function that makes a dataset of an image that is stored as 640 x 480 and shown as 480 x 640."""

    def make(*boxes, orientation: int = 6) -> Dataset:
        path = tmp_path / "0.png"
        cv2.imwrite(str(path), photo(0))
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.open(path).save(path, exif=exif)
        part = Annotations("train", str, str)
        part.add_image(str(path), 1)
        for box in boxes:
            part.add_box(0, box, 0)
        return assemble(Path("set"), "test data", ("a",), (0,), {"train": part}, [])

    return make


def test_all_boxes_are_counted_and_not_those_alone_that_problems_keep_a_text_of(turned_with, found):
    count = TEXTS_PER_KIND + 200
    findings = found(turned_with((0, 0, 20, 20), *((400, 100, 482 + side / 30, 200) for side in range(count))))
    assert findings["drawn-before-turning"][0].count == count


def test_turned_images(turned_with, found):
    assert found(turned_with((0, 0, 100, 600)))["turned-images"][0].count == 1
    assert "turned-images" not in found(turned_with((0, 0, 100, 100), orientation=3))


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(400, 100, 630, 200)], 1),  # past the upright image
        ([(500, 100, 630, 200), (10, 10, 50, 50)], 1),  # outside it, and one within both
        ([(400, 100, 700, 200)], 0),  # past both
        ([(400, 100, 630, 200), (-20, 100, 50, 200)], 0),  # as many leave both
        ([(10, 500, 50, 630)], 0),  # within the upright one
    ],
)
def test_boxes_of_images_as_they_are_stored(turned_with, found, boxes, expected):
    findings = found(turned_with((0, 0, 20, 20), *boxes)).get("drawn-before-turning", [])
    assert [finding.count for finding in findings] == [expected][:expected]
    assert all(finding.examples[0].image.endswith("0.png") for finding in findings)
