"""Tiles of training images: their boxes, by hand; their pixels; and how they are drawn."""

import cv2
import numpy as np
import pytest
import tifffile
from damaged_files import damage
from records_of import records_of

from detect.data.pixels.images import image_size, read_image
from detect.data.pixels.tiles import Tiling
from detect.data.records import Record
from detect.data.samples.checked_images import UnreadableImages
from detect.data.samples.image_cache import ImageCache
from detect.data.samples.sample_order import sample_order
from detect.data.samples.training_tiles import cut
from detect.errors import BadInput

TILING = Tiling(tile=40, tile_overlap=0.25)
# Of 100 x 40 pixels three tiles, which begin at 0, 30 and 60: one box is whole in the first tile, of one the second
# shows three quarters and the first a quarter, one is an ignored region; the last tile shows none.
BOXES = [[2, 2, 12, 12], [35, 10, 55, 20], [31, 30, 39, 38]]


@pytest.fixture
def images(tmp_path):
    """An image of 100 x 40 pixels with three boxes, one of 20 x 30 without, and one of 40 x 40 with one."""
    rng, made = np.random.default_rng(0), []
    for number, (width, height, boxes) in enumerate([(100, 40, BOXES), (20, 30, []), (40, 40, BOXES[:1])]):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (height, width, 3), np.uint8))
        corners = np.array(boxes, np.float32).reshape(-1, 4)
        labels = np.arange(len(boxes), dtype=np.int32)
        areas = np.prod(corners[:, 2:] - corners[:, :2], axis=1)
        made.append(Record(path, 10 + number, width, height, corners, labels, labels == 2, areas))
    return records_of(made)


def pixels_of(images, index):
    return cv2.imread(str(images.image_path(index)))[..., ::-1]


def test_boxes_are_those_that_a_tile_shows(images):
    tiles = cut(images, TILING)
    assert tiles.corners.tolist() == [[0, 0], [30, 0], [60, 0], [0, 0], [0, 0]]
    assert tiles.owners.tolist() == [0, 0, 0, 1, 2]
    first, second, third, fourth, fifth = tiles.records
    assert first.boxes.tolist() == [[2, 2, 12, 12], [35, 10, 40, 20], [31, 30, 39, 38]]
    assert first.labels.tolist() == [0, 1, 2]
    assert first.ignore.tolist() == [False, True, True]  # a quarter of the second is too little
    assert first.areas.tolist() == [100, 50, 64]
    assert second.boxes.tolist() == [[5, 10, 25, 20], [1, 30, 9, 38]]
    assert second.ignore.tolist() == [False, True]
    assert [len(third.boxes), len(fourth.boxes), len(fifth.boxes)] == [0, 0, 1]
    assert {(record.width, record.height) for record in tiles.records} == {(40, 40)}
    assert [record.image_id for record in tiles.records] == [10, 10, 10, 11, 12]
    assert tiles.describe() == (
        "Tiles: 5 of 40 px, from 3 images; 3 of them show objects. The others take turns, as many in each epoch as "
        "these."
    )


def test_tiles_show_the_pixels_of_the_image_and_grey_beside_it(images):
    tiles = cut(images, TILING)
    np.testing.assert_array_equal(tiles.read(1, 0), pixels_of(images, 0)[:, 30:70])
    small = tiles.read(3, 0)
    np.testing.assert_array_equal(small[:30, :20], pixels_of(images, 1))
    assert (small[30:] == 114).all()
    assert (small[:, 20:] == 114).all()
    assert tiles.read(1, 1).shape == (20, 20, 3)


def test_all_tiles_of_an_image_are_kept_when_one_is_read(images):
    tiles = cut(images, TILING)
    caches = [ImageCache(tiles.records, 40, 1.0, budget, tiles) for budget in (10**6, 0)]
    for cache in caches:
        with cache.examples([1]) as (example,):
            assert example.boxes.tolist() == [[5, 10, 25, 20], [1, 30, 9, 38]]
    pixels = pixels_of(images, 0)
    images.image_path(0).unlink()
    with caches[0].examples([0, 2]) as (left, right):
        np.testing.assert_array_equal(left.image, pixels[:, :40])
        np.testing.assert_array_equal(right.image, pixels[:, 60:])
    with caches[1].examples([2]) as (stand_in,):
        np.testing.assert_array_equal(stand_in.image, tiles.read(3, 0))


def test_of_a_large_tiff_only_a_tile_is_read(tmp_path, monkeypatch):
    path, pixels = tmp_path / "large.tif", np.random.default_rng(0).integers(0, 256, (90, 100, 3), np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(32, 32))
    images = records_of([Record(path, 1, 100, 90, *nothing())])
    monkeypatch.setattr("detect.data.pixels.tiff_parts.LARGE", 8000)
    monkeypatch.setattr("detect.data.pixels.pillow_files.MOST_PIXELS", 8000)
    assert image_size(path) == (100, 90)
    tiles = cut(images, TILING)
    left, top = tiles.corners[7]
    np.testing.assert_array_equal(tiles.read(7, 0, keep=None), pixels[top : top + 40, left : left + 40])
    with pytest.raises(BadInput, match="at most 0"):
        read_image(path)


def test_the_images_of_tiles_that_cannot_be_read(images):
    tiles, unreadable = cut(images, TILING), UnreadableImages(5)
    damage(images.image_path(2))
    cache = ImageCache(tiles.records, 40, 1.0, 0, tiles)
    with cache.examples([4]) as (stand_in,):
        assert len(stand_in.boxes) == 3
    assert tiles.unreadable_images(cache.unreadable).indices().tolist() == [2]
    for tile in (0, 2, 3):
        unreadable.add(tile)
    assert tiles.unreadable_images(unreadable).indices().tolist() == [0, 1]


def test_an_epoch_has_no_more_empty_tiles_than_others(images):
    """Of 5 tiles 2 are empty; of a wide image without objects 29 more, of which each epoch shows another part."""
    wide = Record(images.image_path(0), 13, 900, 40, *nothing())
    tiles = cut(records_of([*images, wide]), TILING).records
    order = sample_order(tiles, 0, 0.0, balanced=True)
    assert (len(tiles), order.length) == (35, 6)
    epochs = [[order.record(6 * epoch + place) for place in range(6)] for epoch in range(60)]
    assert all({0, 1, 4} <= set(epoch) for epoch in epochs)
    assert {record for epoch in epochs for record in epoch} == set(range(35))


def nothing():
    return np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool), np.zeros(0)
