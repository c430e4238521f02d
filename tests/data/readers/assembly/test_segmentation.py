import numpy as np
import pytest
from pycocotools import mask as masks

from detect.data.readers.assembly.segmentation import bounds


@pytest.mark.parametrize(
    "polygons",
    [
        [[4, 7, 10, 7, 10, 9.5, 4, 9.5]],
        [[4, 7, 5, 8], [6, 9.5, 10, 8]],
        [4, 7, 10, 9.5],
        [[[4, 7], [10, 8], [6, 9.5]]],
        [["4", "7", "10", "9.5"]],
    ],
)
def test_bounds_of_polygons(polygons):
    assert bounds(polygons) == (4, 7, 10, 9.5)


def runs(mask: np.ndarray) -> list[int]:
    """The lengths of zeros and ones in turns, down the columns, by a plain loop; zeros are first."""
    lengths, last = [0], 0
    for pixel in mask.T.ravel().tolist():
        if pixel != last:
            lengths.append(0)
        lengths[-1] += 1
        last = pixel
    return lengths


def compressed(mask: np.ndarray) -> str:
    """The text of a mask, by pycocotools."""
    return masks.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()


@pytest.mark.parametrize("seed", range(20))
def test_bounds_of_masks(seed):
    random = np.random.default_rng(seed)
    mask = np.zeros((40, 70), bool)
    y1, x1 = random.integers(0, 30, 2)
    y2, x2 = y1 + random.integers(1, 11), x1 + random.integers(1, 41)
    mask[y1:y2, x1:x2] = random.random((y2 - y1, x2 - x1)) < 0.6
    mask[y1, x1] = mask[y2 - 1, x2 - 1] = True  # both corners, so that these are its bounds
    for counts in (runs(mask), compressed(mask)):
        assert bounds({"size": [40, 70], "counts": counts}) == (x1, y1, x2, y2)


def test_a_run_over_several_columns_is_as_high_as_the_mask():
    assert bounds({"size": [5, 4], "counts": [7, 4, 9]}) == (1, 0, 3, 5)
    assert bounds({"size": [5, 4], "counts": [0, 20]}) == (0, 0, 4, 5)


@pytest.mark.parametrize(
    "segmentation",
    [
        None, [], [[]], [[1, 2, 3]], [["a", 2]], 7, "text", {}, [{"x": 1}], [[10**400, 1]],
        {"size": [4, 4], "counts": []}, {"size": [4, 4], "counts": [16]}, {"size": [4, 4], "counts": [3, -1]},
        {"size": [0, 4], "counts": [1, 2]}, {"size": [4], "counts": [1, 2]}, {"size": [4, 4], "counts": "~~"},
        {"size": [4, 4], "counts": "o" * 100_000}, {"size": [4, 4], "counts": [2**80, 1]},
        {"size": [4, 4], "counts": 7}, {"size": [4, 4], "counts": [0, 0]},
    ],
)  # fmt: skip
def test_what_is_not_a_segmentation(segmentation):
    with pytest.raises((ValueError, TypeError, KeyError, OverflowError)):
        bounds(segmentation)
