"""Parts of datasets."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from many_images import dataset_of, lines_of

from detect.data.curation.subset import sample
from detect.errors import BadInput

IMAGES = [f"{number:02}.jpg {'xxxxxxxyyz'[number % 10]}" for number in range(100)]  # 70 of x, 20 of y, 10 of z


def test_classes_keep_their_shares_and_images_their_order():
    taken = sample(dataset_of("xyz", train=IMAGES), 10)
    assert np.bincount(taken.splits["train"].labels).tolist() == [7, 2, 1]
    lines = lines_of(taken, "train")
    assert lines == sorted(lines)
    assert set(lines) <= set(IMAGES)


def test_rare_classes_have_one_image():
    taken = sample(dataset_of("xyz", train=["a.jpg z", "b.jpg y", *IMAGES[:7] * 10]), 4)
    assert sorted(set(taken.splits["train"].labels.tolist())) == [0, 1, 2]


def test_splits_keep_their_shares():
    dataset = dataset_of("xyz", train=IMAGES[:60], val=IMAGES[60:90], test=IMAGES[90:91])
    sizes = [len(records) for records in sample(dataset, 10).splits.values()]
    assert sizes == [6, 3, 1]
    assert sum(len(records) for records in sample(dataset, 1000).splits.values()) == 91
    with pytest.raises(BadInput, match="3 splits"):
        sample(dataset, 2)


def test_the_seed_decides():
    dataset = dataset_of("xyz", train=IMAGES)
    one, again, other = (lines_of(sample(dataset, 10, seed), "train") for seed in (1, 1, 2))
    assert one == again != other


@given(st.lists(st.text("xyz", max_size=3), min_size=1, max_size=20), st.integers(1, 25))
def test_as_many_as_asked_for_are_taken_with_as_many_classes_as_fit(letters, count):
    dataset = dataset_of("xyz", train=[f"{row}.jpg {own}" for row, own in enumerate(letters)])
    taken = sample(dataset, count).splits["train"]
    assert len(taken) == min(count, len(letters))
    occurring = Counter("".join(letters))
    if count >= len(occurring):
        assert len(set(taken.labels.tolist())) == len(occurring)
