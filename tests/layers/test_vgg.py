"""VGG16: its table and sizes. tests/weights/test_torchvision_ssd.py compares it with torchvision's."""

import numpy as np
import pytest

from detect.layers.vgg import VGG16


@pytest.fixture(scope="module")
def backbone() -> VGG16:
    return VGG16(width=0.125)


@pytest.mark.parametrize(
    ("side", "sides"),
    # An odd row is dropped, but before the fourth stage: 75 becomes 38.
    [(300, [300, 150, 75, 38, 19]), (301, [301, 150, 75, 38, 19]), (16, [16, 8, 4, 2, 1]), (46, [46, 23, 11, 6, 3])],
)
def test_sides_and_channels_of_the_stages(backbone, side, sides):
    levels = backbone(np.zeros([1, side, 16, 3], np.uint8))
    assert [level.shape[1] for level in levels] == sides
    assert [level.shape[3] for level in levels] == [8, 16, 32, 64, 64]


def test_there_are_thirteen_convolutions(backbone):
    assert [len(stage.convolutions) for stage in backbone.stages] == [2, 2, 3, 3, 3]


def test_the_mean_of_imagenet_becomes_zero(backbone):
    """Then the features are the biases, which are zero initially."""
    levels = backbone(np.full([1, 16, 16, 3], [123, 117, 104], np.uint8))
    assert float(np.abs(levels[0]).max()) < 0.01
