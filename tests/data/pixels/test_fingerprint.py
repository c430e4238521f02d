import cv2
import numpy as np
import pytest

from detect.data.near_duplicates import MOST_DIFFERENT, MOST_DIFFERENT_TURNED
from detect.data.pixels.fingerprint import fingerprint, is_blank, views_in_standard_position


@pytest.fixture
def photo() -> np.ndarray:
    """Return a smooth image with noise on it, uint8 [300, 400, 3]."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    smooth = cv2.resize(coarse, (400, 300), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + random.normal(0, 5, smooth.shape), 0, 255).astype(np.uint8)


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.unpackbits(one ^ other).sum())


def compressed(image: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    "change",
    [
        compressed,
        lambda image: cv2.resize(image, (200, 150), interpolation=cv2.INTER_AREA),
        lambda image: cv2.resize(image, (416, 416)),
        lambda image: (image * 0.8 + 10).astype(np.uint8),
    ],
)
def test_it_survives_what_happens_to_copies(photo, change):
    assert distance(fingerprint(photo), fingerprint(change(photo))) <= MOST_DIFFERENT


def test_other_images_have_others(photo):
    assert distance(fingerprint(photo), fingerprint(photo[:, ::-1])) > 30
    assert distance(fingerprint(photo), fingerprint(255 - photo)) == 128


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_copy_that_is_mirrored_or_turned_has_a_view_near_one_of_the_original(photo, quarters, mirrored):
    copy = np.rot90(photo[:, ::-1] if mirrored else photo, quarters)
    ours, theirs = (
        views_in_standard_position(fingerprint(image)[None])[:, 0]
        for image in (photo, compressed(np.ascontiguousarray(copy)))
    )
    assert min(distance(one, other) for one in ours for other in theirs) <= MOST_DIFFERENT_TURNED


def test_other_images_have_other_views():
    prints = np.random.default_rng(0).integers(0, 256, (200, 16), np.uint8)
    views = np.unpackbits(views_in_standard_position(prints), axis=2)
    assert (views.any(axis=(0, 1)).sum(), views[..., :2].all()) == (121, True)  # the lowest along x and y are positive
    first, others = views[0], views.reshape(-1, 128)
    apart = (first[:, None] != others).sum(axis=2)
    assert apart[~np.tile(np.eye(200, dtype=bool), 2)].min() > 20


def test_images_without_contrast_have_none():
    black = np.zeros((40, 40, 3), np.uint8)
    noise = np.random.default_rng(0).integers(98, 103, (640, 640, 3)).astype(np.uint8)
    for image in (black, noise):
        assert not fingerprint(image).any()
        assert is_blank(image)


def test_an_image_of_two_colours_is_not_blank(photo):
    red = np.full((40, 40, 3), (255, 0, 0), np.uint8)
    red[:, 20:] = 76, 76, 76  # the grey of this red
    assert not fingerprint(red).any()
    assert not is_blank(red)
    assert not is_blank(photo)


def test_the_first_bits_are_the_lowest_frequencies():
    rows = np.repeat(np.linspace(255, 0, 320).astype(np.uint8)[:, None, None], 320, axis=1).repeat(3, axis=2)
    bits = np.unpackbits(fingerprint(rows))  # bright above: positive along y, and nothing along x
    assert bits[:2].tolist() == [0, 1]
