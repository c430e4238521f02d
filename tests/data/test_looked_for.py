"""Classes that were looked for, in images that are labelled alike and otherwise."""

import numpy as np

from detect.data.looked_for import LookedFor, concatenated_sets, distinct, everywhere

PERSONS, CARS, ALL = [True, False], [False, True], [True, True]


def rows_of(looked_for: LookedFor) -> list[list[bool]]:
    return [looked_for.of(image).tolist() for image in range(len(looked_for.rows))]


def test_images_that_are_labelled_alike_share_a_row():
    made = distinct(np.array([PERSONS, CARS, PERSONS, ALL]))
    assert (rows_of(made), len(made.sets)) == ([PERSONS, CARS, PERSONS, ALL], 3)
    assert made.images_by_class().tolist() == [3, 2]
    assert made.has(np.array([0, 1, 3]), np.array([1, 1, 1])).tolist() == [False, True, True]
    assert rows_of(made.select(np.array([3, 0]))) == [ALL, PERSONS]


def test_many_classes_are_told_apart_beyond_the_first_byte():
    rows = np.eye(20, dtype=bool)
    np.testing.assert_array_equal(rows_of(distinct(rows)), rows)


def test_parts_without_a_statement_are_complete():
    assert concatenated_sets([None, None], [2, 1]) is None
    joined = concatenated_sets([distinct(np.array([CARS, PERSONS])), None], [2, 1])
    assert rows_of(joined) == [CARS, PERSONS, ALL]


def test_complete_images_need_no_statement():
    assert everywhere(2, 3).unless_complete() is None
    assert distinct(np.array([PERSONS, ALL])).select(np.array([1])).unless_complete() is None
    assert rows_of(distinct(np.array([PERSONS, ALL])).unless_complete()) == [PERSONS, ALL]


def test_images_of_several_parts_that_are_labelled_alike_share_a_row():
    parts = [distinct(np.array([PERSONS, PERSONS])), distinct(np.array([PERSONS, CARS]))]
    joined = concatenated_sets(parts, [2, 2]).joined(np.array([0, 1, 2, 3])).unless_complete()
    assert (rows_of(joined), len(joined.sets)) == ([PERSONS, PERSONS, PERSONS, CARS], 2)
    pairs = concatenated_sets([everywhere(2, 2), *parts], [2, 2, 2]).joined(np.array([0, 1, 0, 1, 4, 5]))
    assert len(pairs.select(np.array([0, 1, 4])).unless_complete().sets) == 2


def test_what_was_looked_for_in_one_of_the_same_images_was_looked_for_in_all():
    """Images 0, 2 and 4 are one."""
    neither = [False, False]
    made = distinct(np.array([PERSONS, neither, CARS, PERSONS, neither])).joined(np.array([0, 1, 0, 3, 0]))
    assert rows_of(made) == [ALL, neither, ALL, PERSONS, ALL]
