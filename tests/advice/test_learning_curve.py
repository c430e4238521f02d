"""The learning curve: exact power laws, intervals worked by hand, and simulated trials."""

import numpy as np
import pytest

from detect.advice.learning_curve import Gain, difference, fit, gain_of_doubling


def constant(*values):
    """Return replicates of AP that are the same in each of 20 draws of the images."""
    return np.tile(np.array(values), (21, 1))


def power_law(images, scale, exponent):
    return 1 - scale * images**-exponent


def test_an_exact_power_law_is_continued():
    precisions = [constant(power_law(n, 2.0, 0.25), power_law(n, 4.0, 0.5)) for n in (100, 25, 50)]
    total, of_class = gain_of_doubling(fit([100, 25, 50], precisions), 100)
    assert total.value == pytest.approx(power_law(200, 2.0, 0.25) - power_law(100, 2.0, 0.25))
    assert of_class.value == pytest.approx(power_law(200, 4.0, 0.5) - power_law(100, 4.0, 0.5))
    assert total.low == pytest.approx(total.value)
    assert total.high == pytest.approx(total.value)


def test_ap_that_does_not_change_gives_no_gain():
    (gain,) = gain_of_doubling(fit([100, 25, 50], [constant(0.5)] * 3), 100)
    assert gain.value == pytest.approx(0, abs=1e-12)


def test_scatter_around_the_line_widens_the_interval():
    """Three trials leave one degree of freedom: the residuals of (1, -2, 1) d are d / 3, -2 d / 3 and d / 3."""
    bent = 0.01 * np.array([1, -2, 1])
    errors = 0.5 * np.exp(bent / 3)
    line = fit([25, 50, 100], [constant(1 - error) for error in errors])
    assert line.deviation[0] == pytest.approx(0.01 * np.sqrt(6 / 9))
    assert line.slope[0, 0] == pytest.approx(0, abs=1e-12)
    (gain,) = gain_of_doubling(line, 100)
    # At no slope, the gain is minus half of the slope, whose standard error is that of a regression.
    half = 6.314 * 0.5 * 0.01 * np.sqrt(6 / 9) / np.sqrt(2)
    assert gain.high - gain.value == pytest.approx(half)
    assert not gain.is_clear


def test_images_that_matter_widen_the_interval():
    """The slope is that of the images, and in one of 20 draws twice the slope."""
    drawn = [constant(power_law(n, 2.0, 0.25)) for n in (25, 50, 100)]
    for each, n in zip(drawn, (25, 50, 100), strict=True):
        each[1] = power_law(n, 4.0, 0.5)
    (gain,) = gain_of_doubling(fit([25, 50, 100], drawn), 100)
    usual, other = (power_law(200, *law) - power_law(100, *law) for law in ((2.0, 0.25), (4.0, 0.5)))
    assert gain.high - gain.value == pytest.approx(1.645 * np.std([other, *[usual] * 19], ddof=1))


def test_a_class_without_boxes_cannot_be_told():
    total, of_class = gain_of_doubling(fit([25, 50, 100], [constant(0.5, np.nan)] * 3), 100)
    assert total is not None
    assert of_class is None


def test_intervals_hold_in_nine_of_ten_cases():
    random, truth = np.random.default_rng(0), power_law(200, 2.0, 0.25) - power_law(100, 2.0, 0.25)
    images = [25, 50, 100] * 2
    held = 0
    for _ in range(400):
        errors = [2.0 * n**-0.25 * np.exp(random.normal(0, 0.02)) for n in images]
        (gain,) = gain_of_doubling(fit(images, [constant(1 - error) for error in errors]), 100)
        held += gain.low <= truth <= gain.high
    assert 0.86 < held / 400 < 0.94


def test_a_difference_has_the_scatter_of_the_trials():
    line = fit([25, 50, 100], [constant(1 - 0.5 * np.exp(bent)) for bent in (0.01, -0.02, 0.01)])
    gain = difference(line, constant(0.6), [constant(0.5), constant(0.54)])
    assert gain.value == pytest.approx(0.08)
    assert gain.high - gain.value == pytest.approx(6.314 * line.deviation[0] * 0.4 * np.sqrt(1.5))


def test_a_gain_is_clear_where_zero_is_outside():
    assert Gain(0.03, 0.01, 0.05).is_clear
    assert Gain(-0.03, -0.05, -0.01).is_clear
    assert not Gain(0.03, -0.01, 0.07).is_clear
