import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.errors import BadInput

HEADER = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
CAR, BUS = "/m/0k4j", "/m/01bjv"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a table of (image id, code, x1, x2, y1, y2, group)."""

    def write(name, *rows):
        lines = [
            f"{image},x,{code},1,{x1},{x2},{y1},{y2},0,0,{group},0,0" for image, code, x1, x2, y1, y2, group in rows
        ]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([HEADER, *lines]))
        return path

    return write


def test_fractions_names_and_groups(tmp_path, write, write_image):
    write_image(tmp_path / "train" / "00a.jpg")  # 64 x 48
    path = write("train-annotations-bbox.csv", ("00a", CAR, 0.25, 0.5, 0.5, 1, 0), ("00a", BUS, 0, 1, 0, 1, 1))
    (tmp_path / "class-descriptions.csv").write_text(f"{CAR},Car\n{BUS},Bus\n/m/01,Other\n")
    dataset = open_dataset(path)
    assert dataset.classes == ("Bus", "Car")
    (record,) = split(dataset, "train")
    np.testing.assert_array_equal(record.boxes, [[16, 24, 32, 48], [0, 0, 64, 48]])
    assert record.labels.tolist() == [1, 0]
    assert record.ignore.tolist() == [False, True]


def test_without_descriptions_classes_are_called_by_their_codes(tmp_path, write, write_image):
    write_image(tmp_path / "00a.jpg")
    dataset = open_dataset(write("validation-annotations-bbox.csv", ("00a", CAR, 0, 0.5, 0, 0.5, 0)))
    assert dataset.classes == (CAR,)
    assert any("called by their codes" in note for note in dataset.notes)
    assert list(dataset.splits) == ["val"]


def test_codes_of_one_name_are_one_class(tmp_path, write, write_image):
    write_image(tmp_path / "00a.jpg")
    path = write("train.csv", ("00a", CAR, 0, 0.5, 0, 0.5, 0), ("00a", BUS, 0.5, 1, 0.5, 1, 0))
    (tmp_path / "classes.csv").write_text(f"LabelName,DisplayName\n{CAR},vehicle\n{BUS},vehicle\n")
    dataset = open_dataset(path)
    assert dataset.classes == ("vehicle",)
    assert split(dataset, "train").labels.tolist() == [0, 0]


def test_images_that_are_not_there_are_left_out_with_a_note(tmp_path, write, write_image):
    """A table names all images of OpenImages, and a folder has some; those without a row are unknown."""
    write_image(tmp_path / "Dataset" / "train" / "Car" / "00b.jpg")
    write_image(tmp_path / "Dataset" / "train" / "Car" / "00z.jpg")
    box = (CAR, 0, 0.5, 0, 0.5, 0)
    dataset = open_dataset(write("csv_folder/train-annotations-bbox.csv", ("00a", *box), ("00b", *box), ("00c", *box)))
    assert [record.image_path.name for record in split(dataset, "train")] == ["00b.jpg"]
    assert dataset.problems["train"].lost_images == 0
    absent, unnamed = (note for note in dataset.notes if "left out" in note)
    assert absent.startswith("images that train-annotations-bbox.csv names, but that are not in")
    assert absent.endswith("(2 of 3)")
    assert unnamed.endswith("that the annotations do not name are left out (1)")


def test_none_of_the_images_is_there(write):
    path = write("train-annotations-bbox.csv", ("00a", CAR, 0, 0.5, 0, 0.5, 0))
    with pytest.raises(BadInput, match=r"none of its images \(1, such as '00a'\) is in"):
        open_dataset(path)


def test_pixels_in_place_of_fractions_are_found(tmp_path, write, write_image):
    write_image(tmp_path / "00a.jpg")
    path = write("train.csv", ("00a", CAR, 0, 0.5, 0, 0.5, 0), ("00a", CAR, 8, 16, 8, 16, 0))
    assert open_dataset(path).problems["train"].counts == {"box in another unit": 1}
