"""Amazon SageMaker Ground Truth and Rekognition Custom Labels: manifests with a line per image.

    {"source-ref": "s3://bucket/a.jpg",
     "cars": {"image_size": [{"width": 40, "height": 20, "depth": 3}],
              "annotations": [{"class_id": 1, "left": 10, "top": 5, "width": 20, "height": 10}]},
     "cars-metadata": {"class-map": {"0": "bus", "1": "car"}, "type": "groundtruth/object-detection"}}

Source: "Bounding box job output" of the documentation of SageMaker, and "Object localization in manifest files" of that
of Rekognition. Each object is one line; pixels are counted from the upper left corner. The job, here `cars`, has any
name. Of several jobs on one image, such as those that adjust the boxes of others, the newest counts. Images without
boxes of any job, such as those on which a job failed, are left out and counted.

Images are looked for by the ends of their addresses. A manifest is the split that its name speaks of, else "train".
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from detect.data.readers.assembly.annotations import stated_size
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.files.json_lines import first_json_line, read_json_lines
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.kinds.line_contents import LineContent, SplitLines
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name, stated_time
from detect.data.readers.kinds.split_format import SplitFormat
from detect.errors import BadInput

_ADDRESS, _METADATA = "source-ref", "-metadata"


class _Job(NamedTuple):
    """The boxes that one job drew on an image."""

    time: str  # when it was done, as `stated_time` returns it
    boxes: list[Any]
    size: tuple[int, int]  # of the image
    names: Mapping[str, Any]  # of the classes, by their numbers as texts


def is_ground_truth(path: Path) -> bool:
    """Return whether the first line is an image of a manifest; BadInput where the file cannot be read."""
    line = first_json_line(path)
    return isinstance(line, dict) and _ADDRESS in line


def load_ground_truth(file: AnnotationFile, split: str) -> Mapping[str, NamedContent | BadInput]:
    """Read a manifest, as `SplitFormat.load` does."""
    contents = SplitLines(file, split, Form.SIZE)
    content = contents.of(split)
    for number, line in read_json_lines(file.path):
        jobs = list(_jobs(line))
        if len(jobs) > 1:
            content.counts["where images have boxes of several jobs, those of the newest are taken"] += 1
        if jobs:
            _add_image(content, number, line, max(jobs, key=lambda job: job.time))
        elif isinstance(line, dict) and _ADDRESS in line:
            content.counts["images without boxes of any job are left out"] += 1
        else:
            content.drop_image(number, f"expected an object with {_ADDRESS!r}, found {line!r:.120}")
    return contents.with_images()


def _jobs(line: Any) -> Iterator[_Job]:
    """Yield the boxes of each job that drew some on an image."""
    for name, value in line.items() if isinstance(line, dict) else ():
        boxes = value.get("annotations") if isinstance(value, dict) else None
        if isinstance(boxes, list):
            stated = line.get(f"{name}{_METADATA}")
            metadata = stated if isinstance(stated, dict) else {}
            sizes, names = value.get("image_size"), metadata.get("class-map")
            size = stated_size(sizes[0] if isinstance(sizes, list) and sizes else None)
            time = stated_time(metadata, ("creation-date",))
            yield _Job(time, boxes, size, names if isinstance(names, dict) else {})


def _add_image(content: LineContent, number: int, line: dict[str, Any], job: _Job) -> None:
    row = content.add_named(number, line.get(_ADDRESS), line, job.size)
    if row is None:
        return
    for position, box in enumerate(job.boxes):
        try:
            left, top, width, height = (float(box[side]) for side in ("left", "top", "width", "height"))
            label = str(box["class_id"])
            name = class_name(job.names[label] if job.names else label)
        except MALFORMED:
            what = f"expected left, top, width, height and a 'class_id' of 'class-map', found {box!r:.120}"
            content.drop_box(row, position, what)
            continue
        content.add_box(row, position, (left, top, left + width, top + height), name)


READER = SplitFormat(
    name="SageMaker Ground Truth",
    file="a Ground Truth manifest",
    folder="Ground Truth manifests",
    suffixes=(".manifest", ".jsonl"),
    content=f"images with `{_ADDRESS}`",
    recognises=is_ground_truth,
    load=load_ground_truth,
).reader()
