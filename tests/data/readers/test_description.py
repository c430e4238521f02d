import json
import shutil
import subprocess
import sys

import pytest
from small_sets import write_coco_file, write_text

from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.errors import BadInput


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, train=3, val=2, image_size=64)
    return folder


@pytest.fixture
def copied(shapes, tmp_path):
    shutil.copytree(shapes, tmp_path / "set")
    return tmp_path / "set"


def sizes(dataset) -> dict:
    return {name: len(records) for name, records in dataset.splits.items()}


def test_a_description_or_its_folder(shapes):
    for source in (shapes / "shapes.yaml", str(shapes), shapes / "images" / ".."):
        assert sizes(open_dataset(source)) == {"train": 3, "val": 2}


def test_a_coco_json(shapes):
    assert sizes(open_dataset(shapes / "val.json")) == {"val": 2}


def test_coco_layout(copied):
    (copied / "shapes.yaml").unlink()
    (copied / "annotations").mkdir()
    for name in ("train", "val"):
        (copied / f"{name}.json").rename(copied / "annotations" / f"instances_{name}.json")
    dataset = open_dataset(copied)
    assert sizes(dataset) == {"train": 3, "val": 2}
    assert "annotations/*.json" in dataset.notes[0]


def test_roboflow_export_and_one_of_its_folders(copied):
    (copied / "shapes.yaml").unlink()
    for name, folder in (("train", "train"), ("val", "valid")):
        (copied / "images" / name).rename(copied / folder)
        (copied / f"{name}.json").rename(copied / folder / "_annotations.coco.json")
    assert sizes(open_dataset(copied)) == {"train": 3, "val": 2}
    assert sizes(open_dataset(copied / "valid")) == {"val": 2}


def test_yolo_folder(copied, tmp_path):
    truth = json.loads((copied / "train.json").read_text())
    (copied / "labels" / "train").mkdir(parents=True)
    for image in truth["images"]:
        (copied / "labels" / "train" / image["file_name"]).with_suffix(".txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (copied / "shapes.yaml").unlink()
    (copied / "data.yaml").write_text("names: [a]\ntrain: images/train\n")
    (copied / "other.yaml").write_text("version: 3\nservices: {}\n")  # not a dataset
    for source in (copied, copied / "data.yaml", tmp_path):
        assert sizes(open_dataset(source)) == {"train": 3}


def test_a_set_in_the_folders_of_its_archive(copied, tmp_path):
    (tmp_path / "download" / "unpacked").mkdir(parents=True)
    copied.rename(tmp_path / "download" / "unpacked" / "set")
    dataset = open_dataset(tmp_path / "download")
    assert sizes(dataset) == {"train": 3, "val": 2}
    assert dataset.notes[0].endswith("download/unpacked/set/shapes.yaml")


def test_several_sets_in_one_folder_are_not_guessed_between(copied):
    (copied / "data.yaml").write_text("names: [a]\ntrain: images/train\n")
    with pytest.raises(BadInput, match=r"several datasets: data.yaml, shapes.yaml. Give the file"):
        open_dataset(copied)


def test_two_kinds_of_annotations_beside_images_are_not_guessed_between(tmp_path, write_image):
    write_image(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "a.xml").write_text("<annotation></annotation>")
    with pytest.raises(BadInput, match=r"several datasets: \*\.xml, \*\.txt\. .* move the others elsewhere"):
        open_dataset(tmp_path)


def test_forms_that_are_recognised_by_the_same_files_are_told_apart(tmp_path):
    write_coco_file(tmp_path)
    write_text(tmp_path / "tasks.json", json.dumps([{"data": {"image": "a.png"}, "annotations": []}]))
    with pytest.raises(BadInput, match=r"several datasets: .* \(COCO files\), .* \(Label Studio's JSON files\)"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere", r"nowhere does not exist \(in .*\)\. Give the file or the folder of a dataset"),
        ("empty", "does not hold a dataset.* Found in it: nothing"),
        ("images", "does not hold a dataset.* Found in it: a.jpg"),
        ("notes.txt", r"notes\.txt is not a dataset. Expected .*: .*, coco, "),
        (
            "strange.yaml",
            r"strange\.yaml: expected a YAML description with `format` and `splits`, or an Ultralytics data.yaml with "
            r"`names`.* It begins with b'version: 3",
        ),
        ("both.yaml", "both.yaml has the content of a YAML description and of an Ultralytics data.yaml"),
    ],
)
def test_what_is_not_a_dataset(tmp_path, write_image, name, reason):
    (tmp_path / "empty").mkdir()
    write_image(tmp_path / "images" / "a.jpg")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "strange.yaml").write_text("version: 3\n")
    (tmp_path / "both.yaml").write_text("names: [a]\ntrain: x\nsplits: {}\n")
    with pytest.raises(BadInput, match=reason):
        open_dataset(tmp_path / name)


def test_a_file_of_one_image_is_refused_with_the_folder_to_give(tmp_path, write_image):
    write_image(tmp_path / "a.jpg")
    (tmp_path / "a.json").write_text('{"shapes": [], "imagePath": "a.jpg"}')
    with pytest.raises(
        BadInput, match=rf"a\.json: expected .*Its folder holds LabelMe files: give {tmp_path} instead\."
    ):
        open_dataset(tmp_path / "a.json")
    (tmp_path / "a.json").unlink()
    (tmp_path / "a.xml").write_text("<annotation></annotation>")
    with pytest.raises(BadInput, match=r"a\.jpg is not a dataset\. Its folder holds Pascal VOC beside its images"):
        open_dataset(tmp_path / "a.jpg")


def test_real_sets(fixtures):
    assert sizes(open_dataset(fixtures / "bccd")) == {"train": 6, "val": 3, "test": 3}
    assert sizes(open_dataset(fixtures / "airbird")) == {"train": 10, "val": 10}
    assert sizes(open_dataset(fixtures / "potholes" / "valid")) == {"val": 1}
    with pytest.raises(BadInput, match="annotations are of other images"):
        open_dataset(fixtures / "potholes" / "test")


def test_reading_needs_no_tensorflow():
    code = (
        "import sys; import detect.data.readers.description; print('tensorflow' in sys.modules, 'cv2' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("source", ["", " "])
def test_an_empty_path_is_not_the_current_folder(source, tmp_path, monkeypatch):
    write_coco_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="The path of the dataset is empty"):
        open_dataset(source)
    assert open_dataset(".").classes


def test_a_device_is_not_a_dataset():
    with pytest.raises(BadInput, match=r"/dev/null is neither a file nor a folder\. Expected .*: .*, coco, "):
        open_dataset("/dev/null")


@pytest.mark.parametrize("address", ["https://example.org/data.zip", "http://[::1/x", "s3://bucket/data"])
def test_a_url_is_not_searched_for_among_the_files(address):
    with pytest.raises(BadInput, match=r"is a URL\. Download the dataset, and give its file or folder"):
        open_dataset(address)
