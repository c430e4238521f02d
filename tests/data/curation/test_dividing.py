"""Splits that are divided anew."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from many_images import dataset_of, lines_of

from detect.data.curation import grouping
from detect.data.curation.dividing import divide
from detect.errors import BadInput

IMAGES = [f"{number}.jpg {'xy'[number % 4 == 0]}" for number in range(40)]  # 30 of x and 10 of y


def test_each_split_has_its_share_of_each_class():
    divided = divide(dataset_of("xy", train=IMAGES), {"val": 0.2, "test": 0.1})
    sizes = {split: len(records) for split, records in divided.splits.items()}
    assert sizes == {"train": 28, "val": 8, "test": 4}
    classes = {split: np.bincount(records.labels).tolist() for split, records in divided.splits.items()}
    assert classes == {"train": [21, 7], "val": [6, 2], "test": [3, 1]}
    assert sorted(line for split in divided.splits for line in lines_of(divided, split)) == sorted(IMAGES)


def test_splits_are_joined_and_keep_names_and_ids_or_are_numbered_anew():
    divided = divide(dataset_of("xy", train=IMAGES[:20], val=IMAGES[20:]), {"val": 0.5})
    assert any("train, val are joined" in note for note in divided.notes)
    assert any("numbered anew" in note for note in divided.notes)
    ids = np.concatenate([records.image_ids for records in divided.splits.values()])
    assert sorted(ids.tolist()) == list(range(1, 41))
    assert set(divided.splits["val"].copy_names()) <= {line.split()[0] for line in IMAGES}


def test_groups_are_not_divided():
    images = [f"cam{camera}_{frame}.jpg x" for camera in range(10) for frame in range(4)]
    dataset = dataset_of("x", train=images)
    divided = divide(dataset, {"val": 0.3}, group_by="video")
    cameras = [{name.partition("_")[0] for name in records.copy_names()} for records in divided.splits.values()]
    assert [len(own) for own in cameras] == [7, 3]
    assert not cameras[0] & cameras[1]
    assert any("frames of 10 videos" in note for note in divide(dataset, {"val": 0.3}).notes)


def test_images_that_show_nearly_the_same_stay_together(monkeypatch):
    """Each has the fingerprint of another one: of random bits, some 64 of 128 differ."""
    prints = np.repeat(np.random.default_rng(0).integers(1, 256, (20, 16), np.uint8), 2, axis=0)
    monkeypatch.setattr(grouping, "survey", lambda records, advance: SimpleNamespace(fingerprints=prints))
    divided = divide(dataset_of("xy", train=IMAGES), {"val": 0.5})
    for records in divided.splits.values():
        numbers = {int(name.partition(".")[0]) for name in records.copy_names()}
        assert {number ^ 1 for number in numbers} == numbers
    assert "images that show nearly the same as others stay together with them (20)" in divided.notes
    apart = divide(dataset_of("xy", train=IMAGES), {"val": 0.5}, near_duplicates=False)
    assert not any("nearly the same" in note for note in apart.notes)


def test_a_class_that_cannot_be_in_every_split_is_named():
    divided = divide(dataset_of("xy", train=["1.jpg x", "2.jpg x", "3.jpg y"]), {"val": 0.4})
    assert any("has no box of classes that are in" in note and note.endswith("(1): y") for note in divided.notes)


@pytest.mark.parametrize("shares", [{"val": 1.0}, {"val": 0.7, "test": 0.3}, {"val": -0.1}, {"val": math.nan}])
def test_shares_that_leave_nothing_are_refused(shares):
    with pytest.raises(BadInput, match="the rest is 'train'"):
        divide(dataset_of("xy", train=IMAGES), shares)


def test_one_group_cannot_be_divided():
    with pytest.raises(BadInput, match=r"images .40. make 1 group of images .* 2 splits"):
        divide(dataset_of("xy", train=IMAGES), {"val": 0.2}, group_by="folder")
