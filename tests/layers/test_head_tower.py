"""The tower of a dense head: its parts and their initial values."""

import numpy as np

from detect.layers.head_tower import HeadTower, head_convolution


def test_four_convolutions_end_in_relu():
    tower = HeadTower(2)
    features = np.ones([1, 1, 1, 2], np.float32)
    tower(features)
    for index, layer in enumerate(tower.convolutions):
        centre = np.zeros([3, 3, 2, 2], np.float32)
        centre[1, 1] = [[2, 0], [0, -1 if index == 3 else 1]]  # doubles the first channel; the last negates the second
        layer.kernel.assign(centre)
        layer.bias.assign([1, 0])
    # 1 -> 3 -> 7 -> 15 -> 31, and 1 -> 1 -> 1 -> 1 -> -1 -> 0
    np.testing.assert_array_equal(tower(features)[0, 0, 0], [31, 0])


def test_normalisation_stands_before_each_relu():
    tower = HeadTower(32, normalized=True, bias=False)
    features = np.random.default_rng(0).normal(size=(1, 4, 4, 32)).astype(np.float32)
    tower(features)
    assert sorted(weight.name for weight in tower.weights) == ["beta"] * 4 + ["gamma"] * 4 + ["kernel"] * 4
    for layer in tower.normalizations:
        layer.gamma.assign(np.zeros(32))
        layer.beta.assign(np.linspace(-1, 1, 32))
    np.testing.assert_allclose(tower(features)[0, 0, 0], np.maximum(np.linspace(-1, 1, 32), 0), atol=1e-6)


def test_kernels_start_with_the_deviation_of_the_papers_at_256_channels():
    for channels, deviation in ((256, 0.01), (64, 0.02)):
        layer = head_convolution("x", 64)
        layer.build((None, 1, 1, channels))
        assert abs(np.std(layer.kernel) / deviation - 1) < 0.02
