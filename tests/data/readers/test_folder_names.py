"""Annotations and images in two folders that have names of their own."""

import pytest
from small_sets import coco_json, write_annotations, write_text
from small_truth import TRUTH, write_images

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.image_folders import images_beside


@pytest.mark.parametrize("given", ["", "annots"])
@pytest.mark.parametrize(
    "write", [write_annotations, lambda folder, name: coco_json(folder / "boxes.json", name)], ids=["VOC", "COCO"]
)
def test_images_are_found_in_the_only_folder_beside_the_annotations_that_has_some(tmp_path, write, given):
    (tmp_path / "annots").mkdir()
    (tmp_path / "notes").mkdir()
    write(tmp_path / "annots", "train")
    write_images(tmp_path / "photos", "train")
    dataset = open_dataset(tmp_path / given)
    records = split(dataset, "train")
    assert [each.image_path for each in records] == [tmp_path / "photos" / name for name in TRUTH["train"]]
    assert len(records.boxes) == 7
    assert any(str(tmp_path / "photos") in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (("a/a.jpg",), True),
        (("a/a.jpg", "annots/b.jpg"), False),
        (("a/a.jpg", "b/a.jpg"), False),
        (("a/a.jpg", "a/a.xml"), False),
        ((), False),
    ],
    ids=["images", "images of its own", "two folders", "another dataset", "nothing"],
)
def test_a_folder_beside_is_taken_only_where_there_is_no_doubt(tmp_path, files, found):
    for name in ("annots/c.xml", *files):
        write_text(tmp_path / name, "")
    assert images_beside(Folder(tmp_path / "annots")) == (tmp_path / "a" if found else None)
