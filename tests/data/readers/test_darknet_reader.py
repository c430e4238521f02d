import pytest

from detect.data.dataset import check_losses, split
from detect.data.readers.darknet import read_darknet
from detect.errors import BadInput


@pytest.fixture
def project(tmp_path, write_image):
    """Write x64/data with two labelled images, a list and the names, and return a function that writes obj.data."""
    data = tmp_path / "x64" / "data"
    for name in ("a", "b"):
        write_image(data / "img" / f"{name}.jpg", 200, 100)
        (data / "img" / f"{name}.txt").write_text("1 0.5 0.5 0.2 0.4\n")
    (data / "obj.names").write_bytes(b"air\r\nbird\r\n\r\n")
    (data / "train.txt").write_bytes(b"data\\img\\a.jpg\r\nC:\\yolo\\x64\\data\\img\\b.jpg\r\n")

    def write(text: str = "classes= 2\r\ntrain  = data/train.txt\r\nnames = data/obj.names\r\nbackup = backup/\r\n"):
        (data / "obj.data").write_bytes(text.encode())
        return data / "obj.data"

    return write


def test_windows_paths_and_line_ends(project, tmp_path):
    dataset = read_darknet(project())
    records = split(dataset, "train")
    assert [record.image_path.name for record in records] == ["a.jpg", "b.jpg"]
    assert records.boxes[0].tolist() == pytest.approx([80, 30, 120, 70])
    assert records.labels.tolist() == [1, 1]
    assert dataset.classes == ("air", "bird")
    assert not dataset.problems["train"].counts
    assert f"relative to {tmp_path / 'x64'}" in " ".join(dataset.notes)


def test_one_list_for_both(project):
    path = project("train = train.txt\nvalid = train.txt\nnames = obj.names\n")
    dataset = read_darknet(path)
    assert list(dataset.splits) == ["train", "val"]
    assert "'train' and 'val' are the same images" in " ".join(dataset.notes)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train = train.txt\n", "expected a line 'names = FILE'"),
        ("names = none.names\n", "'none.names', was not found"),
        ("classes = 3\nnames = obj.names\n", "'classes' is 3, but .* has 2 names"),
        ("names = obj.names\nsomething\n", r"obj\.data:2: expected 'name = value', found 'something'"),
        ("names = obj.names\ntrain = gone.txt\n", "'gone.txt', was not found"),
        ("names = obj.names\n", "no split was found"),
    ],
)
def test_what_is_missing_is_named(project, text, reason):
    with pytest.raises(BadInput, match=reason):
        read_darknet(project(text))


def test_air_and_bird(fixtures):
    dataset = read_darknet(fixtures / "airbird" / "x64" / "Release" / "data" / "obj.data")
    assert {name: (len(part), len(part.boxes)) for name, part in dataset.splits.items()} == {
        "train": (10, 35),
        "val": (10, 35),
    }
    problems = dataset.problems["train"]
    assert problems.counts == {"missing image": 1}
    assert problems.images_total == 11
    check_losses(dataset, "train")  # one of eleven is less than a tenth
