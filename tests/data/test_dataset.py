from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detect.data.dataset import Dataset, check_learnable, check_losses, scored_split, split, with_validation
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble, attempt
from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.errors import BadInput


@pytest.fixture
def found(tmp_path, write_image):
    """Annotations of a number of images, each with one box, of which the last `missing` are not there."""

    def find(images: int, missing: int = 0) -> Annotations:
        result = Annotations("list.txt", lambda row: f"list.txt:{row + 1}", lambda number: f"box {number}")
        for number in range(images):
            path = tmp_path / f"{number}.jpg"
            if number < images - missing:
                write_image(path)
                result.add_image(str(path), number + 1)
            else:
                result.add_image(str(tmp_path / f"gone{number}.jpg"), number + 1)
            result.add_box(number, (1, 2, 3, 4), 0)
        return result

    return find


def dataset_of(**splits) -> Dataset:
    return assemble(Path("set"), "test data", ("car",), (1,), splits, ["a note"])


def test_splits_and_their_problems(found):
    dataset = dataset_of(train=found(4), val=found(3, missing=1))
    assert {name: len(records) for name, records in dataset.splits.items()} == {"train": 4, "val": 2}
    assert dataset.problems["val"].lost_images == 1
    assert dataset.notes == ("a note",)
    assert len(split(dataset, "val")) == 2


def test_unknown_splits_name_the_known(found):
    with pytest.raises(BadInput, match=r"set has no split 'vol'. Did you mean 'val'\? Known: train, val"):
        split(dataset_of(train=found(1), val=found(2)), "vol")


def test_a_split_that_cannot_be_used_is_refused_alone(found):
    dataset = dataset_of(train=found(2), val=found(2, missing=2), test=attempt(_fails))
    assert list(dataset.splits) == ["train"]
    with pytest.raises(BadInput, match=r"'val' of set cannot be used. list.txt: none of its images \(2\)"):
        split(dataset, "val")
    with pytest.raises(BadInput, match="no such list"):
        split(dataset, "test")
    assert [note.split(".")[0] for note in dataset.notes[1:]] == [
        "split 'val' is left out",
        "split 'test' is left out",
    ]


def test_nothing_usable_at_all(found):
    with pytest.raises(BadInput, match=r"no such list .*gone0\.jpg"):
        dataset_of(train=attempt(_fails), val=found(1, missing=1))
    with pytest.raises(BadInput, match="no split was found"):
        dataset_of()


def _fails() -> Annotations:
    raise BadInput("no such list")


def test_losses_up_to_a_tenth_are_allowed(found):
    dataset = dataset_of(train=found(10, missing=1), val=found(10, missing=2))
    check_losses(dataset, "train")
    with pytest.raises(BadInput) as error:
        check_losses(dataset, "val")
    text = str(error.value)
    assert "2 of 10 images (20.0%) and 2 of 10 boxes (20.0%) cannot be used, and at most 10% may be lost" in text
    assert "missing image: 2" in text
    assert "gone8.jpg" in text
    assert "gone9.jpg" in text
    check_losses(dataset, "val", max_lost=0.2)


def test_there_must_be_a_box_to_learn(found):
    dataset = dataset_of(train=found(3))
    check_learnable(dataset)
    records = dataset.splits["train"]
    one_counts = replace(records, ignore=np.array([True, False, True]))
    check_learnable(replace(dataset, splits={"train": one_counts}))
    ignored = replace(records, ignore=np.ones(3, bool))
    with pytest.raises(BadInput, match=r"nothing to learn: in the split 'train', all boxes \(3\) are marked as crowd"):
        check_learnable(replace(dataset, splits={"train": ignored}))


def test_a_split_without_a_box_is_refused_with_what_became_of_its_boxes(found):
    annotations = found(2)
    annotations.boxes.table["box"][:] = (50, 1, -10, 4)  # inverted
    with pytest.raises(BadInput, match=r"(?s)in the split 'train', no image has a box.*inverted box: 2 \(dropped\)"):
        check_learnable(dataset_of(train=annotations))


def test_validation_is_held_out_where_there_is_none(found):
    dataset = dataset_of(train=found(20))
    held = with_validation(dataset, share=0.15, seed=1)
    names = {name: [record.image_path.name for record in records] for name, records in held.splits.items()}
    assert len(names["val"]) == 3
    assert len(names["train"]) == 17
    assert not set(names["val"]) & set(names["train"])
    assert names["train"] == sorted(names["train"], key=lambda name: int(name[:-4]))
    assert "3 of the 20 images of 'train' are held out for it (seed 1)" in held.notes[-1]
    check_losses(held, "val")
    again, other = with_validation(dataset, 0.15, 1), with_validation(dataset, 0.15, 2)
    np.testing.assert_array_equal(again.splits["val"].image_ids, held.splits["val"].image_ids)
    assert other.splits["val"].image_ids.tolist() != held.splits["val"].image_ids.tolist()


def test_no_other_images_take_the_place_of_a_validation_split_that_cannot_be_used(found):
    dataset = dataset_of(train=found(4), val=found(2, missing=2))
    refused = r"'val' of set cannot be used\. list\.txt: none of its images \(2\)"
    why = f"{refused} .* take it out of the dataset: then a part of"
    with pytest.raises(BadInput, match=why):
        with_validation(dataset)
    with pytest.raises(BadInput, match=why):
        scored_split(dataset, "val")


def test_validation_that_is_there_stays(found):
    dataset = dataset_of(train=found(4), val=found(2))
    assert with_validation(dataset) is dataset


@pytest.mark.parametrize(("file", "images"), [("boxes.json", 20), ("data.yaml", 3), ("obj.data", 3), (".", 3)])
def test_of_one_annotation_file_all_is_scored(found, tmp_path, file, images):
    if file != ".":
        (tmp_path / file).write_text("")
    dataset = replace(dataset_of(train=found(20)), source=tmp_path / file)
    scored, records = scored_split(dataset, "val")
    assert len(records) == len(scored.splits["val"]) == images
    assert len(scored_split(dataset, "train")[1]) == 20
    two = replace(dataset, splits={**dataset.splits, "test": dataset.splits["train"]})
    assert len(scored_split(two, "val")[1]) == 3


def test_of_one_annotation_file_no_other_split_is_scored_than_the_one_that_cannot_be_used(found, tmp_path):
    (tmp_path / "boxes.xml").write_text("")
    dataset = replace(dataset_of(train=found(2), test=attempt(_fails)), source=tmp_path / "boxes.xml")
    with pytest.raises(BadInput, match=r"'test' of .* cannot be used\. no such list"):
        scored_split(dataset, "test")


@pytest.mark.parametrize(("images", "share", "expected"), [(2, 0.01, 1), (2, 0.99, 1), (3, 0.5, 2)])
def test_both_parts_have_an_image(found, images, share, expected):
    assert len(with_validation(dataset_of(train=found(images)), share).splits["val"]) == expected


def test_one_image_cannot_be_divided(found):
    with pytest.raises(BadInput, match="1 training image cannot be divided"):
        with_validation(dataset_of(train=found(1)))


def test_the_digest_is_of_classes_splits_and_annotations_and_not_of_the_place(tmp_path):
    first = open_dataset(write_shapes(tmp_path / "here", train=3, val=2, image_size=64))
    again = open_dataset(write_shapes(tmp_path / "there", train=3, val=2, image_size=64))
    assert first.digest() == again.digest()
    others = [
        replace(first, classes=first.classes[::-1]),
        replace(first, splits={"train": first.splits["train"]}),
        replace(first, splits={**first.splits, "val": first.splits["val"][:1]}),
        replace(
            first, splits={**first.splits, "val": replace(first.splits["val"], boxes=first.splits["val"].boxes + 1)}
        ),
    ]
    assert len({first.digest(), *(other.digest() for other in others)}) == 5
