"""Dividing groups of images by their classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from records_of import records_of

from detect.data.curation.class_counts import ClassCounts, count_classes
from detect.data.curation.stratifying import stratify
from detect.data.records import Record


def counts_of(groups: list[tuple[int, dict[int, int]]]) -> ClassCounts:
    """Return the counts of groups, each with its number of images and how many have each class."""
    pairs = [(group, *pair) for group, (_, classes) in enumerate(groups) for pair in sorted(classes.items())]
    columns = np.array(pairs, np.int64).reshape(-1, 3).T
    return ClassCounts(np.array([images for images, _ in groups]), *columns)


def test_classes_are_counted_by_images_and_groups():
    """Image 0 has class 2 twice, image 1 has class 0 and an ignored box of class 1, image 2 has class 2."""
    labels = [(2, 2), (0, 1), (2,), ()]
    ignore = [(False, False), (False, True), (False,), ()]
    records = records_of(
        Record(f"{row}.png", row, 9, 9, np.zeros((len(own), 4)), np.array(own, int), np.array(ignored, bool), own)
        for row, (own, ignored) in enumerate(zip(labels, ignore, strict=True))
    )
    counts = count_classes(records, np.array([0, 1, 0, 2]))
    assert counts.images.tolist() == [2, 1, 1]
    assert list(zip(*(column.tolist() for column in counts[1:]), strict=True)) == [(0, 2, 2), (1, 0, 1)]


@pytest.mark.parametrize("seed", range(3))
def test_every_class_is_divided_by_its_share(seed):
    """Of 40 images with the class 0 and 10 with 1, 20 without any: a quarter of each."""
    counts = counts_of([(1, {0: 1})] * 40 + [(1, {1: 1})] * 10 + [(1, {})] * 20)
    parts = stratify(counts, [0.75, 0.25], seed)
    assert np.bincount(parts[:40]).tolist() == [30, 10]
    assert np.bincount(parts[40:50]).tolist() in ([8, 2], [7, 3])
    assert np.bincount(parts).tolist() in ([52, 18], [53, 17])


def test_a_class_in_two_images_is_in_both_parts():
    """The other images are many; halves of two are one each."""
    parts = stratify(counts_of([(1, {0: 1, 1: 1})] * 2 + [(1, {1: 1})] * 38), [0.5, 0.5], 0)
    assert sorted(parts[:2].tolist()) == [0, 1]
    assert np.bincount(parts).tolist() == [20, 20]


def test_large_groups_are_balanced_by_small_ones():
    parts = stratify(counts_of([(6, {0: 6}), *[(1, {0: 1})] * 4]), [0.6, 0.4], 0)
    assert parts.tolist() == [0, 1, 1, 1, 1]


def test_no_part_is_empty():
    parts = stratify(counts_of([(1, {0: 1})] * 3), [0.98, 0.01, 0.01], 0)
    assert sorted(parts.tolist()) == [0, 1, 2]


def test_the_seed_decides_and_repeats():
    counts = counts_of([(1, {0: 1})] * 30)
    one, again, other = (stratify(counts, [0.5, 0.5], seed) for seed in (1, 1, 2))
    assert one.tolist() == again.tolist() != other.tolist()


group = st.tuples(st.integers(1, 5), st.dictionaries(st.integers(0, 4), st.just(1)))


@given(st.lists(group, min_size=2), st.integers(0, 9))
def test_every_group_has_a_part_and_every_part_a_group(groups, seed):
    parts = stratify(counts_of(groups), [0.8, 0.2], seed)
    assert set(parts.tolist()) == {0, 1}
