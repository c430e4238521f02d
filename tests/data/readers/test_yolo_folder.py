import pytest

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.data.readers.files.listing import Folder
from detect.data.readers.yolo_folder import is_yolo_folder, read_yolo_folder
from detect.errors import BadInput

LINE = "1 0.5 0.5 0.2 0.4\n"


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes files by name, images without content, and returns the folder."""

    def write(files: dict):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                write_image(tmp_path / name, 200, 100)
            else:
                (tmp_path / name).write_text(text)
        return tmp_path

    return write


def sizes(dataset) -> dict:
    return {name: len(records.boxes) for name, records in dataset.splits.items()}


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        ({"a.jpg": None, "a.txt": LINE}, {"train": 1}),  # labelImg
        ({"images/a.jpg": None, "labels/a.txt": LINE, "notes.json": "{}"}, {"train": 1}),  # Label Studio
        (
            {
                "images/train/a.jpg": None,
                "images/val/b.jpg": None,
                "labels/train/a.txt": LINE,
                "labels/val/b.txt": LINE + "0 0.1 0.1 0.1 0.1\n",
            },
            {"train": 1, "val": 2},
        ),
        (
            {
                "train/images/a.jpg": None,
                "train/labels/a.txt": LINE,
                "valid/images/b.jpg": None,
                "valid/labels/b.txt": LINE,
            },
            {"train": 1, "val": 1},
        ),
        ({"train/a.jpg": None, "train/a.txt": LINE, "test/b.jpg": None, "test/b.txt": LINE}, {"train": 1, "test": 1}),
        (
            {"images/cam1/a.jpg": None, "labels/cam1/a.txt": LINE, "images/b.jpg": None, "labels/b.txt": ""},
            {"train": 1},
        ),
    ],
)
def test_layouts(write, files, splits):
    folder = write({"classes.txt": "car\nbus\n", **files})
    assert is_yolo_folder(Folder(folder))
    dataset = read_yolo_folder(folder)
    assert sizes(dataset) == splits
    assert dataset.classes == ("car", "bus")
    assert split(dataset, "train").labels.tolist() == [1]
    assert not dataset.problems["train"].counts


def test_without_names_classes_are_their_numbers(write):
    dataset = read_yolo_folder(write({"a.jpg": None, "a.txt": LINE + "3 0.1 0.1 0.1 0.1\n"}))
    assert dataset.classes == ("0", "1", "2", "3")
    assert "no classes.txt names the classes: they are called by their numbers, 0 to 3" in dataset.notes


def test_names_in_a_description_without_splits(write):
    dataset = read_yolo_folder(write({"a.jpg": None, "a.txt": LINE, "data.yaml": "names: {0: car, 1: bus}\n"}))
    assert dataset.classes == ("car", "bus")


@pytest.mark.parametrize("name", ["labels.txt", "train/_darknet.labels", "train/obj.names"])
def test_other_files_that_name_classes(write, name):
    dataset = read_yolo_folder(write({"train/a.jpg": None, "train/a.txt": LINE, name: "car\nbus\n"}))
    assert dataset.classes == ("car", "bus")


def test_labels_whose_images_were_not_exported(write):
    """Label Studio leaves `images` empty where they are in a storage."""
    with pytest.raises(BadInput, match=r"there are no images in .*images"):
        open_dataset(write({"classes.txt": "car\nbus\n", "labels/a.txt": LINE, "images/.keep": ""}))


def test_numbers_that_mean_different_classes(write):
    files = {"train/a.jpg": None, "train/a.txt": LINE, "val/b.jpg": None, "val/b.txt": LINE}
    folder = write({**files, "train/classes.txt": "car\nbus\n", "val/classes.txt": "bus\ncar\n"})
    with pytest.raises(BadInput, match=r"train.classes.txt and .*val.classes.txt name different classes"):
        read_yolo_folder(folder)


@pytest.mark.parametrize(
    "files",
    [
        {"a.jpg": None},
        {"a.txt": LINE},
        {"a.jpg": None, "a.txt": "a street with two cars\n"},
        {"a.jpg": None, "classes.txt": "car\n"},
        {"inside/a.jpg": None, "inside/a.txt": LINE},
    ],
)
def test_what_is_not_such_a_folder(write, files):
    assert not is_yolo_folder(Folder(write(files)))


def test_a_description_comes_before_the_folders_that_it_describes(write):
    files = {"images/a.jpg": None, "labels/a.txt": LINE, "config/data.yaml": "names: [car, bus]\ntrain: ../images\n"}
    dataset = open_dataset(write(files))
    assert dataset.classes == ("car", "bus")
    assert "data.yaml" in dataset.notes[0]


def test_a_description_that_is_broken_is_named(write):
    folder = write({"images/a.jpg": None, "labels/a.txt": LINE, "data.yaml": "names: [car, bus\ntrain: images\n"})
    with pytest.raises(BadInput, match=r"data.yaml is not YAML: .* Correct it, or remove it"):
        open_dataset(folder)
    (folder / "images" / "a.jpg").unlink()
    with pytest.raises(BadInput, match=r"does not hold a dataset.*data.yaml is not YAML"):
        open_dataset(folder)


def names_and_boxes(dataset) -> dict[str, int]:
    return {record.image_path.name: len(record.boxes) for record in split(dataset, "train")}


UPLOADED, OTHER = "1a2b3c4d-a", "5e6f7a8b-a"


@pytest.mark.parametrize(
    ("images", "labels", "boxes", "reported"),
    [
        (["a"], [UPLOADED], {"a.jpg": 1}, []),
        ([UPLOADED], ["a"], {f"{UPLOADED}.jpg": 1}, []),
        (["a"], ["a", UPLOADED], {"a.jpg": 1}, [UPLOADED]),
        (["a", UPLOADED], [UPLOADED], {"a.jpg": 0, f"{UPLOADED}.jpg": 1}, []),
        ([UPLOADED, OTHER, "b"], ["a", "b"], {f"{UPLOADED}.jpg": 0, f"{OTHER}.jpg": 0, "b.jpg": 1}, ["a"]),
        (["a", "b"], [UPLOADED, OTHER, "b"], {"a.jpg": 0, "b.jpg": 1}, [UPLOADED, OTHER]),
    ],
)
def test_images_and_labels_of_which_one_has_the_prefix_of_an_upload(write, images, labels, boxes, reported):
    """Label Studio adds it to the names that it exports; the files of the user may be without it."""
    files = {f"images/{name}.jpg": None for name in images} | {f"labels/{name}.txt": LINE for name in labels}
    dataset = open_dataset(write({**files, "classes.txt": "car\nbus\n"}))
    assert names_and_boxes(dataset) == boxes
    found = dataset.problems["train"]
    assert [problem.where.rpartition("/")[2] for problem in found] == [f"{name}.txt" for name in reported]
