"""The images of a dataset that an export is calibrated on and compared with."""

import cv2
import numpy as np
import pytest
from damaged_files import damage
from records_of import records_of

from detect.data.pixels.resizing import letterbox
from detect.data.records import Record
from detect.errors import BadInput
from detect.inference.sample_images import images_of


class Square:
    """The part of a `Model` that places images."""

    def placement(self, height, width):
        return letterbox(32)(height, width)


@pytest.fixture
def records(tmp_path):
    """Five images of noise, without boxes."""
    rng, images = np.random.default_rng(0), []
    nothing = np.zeros((0, 4)), *(np.zeros(0, kind) for kind in (int, bool, float))
    for number in range(5):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (32, 32, 3)).astype(np.uint8))
        images.append(Record(path, number, 32, 32, *nothing))
    return records_of(images)


def test_images_are_evenly_spaced(records):
    images = images_of(Square(), records, 3, pytest.fail)
    for image, index in zip(images, (0, 2, 4), strict=True):
        np.testing.assert_array_equal(image[..., ::-1], cv2.imread(str(records.image_path(index))))
    assert len(images_of(Square(), records, 9, pytest.fail)) == 5


def test_images_that_cannot_be_read_are_named(records):
    said: list[str] = []
    damage(records.image_path(2))
    assert len(images_of(Square(), records, 3, said.append)) == 2
    assert "2.png: the image cannot be decoded" in said[0]
    for index in (0, 1, 3, 4):
        damage(records.image_path(index))
    with pytest.raises(BadInput, match=r"No image of the dataset can be read .3 tried"):
        images_of(Square(), records, 3, said.append)
