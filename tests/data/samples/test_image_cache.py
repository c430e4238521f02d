import cv2
import numpy as np
import pytest
from damaged_files import damage
from PIL import Image
from records_of import records_of

from detect.data.pixels.images import read_halved, read_image
from detect.data.pixels.warping import halve
from detect.data.records import Record, Records
from detect.data.samples.image_cache import ImageCache, default_budget
from detect.errors import BadInput
from detect.structures import Example


@pytest.fixture
def records(tmp_path) -> Records:
    """Three images: 100 x 80, 400 x 300 and 801 x 600 pixels."""
    rng, images = np.random.default_rng(0), []
    for number, (width, height) in enumerate([(100, 80), (400, 300), (801, 600)]):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (height, width, 3)).astype(np.uint8))
        boxes = np.array([[8, 16, 40, 64]], np.float32)
        columns = np.array([number], np.int32), np.array([False]), np.array([1.0])
        images.append(Record(path, number + 1, width, height, boxes, *columns))
    return records_of(images)


def example(cache: ImageCache, index: int) -> Example:
    """Return an example, which is valid until the next one is taken."""
    with cache.examples([index]) as (found,):
        return found


def test_images_are_not_larger_than_training_needs(records):
    cache = ImageCache(records, side=100, largest_scale=1.0, budget=0)
    assert [example(cache, index).image.shape for index in range(3)] == [(80, 100, 3), (75, 100, 3), (75, 100, 3)]
    np.testing.assert_array_equal(example(cache, 2).image, halve(read_image(records.image_path(2)), 3))
    np.testing.assert_array_equal(example(cache, 2).boxes, [[1, 2, 5, 8]])
    np.testing.assert_array_equal(example(cache, 0).boxes, records[0].boxes)
    larger = ImageCache(records, side=100, largest_scale=2.0, budget=0)
    assert example(larger, 2).image.shape == (150, 200, 3)


def test_images_stay_as_they_are_where_any_scale_may_be_needed(records):
    assert example(ImageCache(records, side=100, largest_scale=None, budget=0), 2).image.shape == (600, 801, 3)


def test_cached_or_not_the_examples_are_the_same(records):
    keeping, decoding = (ImageCache(records, 100, 1.5, budget) for budget in (10**6, 0))
    for index in (0, 1, 2, 0, 1, 2):
        kept, decoded = example(keeping, index), example(decoding, index)
        np.testing.assert_array_equal(kept.image, decoded.image)
        np.testing.assert_array_equal(kept.boxes, decoded.boxes)
    for record in records:
        record.image_path.unlink()
    assert example(keeping, 1).image.shape == (150, 200, 3)
    assert not example(keeping, 1).image.flags.writeable
    with pytest.raises(BadInput, match=r"No image of the split can be read .3 tried"):
        example(decoding, 1)


def test_beside_those_that_came_last_the_first_ones_stay(tmp_path):
    """400 images of 30,000 bytes; the last 160 take 4.8 MB, and 40 more fit into the budget."""
    path = tmp_path / "same.png"
    cv2.imwrite(str(path), np.zeros((100, 100, 3), np.uint8))
    nothing = np.zeros((0, 4)), *(np.zeros(0, kind) for kind in (int, bool, float))
    records = records_of(Record(path, number, 100, 100, *nothing) for number in range(400))
    cache = ImageCache(records, 100, 1.0, budget=200 * 30_000)
    for index in range(400):
        example(cache, index)
    path.unlink()
    for index in range(400):
        example(cache, index)
    assert cache.unreadable.indices().tolist() == [*range(40, 240)]  # not in the cache, and to be read again


@pytest.mark.parametrize(("times", "shape"), [(1, (25, 34, 3)), (2, (13, 17, 3)), (3, (7, 9, 3)), (4, (3, 4, 3))])
def test_jpegs_are_halved_by_their_decoder(tmp_path, times, shape):
    """67 x 50 pixels, turned by EXIF data; an eighth is the least, and what is left of it is halved by averaging."""
    original = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (50, 67, 3)).astype(np.uint8), (0, 0), 9)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(original).save(tmp_path / "a.jpg", quality=98, exif=exif)
    image, size = read_halved(tmp_path / "a.jpg", times)
    assert (image.shape, size) == ((shape[1], shape[0], 3), (50, 67))
    averaged = halve(original, times)
    stored = np.rot90(image)[: averaged.shape[0], : averaged.shape[1]]
    assert np.abs(stored.astype(int) - averaged).max() < 12


def test_the_next_record_stands_in_for_one_that_cannot_be_read(records):
    damage(records.image_path(1))
    damage(records.image_path(2))
    for budget in (10**6, 0):
        cache = ImageCache(records, 100, 1.0, budget)
        for index in (1, 0, 2, 1):
            found = example(cache, index)
            np.testing.assert_array_equal(found.image, read_image(records.image_path(0)))
            np.testing.assert_array_equal(found.boxes, records[0].boxes)
            assert cache.image_path(index) == records.image_path(0)
        assert cache.unreadable.indices().tolist() == [1, 2]


@pytest.mark.parametrize(("free", "budget"), [(400, 100), (4 * 10**9, 10**9), (64 * 10**9, 2 * 10**9)])
def test_the_default_budget_is_a_quarter_of_the_memory_and_2_gb_at_most(monkeypatch, free, budget):
    monkeypatch.setattr("detect.data.samples.image_cache.free_memory", lambda: free)
    assert default_budget() == budget
