"""Files and folders of a dataset that its reader may not read: none is taken for one that is not there."""

import pytest
from small_sets import SETS, TRUTH

from detect.data.curation.converting import convert
from detect.data.readers.description import open_dataset, require_present
from detect.data.shapes import write_shapes
from detect.errors import BadInput

DENIED = "Permission denied"


@pytest.fixture
def dataset(tmp_path):
    """Return a function that writes a dataset of 6 + 2 images in a format, and returns its folder."""

    def write(to: str):
        shapes = write_shapes(tmp_path / "shapes", train=6, val=2, image_size=64)
        return shapes.parent if to == "shapes" else convert(open_dataset(shapes), to, tmp_path / to).folder

    return write


@pytest.fixture
def locked(permissions_bind):
    """Return a function that takes all rights to a file or folder; they are given back at the end."""
    paths = []

    def lock(path):
        path.chmod(0)
        paths.append(path)
        return path

    yield lock
    for path in paths:
        path.chmod(0o755)


@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("shapes", ""),
        ("shapes", "shapes.yaml"),
        ("shapes", "train.json"),
        ("shapes", "images"),
        ("voc", "Annotations"),
        ("voc", "JPEGImages"),
        ("yolo", "data.yaml"),
        ("yolo", "images"),
        ("yolo", "labels"),
        ("csv", "train.csv"),
        ("tfrecord", "train-00000-of-00001.tfrecord"),
    ],
)
def test_what_may_not_be_read_is_named_with_the_reason(dataset, locked, to, name):
    folder = dataset(to)
    path = locked(folder / name)
    with pytest.raises(BadInput, match=f"{path}.*{DENIED}"):
        open_dataset(folder / "shapes.yaml" if to == "shapes" and name else folder)


@pytest.mark.parametrize(
    ("to", "name", "kind"),
    [
        ("shapes", "images/train/00000.jpg", "unreadable image"),
        ("voc", "Annotations/00000.xml", "unreadable label file"),
        ("yolo", "labels/train/00000.txt", "unreadable label file"),
    ],
)
def test_a_single_file_that_may_not_be_read_is_lost_alone(dataset, locked, to, name, kind):
    folder = dataset(to)
    locked(folder / name)
    problems = open_dataset(folder).problems["train"]
    assert (problems.counts, problems.lost_images) == ({kind: 1}, 1)
    assert DENIED in next(iter(problems)).what


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("V7 Darwin files", "annotations/c.json"),
        ("LabelMe files", "train/c.json"),
        ("BDD100K files of single images", "labels/100k/train/c.json"),
        ("Pascal VOC beside its images", "c.xml"),
        ("Cityscapes", "gtFine/train/aachen/c_gtFine_polygons.json"),
    ],
)
def test_a_file_of_one_image_is_lost_alone(tmp_path, permissions_bind, form, name):
    """Although there are so few files that each could be of a split."""
    path, file = SETS[form].write(tmp_path), tmp_path / name
    whole = file.read_bytes()
    for change in (lambda: file.chmod(0), lambda: file.write_text("{")):
        change()
        problems = open_dataset(path).problems["train"]
        assert (problems.lost_images, problems.images_total) == (1, len(TRUTH["train"]))
        assert str(file) in next(iter(problems)).where
        file.chmod(0o644)
        file.write_bytes(whole)


@pytest.mark.parametrize("form", sorted(SETS))
def test_nothing_that_may_not_be_read_is_called_missing(tmp_path, permissions_bind, form):
    """Each folder in turn: it is named with the reason, or what is in it is lost for this reason."""
    path = SETS[form].write(tmp_path)
    for folder in sorted(inside for inside in tmp_path.rglob("*") if inside.is_dir()):
        folder.chmod(0)
        try:
            assert DENIED in said(path), folder
        finally:
            folder.chmod(0o755)


def said(path) -> str:
    """Return all that is said of a dataset when it is opened."""
    try:
        dataset = open_dataset(path)
    except BadInput as error:
        return str(error)
    problems = (str(problem) for found in dataset.problems.values() for problem in found)
    return " ".join([*dataset.notes, *dataset.refused.values(), *problems])


def test_a_folder_inside_that_of_images_is_not_left_out_without_a_word(dataset, locked):
    folder = dataset("yolo")
    locked(folder / "images" / "train")
    assert DENIED in open_dataset(folder).refused["train"]


def test_a_dataset_in_a_folder_that_may_not_be_entered_is_there(dataset, locked):
    folder = locked(dataset("shapes"))
    with pytest.raises(BadInput, match=rf"shapes\.yaml cannot be read: {DENIED}"):
        require_present(folder / "shapes.yaml")


def test_what_the_file_system_of_a_disk_keeps_is_not_data(dataset, locked):
    folder = dataset("yolo")
    (folder / "images" / "lost+found").mkdir()
    locked(folder / "images" / "lost+found")
    assert not open_dataset(folder).refused


def test_what_is_wrong_with_a_file_is_not_put_down_to_a_folder_beside_it(tmp_path, locked):
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "other").mkdir()
    locked(tmp_path / "other")
    with pytest.raises(BadInput) as raised:
        open_dataset(tmp_path / "a.json")
    assert "other" not in str(raised.value)
