"""The images of a dataset that an export is calibrated on and compared with."""

import cv2
import numpy as np
import pytest
from damaged_files import damage
from records_of import records_of

from detect.data.pixels.resizing import letterbox
from detect.data.pixels.tiles import Tiling
from detect.data.records import Record
from detect.errors import BadInput
from detect.inference.sample_images import images_of
from detect.inference.views import Views


class Square:
    """The part of a `Model` that shows it images."""

    def views(self):
        return Views(lambda height, width, trimmed: letterbox(32)(height, width))


class Tiled:
    """The same of a model that was trained on tiles."""

    def views(self):
        return Views(lambda height, width, trimmed: letterbox(64)(height, width), Tiling(tile=64))


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


def test_a_model_that_sees_tiles_gets_the_one_in_the_middle(tmp_path):
    path, pixels = tmp_path / "large.png", np.random.default_rng(0).integers(0, 256, (64, 300, 3), np.uint8)
    cv2.imwrite(str(path), pixels[..., ::-1])
    nothing = np.zeros((0, 4)), *(np.zeros(0, kind) for kind in (int, bool, float))
    (image,) = images_of(Tiled(), records_of([Record(path, 1, 300, 64, *nothing)]), 1, pytest.fail)
    np.testing.assert_array_equal(image, pixels[:, 141:205])  # six tiles, 47.2 pixels apart


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
