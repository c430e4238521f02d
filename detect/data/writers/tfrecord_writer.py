"""TFRecord files of the TensorFlow Object Detection API: images, boxes and classes in shards of a thousand images.

Source: `create_coco_tf_record.py` and `tf_example_decoder.py` of the API. Corners are fractions of the image's sides.
TensorFlow decodes JPEG and PNG, and does not turn images by their EXIF orientation: other images, and those that are
turned, are stored as PNG as they are shown, which loses no pixel.
"""

import io
import json
from collections.abc import Sequence

import cv2
import numpy as np

from detect.data.pixels.headers import parse_header
from detect.data.pixels.images import decode_image
from detect.data.records import Record
from detect.data.writers.decimals import decimals
from detect.data.writers.example_encoding import Value, example, record
from detect.data.writers.features import EXACT_FRACTIONS, LABELS, NUMBERED_CLASSES, PARTLY_LABELLED, numbers_of_classes
from detect.data.writers.placing import read_image_file
from detect.data.writers.writer import Job, Writer

_PER_SHARD = 1000  # images: some 100 MB
_PNG = b"\x89PNG"
_STORED_AS_PNG = "images are stored as PNG, upright: TensorFlow cannot decode their format, or would not turn them"


def write_tfrecord(job: Job) -> None:
    """Write a dataset as TFRecord files."""
    classes, numbers = job.dataset.classes, numbers_of_classes(job.dataset)
    # Strings of protobuf's text format have the escapes of JSON, but for letters beyond ASCII, which stay as they are.
    items = (
        f"item {{\n  id: {number}\n  name: {json.dumps(name, ensure_ascii=False)}\n}}\n"
        for number, name in zip(numbers, classes, strict=True)
    )
    job.folder.write("label_map.pbtxt", "".join(items).encode())
    for split, records in job.dataset.splits.items():
        shards = -(-len(records) // _PER_SHARD)
        names = records.copy_names()
        for shard in range(shards):
            with job.folder.open(f"{split}-{shard:05d}-of-{shards:05d}.tfrecord") as file:
                for row in range(shard * _PER_SHARD, min((shard + 1) * _PER_SHARD, len(records))):
                    features = _features(job, records[row], names[row], numbers)
                    file.write(record(example(features)))
                    job.step()


def _features(job: Job, one: Record, name: str, numbers: Sequence[int]) -> dict[str, Value]:
    data, kind = _encoded(job, str(one.image_path))
    corners = decimals(one.boxes) / (one.width, one.height, one.width, one.height)
    names = [job.dataset.classes[label].encode() for label in one.labels]
    sides = dict(zip(("xmin", "ymin", "xmax", "ymax"), corners.T, strict=True))
    return {
        "image/encoded": [data],
        "image/format": [kind],
        "image/filename": [name.encode()],
        "image/source_id": [str(one.image_id).encode()],
        "image/width": np.array([one.width]),
        "image/height": np.array([one.height]),
        **{f"image/object/bbox/{side}": values for side, values in sides.items()},
        "image/object/class/text": names,
        "image/object/class/label": np.array(numbers, np.int64)[one.labels],
        "image/object/is_crowd": one.ignore.astype(np.int64),
        "image/object/area": one.areas,
    }


def _encoded(job: Job, path: str) -> tuple[bytes, bytes]:
    """Return the encoded image in a file as TensorFlow can decode it, and the name of its format."""
    data = read_image_file(path)
    header = parse_header(io.BytesIO(data), path)
    if header.orientation == 1 and header.components in (1, 3):
        return data, b"jpeg"
    if header.orientation == 1 and data.startswith(_PNG):
        return data, b"png"
    job.remarks[_STORED_AS_PNG] += 1
    _, png = cv2.imencode(".png", cv2.cvtColor(decode_image(data, path), cv2.COLOR_RGB2BGR))
    return png.tobytes(), b"png"


WRITER = Writer(
    name="tfrecord",
    title="TFRecord",
    files="`SPLIT-*.tfrecord` with the images in them, a thousand each, and `label_map.pbtxt`",
    lacks=(NUMBERED_CLASSES, LABELS, EXACT_FRACTIONS, PARTLY_LABELLED),
    write=write_tfrecord,
)
