"""The old and new names of torchvision's pyramids."""

import numpy as np
import pytest

from detect.layers.feature_pyramid import FeaturePyramid
from detect.weights.torchvision_parts import pyramid_targets, with_modern_pyramid


def test_old_names_of_pyramids_are_renamed():
    old = [
        "backbone.fpn.inner_blocks.0.weight",
        "backbone.fpn.layer_blocks.3.bias",
        "backbone.fpn.extra_blocks.p6.bias",
    ]
    new = ["backbone.fpn.inner_blocks.0.0.weight", "backbone.fpn.layer_blocks.3.0.bias", old[2]]
    assert list(with_modern_pyramid(dict.fromkeys(old))) == new
    assert list(with_modern_pyramid(dict.fromkeys(new))) == new
    normalised = ["fpn.inner_blocks.2.1.running_mean", "fpn.inner_blocks.2.1.weight"]
    assert list(with_modern_pyramid(dict.fromkeys(normalised))) == normalised


@pytest.mark.parametrize(("options", "count"), [({}, 2 * 8), ({"coarse": "pool"}, 2 * 6), ({"normalized": True}, 34)])
def test_all_weights_of_a_pyramid_have_a_tensor(options, count):
    """A convolution has two tensors, or five with its normalisation; P6 and P7 are never normalised."""
    pyramid = FeaturePyramid(filters=2, **options)
    pyramid([np.zeros([1, side, side, 2], np.float32) for side in (4, 2, 1)])
    found = list(pyramid_targets(pyramid))
    assert len(found) == count
    assert {target.variable.path for target in found} == {weight.path for weight in pyramid.weights}
    assert len({target.name for target in found}) == count
