"""Thresholds and batch sizes that make no sense."""

import math

import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference.limits import check_limits


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1), None])
def test_thresholds_from_0_to_1(value):
    check_limits(value, value)


@pytest.mark.parametrize("value", [-0.1, 1.1, 45, math.nan, math.inf, "0.5", True, [0.5]])
def test_other_thresholds(value):
    with pytest.raises(BadInput, match=r"^confidence: expected a number from 0 to 1, got"):
        check_limits(confidence=value)
    with pytest.raises(BadInput, match=r"^iou: expected a number from 0 to 1, got"):
        check_limits(iou=value)


def test_per_cent_are_recognised():
    with pytest.raises(BadInput, match=r"got 45\. For 45 % give 0\.45\.$"):
        check_limits(iou=45)


@pytest.mark.parametrize("value", [0, -1, 2.0, "2", True, 10**24])
def test_batch_sizes(value):
    check_limits(batch_size=1)
    check_limits(batch_size=np.int64(8))
    with pytest.raises(BadInput, match=r"^batch_size: expected a whole number from 1 to 100000, got"):
        check_limits(batch_size=value)


@pytest.mark.parametrize("options", [{"confidence": 25}, {"iou": math.nan}, {"batch_size": 0}])
def test_python_and_the_command_line_refuse_the_same(red_finder, options):
    from detect.cli.main import run

    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(BadInput):
        red_finder.predict(image, **options)
    ((name, value),) = options.items()
    assert run(["predict", "no-such-model", "no-such-image.jpg", f"--{name.replace('_', '-')}", str(value)]) == 2
    if name != "batch_size":
        with pytest.raises(BadInput):
            red_finder.detect(np.zeros((1, 64, 64, 3), np.uint8), **options)
