"""Small copies of images."""

import cv2
import numpy as np
import pytest

from detect.reports.thumbnails import SIDE, thumbnails


@pytest.mark.parametrize(("width", "height", "expected"), [
    (4 * SIDE, 2 * SIDE, (SIDE, SIDE // 2)),
    (SIDE // 2, SIDE + 60, (round(SIDE / 2 * SIDE / (SIDE + 60)), SIDE)),
    (30, 20, (30, 20)),
    (5 * SIDE, 2, (SIDE, 1)),
])  # fmt: skip
def test_they_fit_into_a_square_and_are_never_larger(tmp_path, width, height, expected):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((height, width, 3), (40, 80, 160), np.uint8))
    (copy,) = thumbnails([path], [(width, height)])
    image = cv2.imdecode(np.frombuffer(copy, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[1::-1] == expected
    np.testing.assert_allclose(image.mean(axis=(0, 1)), (40, 80, 160), atol=3)


def test_what_cannot_be_read_has_none(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    assert list(thumbnails([tmp_path / "a.jpg", tmp_path / "missing.jpg"], [(9, 9), (9, 9)])) == [None, None]
