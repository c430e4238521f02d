"""SSDLite: its maps and its head by hand. For losses see test_ssd.py, for torchvision's outputs tests/weights."""

import numpy as np
import pytest

from detect.models.ssdlite import Config, HeadLevel, SSDLite, map_sizes


@pytest.fixture(scope="module")
def detector() -> SSDLite:
    return SSDLite(Config(width=0.25), classes=3)


@pytest.mark.parametrize(
    ("size", "grids"),
    [
        ((320, 320), ((20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1))),
        ((65, 97), ((5, 7), (3, 4), (2, 2), (1, 1), (1, 1), (1, 1))),
    ],
)
def test_maps_halve_and_round_up(detector, size, grids):
    outputs = detector(np.zeros([1, *size, 3], np.uint8))
    assert map_sizes(*size) == grids
    boxes = 6 * sum(rows * columns for rows, columns in grids)
    assert outputs["logits"].shape == (1, boxes, 4)
    assert outputs["deltas"].shape == (1, boxes, 4)


def test_pixels_become_minus_one_to_one(detector):
    black, white = ((np.full(3, value) - detector.backbone.mean) / detector.backbone.deviation for value in (0, 255))
    np.testing.assert_array_equal(black, [-1, -1, -1])
    np.testing.assert_array_equal(white, [1, 1, 1])


def test_channels_of_the_head_are_box_by_box():
    head = HeadLevel(classes=2)
    features = np.zeros([1, 1, 2, 8], np.float32)
    head(features)
    head.class_logits.bias.assign(np.arange(18))
    head.box_deltas.bias.assign(np.arange(24))
    logits, deltas = head(features)
    np.testing.assert_array_equal(logits[0], np.tile(np.arange(18).reshape(6, 3), [2, 1]))
    np.testing.assert_array_equal(deltas[0], np.tile(np.arange(24).reshape(6, 4), [2, 1]))


def test_the_head_is_depthwise_normalised_and_cut_at_six():
    """Features and kernels of 1: nine taps inside, six at the edge; normalised by the epsilon alone, cut off at 6."""
    head = HeadLevel(classes=1)
    features = np.ones([1, 1, 3, 1], np.float32)
    head(features)
    for layer in (head.class_depthwise, head.box_depthwise):
        layer.kernel.assign(np.ones([3, 3, 1, 1]))
    head.class_logits.kernel.assign(np.ones([1, 1, 1, 12]))
    logits, _ = head(features)
    scale = 1 / np.sqrt(1 + 1e-3)
    np.testing.assert_allclose(logits[0, ::6, 0], [2 * scale, 3 * scale, 2 * scale], rtol=1e-5)
    head.class_depthwise.normalization.gamma.assign([3.0])
    logits, _ = head(features)
    np.testing.assert_allclose(logits[0, ::6, 0], [6 * scale, 6, 6 * scale], rtol=1e-5)


@pytest.mark.parametrize(("reduced", "channels"), [(True, 144), (False, 240)])
def test_the_tail_can_be_whole_for_weights_of_imagenet(reduced, channels):
    detector = SSDLite(Config(width=0.25, reduced_tail=reduced), classes=3)
    assert detector.backbone(np.zeros([1, 32, 32, 3], np.uint8)).last32.shape[-1] == channels
