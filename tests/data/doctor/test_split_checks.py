import shutil

import cv2
import numpy as np
import pytest

from detect.data.dataset import Dataset


@pytest.fixture
def show_photos():
    """Return a function that replaces the images of a dataset by photos that all differ."""

    def show(dataset: Dataset) -> list[str]:
        random, paths = np.random.default_rng(0), []
        for records in dataset.splits.values():
            for index in range(len(records)):
                coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
                photo = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
                paths.append(str(records.image_path(index)))
                cv2.imwrite(paths[-1], photo)
        return paths

    return show


def repeats(found) -> dict:
    """Return the findings of this module, by their code."""
    return {code: findings for code, findings in found.items() if code.startswith(("copies", "lookalikes"))}


def test_a_copy_in_another_split_is_a_leak(dataset_of, grid, found, show_photos):
    dataset = dataset_of(train=[grid(20), grid(20)], val=[grid(20)])
    _, train, val = show_photos(dataset)
    assert not repeats(found(dataset))
    shutil.copy(train, val)
    ((code, (finding,)),) = repeats(found(dataset)).items()
    assert (code, finding.split, finding.count) == ("copies-across-splits", "train, val", 1)
    assert [example.image for example in finding.examples] == [train, val]
    assert not repeats(found(dataset, decode=False))


def test_a_copy_in_the_same_split(dataset_of, grid, found, show_photos):
    dataset = dataset_of(train=[grid(20), grid(20), grid(20)])
    first, _, last = show_photos(dataset)
    shutil.copy(first, last)
    ((code, (finding,)),) = repeats(found(dataset)).items()
    assert (code, finding.split, finding.count) == ("copies", "train", 1)


@pytest.mark.parametrize(("split", "code"), [("val", "lookalikes-across-splits"), ("train", "lookalikes")])
def test_a_compressed_copy(dataset_of, grid, found, show_photos, split, code):
    dataset = dataset_of(train=[grid(20), grid(20)], val=[grid(20)])
    first, second, third = show_photos(dataset)
    other = third if split == "val" else second
    image = cv2.imread(first)
    cv2.imwrite(other, cv2.resize(cv2.resize(image, (320, 240)), (640, 480)))
    ((seen, (finding,)),) = repeats(found(dataset)).items()
    assert (seen, finding.count) == (code, 2)
    assert [example.image for example in finding.examples] == [first, other]


def test_black_images_do_not_look_alike(dataset_of, grid, found):
    assert "lookalikes" not in found(dataset_of(train=[grid(20)] * 3))
