import shutil

import cv2
import pytest

from detect.data.dataset import Dataset


def paths(dataset: Dataset) -> list[str]:
    return [str(record.image_path) for records in dataset.splits.values() for record in records]


def repeats(found) -> dict:
    """Return the findings of this module, by their code."""
    return {code: findings for code, findings in found.items() if code.startswith(("copies", "lookalikes"))}


def test_a_copy_in_another_split_is_a_leak(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(20), grid(20)], val=[grid(20)])
    _, train, val = paths(dataset)
    assert not repeats(found(dataset))
    shutil.copy(train, val)
    ((code, (finding,)),) = repeats(found(dataset)).items()
    assert (code, finding.split, finding.count) == ("copies-across-splits", "train, val", 1)
    assert [example.image for example in finding.examples] == [train, val]
    assert not repeats(found(dataset, decode=False))


def test_a_copy_in_the_same_split(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(20), grid(20), grid(20)])
    first, _, last = paths(dataset)
    shutil.copy(first, last)
    ((code, (finding,)),) = repeats(found(dataset)).items()
    assert (code, finding.split, finding.count) == ("copies", "train", 1)


@pytest.mark.parametrize(("split", "code"), [("val", "lookalikes-across-splits"), ("train", "lookalikes")])
def test_a_compressed_copy(dataset_of, grid, found, split, code):
    dataset = dataset_of(train=[grid(20), grid(20)], val=[grid(20)])
    first, second, third = paths(dataset)
    other = third if split == "val" else second
    image = cv2.imread(first)
    cv2.imwrite(other, cv2.resize(cv2.resize(image, (320, 240)), (640, 480)))
    ((seen, (finding,)),) = repeats(found(dataset)).items()
    assert (seen, finding.count) == (code, 2)
    assert [example.image for example in finding.examples] == [first, other]


def test_black_images_do_not_look_alike(dataset_of, grid, found):
    dataset = dataset_of(train=[grid(20)] * 2)
    for level, path in enumerate(paths(dataset)):
        cv2.imwrite(path, cv2.imread(path) * 0 + level)
    assert not repeats(found(dataset))
