"""The order of samples, and rare classes in it, by hand."""

from dataclasses import replace

import numpy as np
from many_images import dataset_of

from detect.data.looked_for import distinct
from detect.data.samples.sample_order import SampleOrder, repeat_factors, sample_order


def records(*lines: str):
    return dataset_of("xyz", train=lines).splits["train"]


def test_factors_of_images_by_hand():
    """Of 16 images, x is in 16, y in 4 and z in 1; with t = 1/2 their factors are 1, sqrt(2) and sqrt(8)."""
    made = records("0 xyz", "1 xyy", "2 xy", "3 yx", *(f"{number} x" for number in range(4, 16)))
    expected = [8**0.5, *[2**0.5] * 3, *[1] * 12]
    np.testing.assert_allclose(repeat_factors(made, 0.5), expected)


def test_images_without_boxes_and_boxes_to_be_ignored_do_not_count():
    made = records("0 x", "1", "2 x", "3")
    made.ignore[1] = True
    np.testing.assert_allclose(repeat_factors(made, 1.0), [2, 1, 1, 1])  # x is in one of four
    np.testing.assert_allclose(repeat_factors(records("0", "1"), 1.0), [1, 1])


def test_the_share_of_a_class_is_that_of_the_images_in_which_it_was_looked_for():
    made = records("0 x", "1", "2", "3")
    np.testing.assert_allclose(repeat_factors(made, 1.0)[0], 2)
    looked_for = distinct(np.array([[True, True, True]] * 2 + [[False, True, True]] * 2))
    np.testing.assert_allclose(repeat_factors(replace(made, looked_for=looked_for), 1.0)[0], 2**0.5)


def test_an_epoch_has_the_factor_of_an_image_in_the_mean():
    """Factors 2.5, 1 and 1 are 4.5 samples, in epochs of 5: each is scaled by 10/9."""
    order = SampleOrder(3, seed=0, ends=np.array([2.5, 3.5, 4.5]) * 5 / 4.5)
    counts = np.array([np.bincount([order.record(5 * epoch + place) for place in range(5)]) for epoch in range(400)])
    assert counts.sum(axis=1).tolist() == [5] * 400
    assert counts.min(axis=0).tolist() == [2, 1, 1]
    assert counts.max(axis=0).tolist() == [3, 2, 2]
    np.testing.assert_allclose(counts.mean(axis=0), np.array([2.5, 1, 1]) * 10 / 9, atol=0.1)


def test_without_rare_classes_the_order_is_the_usual_one():
    made = records("0 x", "1 x", "2 x")
    usual, none = sample_order(made, 0, 0.0), sample_order(made, 0, 1.0)
    assert usual.ends is None
    assert none.length == usual.length == 3
    assert sorted(none.record(place) for place in range(3, 6)) == [0, 1, 2]


def test_copies_of_an_image_in_an_epoch_are_shared_among_epochs_by_the_seed():
    made = records("0 xyz", *(f"{number} x" for number in range(1, 16)))
    first, again, other = (sample_order(made, seed, 0.5) for seed in (0, 0, 1))
    assert first.length == 18  # 15 + sqrt(8), rounded up
    places = range(3 * 18)
    assert [first.record(place) for place in places] == [again.record(place) for place in places]
    assert [first.record(place) for place in places] != [other.record(place) for place in places]
