"""Folds for cross-validation."""

from types import SimpleNamespace

import numpy as np
import pytest
from many_images import dataset_of, lines_of

from detect.data.curation import grouping
from detect.data.curation.folds import divide_into_folds
from detect.errors import BadInput

IMAGES = [f"{number}.jpg {'xy'[number % 4 == 0]}" for number in range(40)]  # 30 of x and 10 of y


@pytest.fixture
def looks(monkeypatch):
    """Return a function that decides how images look: those with equal numbers alike, others not at all."""

    def set_prints(numbers) -> None:
        prints = np.random.default_rng(0).integers(1, 256, (1 + max(numbers), 16), np.uint8)[list(numbers)]
        monkeypatch.setattr(grouping, "survey", lambda records, advance: SimpleNamespace(fingerprints=prints))

    set_prints(range(40))
    return set_prints


def test_each_image_is_held_out_once_and_each_fold_has_its_share_of_each_class(looks):
    whole = dataset_of("xy", train=IMAGES[:30], val=IMAGES[30:])
    folds = divide_into_folds(whole, 5)
    held_out = []
    for fold in range(1, 6):
        divided = folds.held_out(fold)
        assert np.bincount(divided.splits["val"].labels).tolist() == [6, 2]
        own, others = lines_of(divided, "val"), lines_of(divided, "train")
        assert sorted([*own, *others]) == sorted(IMAGES)
        assert divided.problems["val"].images_total == 8
        held_out += own
    assert sorted(held_out) == sorted(IMAGES)
    assert "40 images of train and val are divided into 5 folds (seed 0)" in folds.notes


def test_the_test_split_stays_as_it_is(looks):
    folds = divide_into_folds(dataset_of("xy", train=IMAGES, test=["t.jpg x"]), 2)
    assert lines_of(folds.held_out(2), "test") == ["t.jpg x"]


def test_images_that_show_nearly_the_same_are_in_one_fold(looks):
    looks([number // 2 for number in range(40)])
    numbers = divide_into_folds(dataset_of("xy", train=IMAGES), 4).numbers
    assert (numbers[::2] == numbers[1::2]).all()


def test_a_rule_keeps_images_together_by_their_names(looks):
    images = [f"cam{camera}_{frame}.jpg x" for camera in range(10) for frame in range(4)]
    dataset = dataset_of("x", train=images)
    numbers = divide_into_folds(dataset, 5, group_by="video").numbers.reshape(10, 4)
    assert (numbers == numbers[:, :1]).all()
    assert any("--set group_by=video keeps" in note for note in divide_into_folds(dataset, 5).notes)


def test_the_seed_decides_what_is_in_a_fold(looks):
    numbers = [divide_into_folds(dataset_of("xy", train=IMAGES), 4, seed).numbers.tolist() for seed in (0, 0, 1)]
    assert numbers[0] == numbers[1] != numbers[2]


def test_more_folds_than_groups_are_refused(looks):
    looks([number // 10 for number in range(40)])
    with pytest.raises(BadInput, match=r"--folds 5: the images .* make 4 groups .* Give --folds 4 or fewer"):
        divide_into_folds(dataset_of("xy", train=IMAGES), 5)


def test_a_class_in_one_fold_is_named(looks):
    folds = divide_into_folds(dataset_of("xyz", train=[*IMAGES[:39], "39.jpg z"]), 4)
    assert sum("all boxes of z are in one fold" in note for note in folds.notes) == 1
    assert not any("boxes of y" in note for note in folds.notes)
