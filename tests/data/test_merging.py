"""Datasets that become one."""

from dataclasses import replace

import numpy as np
import pytest
from many_images import dataset_of, lines_of

from detect.data.dataset import Dataset
from detect.data.merging import merge
from detect.data.problems import Problems
from detect.errors import BadInput


def test_classes_are_joined_by_name():
    one = dataset_of("xy", "/a", train=["1.jpg xy"], val=["3.jpg y"])
    two = dataset_of("zy", "/b", train=["1.jpg zy", "2.jpg"])
    merged = merge([one, two])
    assert merged.classes == ("x", "y", "z")
    assert lines_of(merged, "train") == ["1.jpg xy", "1.jpg zy", "2.jpg"]
    assert lines_of(merged, "val") == ["3.jpg y"]
    assert merged.category_ids == (1, 2, 3)  # z has the id 1, as x has
    assert any("numbered from 1" in note for note in merged.notes)
    assert merged.splits["train"].image_ids.tolist() == [1, 2, 3]
    assert [str(record.image_path) for record in merged.splits["train"]] == [
        "/a/train/1.jpg",
        "/b/train/1.jpg",
        "/b/train/2.jpg",
    ]


def test_ids_that_differ_are_kept():
    one = replace(dataset_of("x", "/a", train=["1.jpg x"]), category_ids=(7,))
    two = replace(dataset_of("y", "/b", train=["2.jpg y"]), category_ids=("why",))
    two.splits["train"].image_ids[:] = 9
    merged = merge([one, two])
    assert merged.category_ids == (7, "why")
    assert merged.splits["train"].image_ids.tolist() == [1, 9]


def test_classes_are_renamed_joined_and_left_out():
    merged = merge([dataset_of("xyz", train=["1.jpg xyzx", "2.jpg z"])], {"y": "x", "z": ""})
    assert merged.classes == ("x",)
    assert lines_of(merged, "train") == ["1.jpg xxx", "2.jpg"]
    assert "class 'z' is left out with its 2 boxes" in merged.notes


def test_names_that_are_almost_alike_are_named():
    dataset = dataset_of("xX", train=["1.jpg xX"])
    assert any("--map 'X=x'" in note for note in merge([dataset]).notes)


def test_unknown_classes_and_no_classes_are_refused():
    dataset = dataset_of("xy", train=["1.jpg xy"])
    with pytest.raises(BadInput, match="'z' to be renamed"):
        merge([dataset], {"z": "x"})
    with pytest.raises(BadInput, match="All classes are left out"):
        merge([dataset], {"x": "", "y": ""})


def test_a_file_of_several_datasets_is_one_image_with_all_boxes():
    """The second states the first box of the first again, and another one."""
    one = dataset_of("xyz", train=["0.jpg y", "1.jpg xy", "2.jpg z"])
    two = dataset_of("xyz", train=["1.jpg xzz"])
    merged = merge([one, two])
    assert lines_of(merged, "train") == ["0.jpg y", "1.jpg xyzz", "2.jpg z"]
    assert merged.splits["train"].box_ends.tolist() == [1, 5, 6]
    np.testing.assert_array_equal(merged.splits["train"].boxes[:, 0], [0, 0, 1, 1, 2, 0])
    assert any("1 image is named again" in note for note in merged.notes)


def looked_for(dataset: Dataset, split: str = "train") -> list[str]:
    """Return the letters of the classes that were looked for in each image."""
    found = dataset.splits[split].looked_for
    return ["".join(np.array(dataset.classes)[row]) for row in found.sets[found.rows]]


def test_in_the_images_of_a_dataset_its_own_classes_were_looked_for():
    one, two = dataset_of("xy", "/a", train=["1.jpg x", "2.jpg"]), dataset_of("yz", "/b", train=["3.jpg z"])
    merged = merge([one, two])
    assert looked_for(merged) == ["xy", "xy", "yz"]
    assert "in the 2 images of /a, these classes were looked for: x, y" in merged.notes
    assert looked_for(merge([merged, dataset_of("x", "/c", train=["4.jpg"])])) == ["xy", "xy", "yz", "x"]


def test_datasets_with_the_same_classes_or_that_are_said_to_be_complete_are_complete():
    one, two = dataset_of("xy", "/a", train=["1.jpg x"]), dataset_of("yx", "/b", train=["3.jpg x"])
    assert merge([one, two]).splits["train"].looked_for is None
    three = dataset_of("z", "/c", train=["3.jpg z"])
    complete = merge([one, three], complete=True)
    assert complete.splits["train"].looked_for is None
    assert not any("looked for" in note for note in complete.notes)


def test_only_the_split_that_is_partly_labelled_says_so():
    one, two = dataset_of("xy", "/a", train=["1.jpg x"], val=["1.jpg y"]), dataset_of("y", "/b", train=["3.jpg y"])
    merged = merge([one, two])
    assert looked_for(merged) == ["xy", "y"]
    assert merged.splits["val"].looked_for is None


def test_classes_that_are_renamed_were_looked_for_under_their_new_name():
    one, two = dataset_of("xy", "/a", train=["1.jpg x"]), dataset_of("zy", "/b", train=["3.jpg z"])
    assert merge([one, two], {"z": "x"}).splits["train"].looked_for is None
    assert looked_for(merge([one, two], {"y": ""})) == ["x", "z"]


def test_in_an_image_of_several_datasets_the_classes_of_all_were_looked_for():
    one, two = dataset_of("x", train=["1.jpg x", "2.jpg"]), dataset_of("y", train=["2.jpg y", "3.jpg"])
    assert looked_for(merge([one, two])) == ["x", "xy", "y"]


def test_problems_are_added():
    one, two = dataset_of("x", "/a", train=["1.jpg x"]), dataset_of("x", "/b", train=["2.jpg x"])
    lost = Problems(images_total=3, boxes_total=5)
    lost.add("missing image", "x", "gone", "left out", images=2, boxes=4)
    problems = merge([one, replace(two, problems={"train": lost})]).problems["train"]
    assert (problems.images_total, problems.lost_images, problems.boxes_total, problems.lost_boxes) == (4, 2, 6, 4)
