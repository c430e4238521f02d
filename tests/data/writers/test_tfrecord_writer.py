"""TFRecord files, read by TensorFlow."""

import io
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from records_of import records_of
from rich_dataset import HEIGHT, WIDTH, rich_dataset

from detect.data.curation.converting import convert
from detect.data.dataset import Dataset
from detect.data.pixels.images import read_image
from detect.data.readers.description import open_dataset
from detect.data.records import Record
from detect.data.writers import tfrecord_writer
from detect.data.writers.example_encoding import example


def examples(path) -> list[tf.train.Example]:
    dataset = tf.data.TFRecordDataset([str(path)])
    return [tf.train.Example.FromString(data.numpy()) for data in dataset]


def values(one: tf.train.Example, name: str) -> list:
    feature = one.features.feature[name]
    return list(getattr(feature, feature.WhichOneof("kind")).value)


def test_an_example_is_that_of_tensorflow():
    features = {
        "bytes": [b"", b"a", b"\xff" * 300],
        "floats": np.array([0, -1.5, np.inf]),
        "integers": np.array([0, 127, 128, -1, 2**63 - 1, -(2**63)]),
        "no floats": np.zeros(0),
        "no bytes": [],
    }
    parsed = tf.train.Example.FromString(example(features))
    assert {name: values(parsed, name) for name in features} == {name: list(own) for name, own in features.items()}


def test_tensorflow_reads_images_boxes_and_classes(tmp_path):
    original = rich_dataset(tmp_path / "original")
    convert(original, "tfrecord", tmp_path / "out")
    first, second, background = examples(tmp_path / "out" / "train-00000-of-00001.tfrecord")
    assert values(first, "image/encoded") == [(tmp_path / "original" / "train" / "a.png").read_bytes()]
    assert values(first, "image/format") == [b"png"]
    assert values(first, "image/filename") == [b"a.png"]
    assert values(first, "image/source_id") == [b"70"]
    assert (values(first, "image/width"), values(first, "image/height")) == ([WIDTH], [HEIGHT])
    np.testing.assert_allclose(values(first, "image/object/bbox/xmin"), [0, 20.25 / 48], rtol=1e-7)
    np.testing.assert_allclose(values(first, "image/object/bbox/ymax"), [5 / 32, 1], rtol=1e-7)
    assert values(first, "image/object/class/text") == [b"van", b"no"]
    assert values(first, "image/object/class/label") == [3, 7]
    assert values(first, "image/object/area") == [50, 100.5]
    assert values(second, "image/object/is_crowd") == [1, 0]
    assert values(background, "image/object/bbox/xmin") == []
    label_map = (tmp_path / "out" / "label_map.pbtxt").read_text()
    assert label_map.startswith('item {\n  id: 3\n  name: "van"\n}\nitem {\n  id: 7\n')


def test_ids_that_a_label_map_cannot_have_are_numbered(tmp_path):
    dataset = replace(rich_dataset(tmp_path / "original"), category_ids=(0, 7, "x", 90))
    written = convert(dataset, "tfrecord", tmp_path / "out")
    assert written.losses[0].startswith("ids of categories that are 0, negative or texts (2): ")
    back = open_dataset(tmp_path / "out")
    assert (back.classes, back.category_ids) == (dataset.classes, (1, 2, 3, 4))


def test_shards_hold_all_images_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord_writer, "_PER_SHARD", 2)
    convert(rich_dataset(tmp_path / "original"), "tfrecord", tmp_path / "out")
    shards = sorted(path.name for path in (tmp_path / "out").glob("train-*"))
    assert shards == ["train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord"]
    assert open_dataset(tmp_path / "out").splits["train"].image_ids.tolist() == [70, 12, 3]


def encoded(format: str, orientation: int = 1) -> bytes:
    """Return an image that is black on its left half."""
    pixels = np.full((30, 40, 3), 255, np.uint8)
    pixels[:, :20] = 0
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, exif=exif, **({"lossless": True} if format == "WEBP" else {}))
    return file.getvalue()


@pytest.mark.parametrize(("format", "orientation"), [("JPEG", 6), ("PNG", 8), ("WEBP", 1), ("TIFF", 1)])
def test_tensorflow_sees_every_image_as_it_is_shown(tmp_path, format, orientation):
    path = tmp_path / f"a.{format.lower()}"
    path.write_bytes(encoded(format, orientation))
    shown = read_image(path)
    box = np.array([[1, 2, 20, 25]], np.float32)
    flags = np.zeros(1, np.int32), np.zeros(1, bool), np.array([19.0 * 23])
    records = records_of([Record(path, 1, shown.shape[1], shown.shape[0], box, *flags)])
    written = convert(Dataset(tmp_path, "none", ("a",), (1,), {"train": records}, {}, ()), "tfrecord", tmp_path / "out")
    assert any(note.startswith("images are stored as PNG, upright") and note.endswith("(1)") for note in written.notes)
    (one,) = examples(tmp_path / "out" / "train-00000-of-00001.tfrecord")
    np.testing.assert_array_equal(tf.io.decode_image(values(one, "image/encoded")[0]), shown)
    assert values(one, "image/width") == [shown.shape[1]]
