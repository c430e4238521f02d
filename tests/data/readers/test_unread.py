"""Messages about data that is not read."""

import pytest

from detect.data.readers.description import open_dataset
from detect.errors import BadInput


@pytest.mark.parametrize(
    ("files", "what"),
    [
        (["train/MOT17-02/gt/gt.txt"], "sequences for tracking .* without frames"),
        (["MOT17-02/det/det.txt", "MOT17-02/img1/000001.jpg"], "sequences for tracking .* without annotations"),
        (["images/img_1.jpg", "gt/gt_img_1.txt"], "texts in images .*ICDAR"),
        (["images/a.jpg", "masks/a.png"], "segmentation masks without boxes.* export objects"),
        (["data/train-00000-of-00001.parquet"], "tables of Hugging Face.* `metadata.jsonl`"),
        (["coco.zip"], "archives, which are not read. Unpack them"),
        (["a.jpg"], "Found in it: a.jpg.$"),
    ],
)
def test_folders(tmp_path, files, what):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BadInput, match=f"does not hold a dataset.*{what}"):
        open_dataset(tmp_path)


def test_labels_in_a_folder_that_is_not_called_labels(tmp_path):
    for name, content in (("photos/a.jpg", ""), ("txt/a.txt", "0 0.5 0.5 0.2 0.2")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=r"look like YOLO labels .* Name the folder of the images `images`"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("coco.zip", "It is an archive: unpack it"),
        ("coco.tar.gz", "It is an archive: unpack it"),
        ("cars-train.array_record-00000-of-00001", "It is an ArrayRecord: .* file_format='tfrecord'"),
        ("train.parquet", "It is a table of Hugging Face"),
    ],
)
def test_files(tmp_path, name, what):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BadInput, match=f"{name} is not a dataset. {what}"):
        open_dataset(tmp_path / name)
