"""Images of one row of pixels each, so that their widths tell how much room they take."""

import pickle
import random

import numpy as np

from detect.data.samples.shared_images import SharedImages


def image_of(number: int, pixels: int = 10) -> np.ndarray:
    return np.full((1, pixels, 3), number, np.uint8)


def kept(images: SharedImages, count: int) -> list[int]:
    """Return the numbers of the images that are there, after checking their pixels."""
    return [number for number in range(count) if is_kept(images, number)]


def is_kept(images: SharedImages, number: int) -> bool:
    found = images.acquire(number)
    if found is None:
        return False
    assert (found == number).all()
    images.release(number)
    return True


def fill(images: SharedImages, numbers, pixels: int = 10) -> None:
    for number in numbers:
        images.keep(number, image_of(number, pixels))


def test_the_first_stay_and_the_last_take_turns():
    images = SharedImages(10, fixed=60, ring=90)
    fill(images, range(10))
    assert kept(images, 10) == [0, 1, 7, 8, 9]
    fill(images, [3])
    assert kept(images, 10) == [0, 1, 3, 8, 9]
    found = images.acquire(3)
    assert found is not None
    assert (found.shape, found.dtype, found.flags.writeable) == ((1, 10, 3), np.uint8, False)


def test_nothing_is_kept_where_there_is_no_room():
    images = SharedImages(3, fixed=0, ring=0)
    fill(images, range(3))
    assert kept(images, 3) == []
    images = SharedImages(3, fixed=0, ring=60)
    fill(images, [0])
    fill(images, [1], pixels=21)
    assert kept(images, 3) == [0]


def test_an_image_in_use_is_not_replaced():
    images = SharedImages(5, fixed=0, ring=60)
    fill(images, [0, 1])
    held = images.acquire(0)
    fill(images, [2])
    assert kept(images, 5) == [0, 1]
    assert held is not None
    assert (held == 0).all()
    images.release(0)
    fill(images, [2, 3])
    assert kept(images, 5) == [2, 3]


def test_keeping_an_image_again_changes_nothing():
    images = SharedImages(3, fixed=0, ring=60)
    fill(images, [0, 1, 0, 0])
    assert kept(images, 3) == [0, 1]


def test_images_of_all_sizes_never_overlap():
    """Every image that is there is whole, and the last one is there."""
    draw = random.Random(0)
    images = SharedImages(50, fixed=100, ring=400)
    held: list[int] = []
    for _ in range(3000):
        number = draw.randrange(50)
        fill(images, [number], pixels=draw.randrange(1, 60))
        assert held or is_kept(images, number)
        if draw.random() < 0.3 and images.acquire(number) is not None:
            held.append(number)
        if len(held) > 3:
            images.release(held.pop(0))
        for other in held:
            assert is_kept(images, other)
        assert kept(images, 50)


def test_another_process_sees_the_same():
    """Pickled and unpickled, it is a second view of the same memory, as in a worker process."""
    images = SharedImages(3, fixed=30, ring=30)
    other = pickle.loads(pickle.dumps(images))
    fill(images, [0])
    fill(other, [1])
    assert kept(images, 3) == kept(other, 3) == [0, 1]
    assert other.acquire(1) is not None
    fill(images, [2])
    assert kept(images, 3) == [0, 1]
