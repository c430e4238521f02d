"""Label Studio's own JSON, whole and in its short form (JSON_MIN): a list of tasks, each with an image and its regions.

    [{"data": {"image": "/data/upload/1/1a2b3c4d-a.jpg"}, "annotations": [{"result": [
        {"type": "rectanglelabels", "original_width": 40, "original_height": 20,
         "value": {"x": 25, "y": 25, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["car"]}}
    ]}]}]

Source: the pages on exports and on the format of tasks of labelstud.io; `label_studio_regions` has the coordinates.
Polygons, ellipses, brush masks and rotated boxes are replaced by their upright hulls: of a mask, that is one box around
all that was painted in one region. Where a task was annotated several times, the annotation that is marked as ground
truth counts, else the newest; cancelled ones and predictions never do. Tasks without annotation are left out and
counted in a note. A task may have a list of images, and `item_index` says to which of them a region belongs.

Images are found by the last parts of their address, as it stands or without the prefix that uploading adds. All tasks
of a file are the split that its name speaks of, else "train".
"""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.annotations import NO_SIZE
from detect.data.readers.assembly.ids import key
from detect.data.readers.files.json_stream import first_element, read_elements
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, counted, stated_time
from detect.data.readers.kinds.split_format import SplitFormat, one_split
from detect.data.readers.label_studio.label_studio_regions import is_object, joined_regions, read_region, size_of
from detect.errors import BadInput

_IMAGE_KEYS = ("image", "img", "image_url", "url")
_LISTS = ("annotations", "completions")  # the second until 2021
_SHORT = frozenset(("annotator", "annotation_id", "lead_time"))  # members that tasks of the short form have


def is_label_studio(path: Path) -> bool:
    """Return whether the first element of a JSON file is a task of Label Studio."""
    task = first_element(path)
    if not isinstance(task, dict):
        return False
    return isinstance(task.get("data"), dict) or bool(_SHORT & task.keys())


def load_label_studio(file: AnnotationFile) -> NamedContent:
    """Read a file; BadInput where it is not Label Studio's, or none of its images is found."""
    content = _Tasks(file.path)
    for entry, task in enumerate(read_elements(file.path, "a list of tasks, as Label Studio has it")):
        content.add_task(entry, task)
    content.drop_older()
    if not len(content.images):
        reasons = " ".join([*counted([content]), *content.problems.summary()]) or "It has no tasks."
        raise BadInput(f"{file.path}: no image is annotated in it. {reasons}")
    content.find_images(file)
    return content


class _Tasks(NamedContent):
    """The content of a file; entries are tasks."""

    def __init__(self, path: Path):
        super().__init__(path, fractions=True)
        self._newest: dict[Any, tuple[str, list[int]]] = {}  # of each task in the short form: time and rows
        self._replaced: list[int] = []  # rows of older ones

    def place(self, entry: int) -> str:
        return f"{self.path}: task {entry}"

    def add_task(self, entry: int, task: Any) -> None:
        """Add the image and the objects of a task, or report why that is not possible."""
        is_short = isinstance(task, dict) and "data" not in task
        data = task if is_short or not isinstance(task, dict) else task["data"]
        names = _images_of(data) if isinstance(data, dict) else []
        if not names:
            self.drop_image(entry, f"expected the address of an image in a task, found {task!r:.120}")
            return
        results = _short_results(task) if is_short else self._results(task)
        if results is None:
            return
        of_images = [_item(result, len(names)) for result in results]
        rows = [self.add_image(name, entry, _size(results, of_images, item)) for item, name in enumerate(names)]
        if is_short:
            self._compare(task, rows)
        for position, (result, item) in enumerate(zip(results, of_images, strict=True)):
            self._add_result(rows[item], position, result)

    def drop_older(self) -> None:
        """Leave out older annotations of the same task."""
        if self._replaced:
            self.counts["annotations older than another of the same task are left out"] += len(self._replaced)
            self.select_images(np.delete(np.arange(len(self.images)), self._replaced))

    def _results(self, task: dict) -> list[dict] | None:
        """Return the results of the annotation of a task that counts; None where there is none."""
        stated: list[Any] = next((task[name] for name in _LISTS if isinstance(task.get(name), list)), [])
        given = [one for one in stated if isinstance(one, dict) and isinstance(one.get("result"), list)]
        valid = [one for one in given if not one.get("was_cancelled")]
        if not valid:
            predicted = "with only predictions" if task.get("predictions") else "without annotations"
            what = "with only cancelled annotations" if given else predicted
            self.counts[f"tasks {what} are left out"] += 1
            return None
        if len(valid) > 1:
            what = "where tasks have several annotations, the one that is ground truth is taken, else the newest"
            self.counts[what] += 1
        chosen = max(valid, key=lambda one: (bool(one.get("ground_truth")), stated_time(one)))
        return list(joined_regions(chosen["result"]))

    def _compare(self, task: dict, rows: list[int]) -> None:
        """Note which rows of a task in the short form, which may be there for each annotation, are the newest."""
        number = key(task.get("id"))
        if number is not None:
            known = self._newest.get(number, ("", []))
            this = (stated_time(task), rows)
            self._newest[number], (_, older) = (known, this) if known[0] > this[0] else (this, known)
            self._replaced += older

    def _add_result(self, row: int, position: int, result: dict) -> None:
        value: Any = result.get("value")
        if not is_object(value):
            kind = str(result.get("type") or "other")
            self.counts[f"results of the kind {kind!r:.40} are not objects and are left out"] += 1
            return
        try:
            region = read_region(value, size_of(result))
        except MALFORMED as error:
            self.drop_box(row, position, f"expected a region with a label, found {value!r:.120} ({error})")
            return
        if region.is_hull:
            self.counts["turned boxes, masks, polygons and ellipses are replaced by their upright hulls"] += 1
        self.add_box(row, position, region.box, region.name)


def _short_results(task: dict) -> list[dict]:
    """Return the regions in all lists of a task in the short form, as results."""
    values = [value for member in task.values() if isinstance(member, list) for value in member]
    return [{**value, "value": value} for value in values if isinstance(value, dict)]


def _item(result: dict, count: int) -> int:
    """Return to which of `count` images of a task a region belongs: the first, where it does not say."""
    item = result.get("item_index")
    return item if type(item) is int and 0 <= item < count else 0


def _size(results: list[dict], items: list[int], item: int) -> tuple[int, int]:
    """Return the size that the regions of one image of a task state."""
    sizes = (size_of(result) for result, own in zip(results, items, strict=True) if own == item)
    return next((size for size in sizes if size != NO_SIZE), NO_SIZE)


def _images_of(data: dict) -> list[str]:
    """Return the names of the files of the images of a task; none where one of them is not there."""
    addresses = [data[name] for name in _IMAGE_KEYS if isinstance(data.get(name), str)]
    others = (value for value in data.values() if isinstance(value, str) and is_image_name(_file_of(value)))
    lists = (value for value in data.values() if _is_list_of_images(value))
    address = next(iter([*addresses, *others]), None)
    stated = next(lists, []) if address is None else [address]
    names = [_file_of(address) for address in stated]
    return names if all(can_name_file(name) and not name.startswith("data:") for name in names) else []


def _is_list_of_images(value: Any) -> bool:
    if not isinstance(value, list) or not all(isinstance(address, str) for address in value):
        return False
    return bool(value) and all(is_image_name(_file_of(address)) for address in value)


def _file_of(address: str) -> str:
    """Return the path in an address of Label Studio, of a web server or of a storage."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    if parts.path.endswith("/data/local-files/"):
        return parse_qs(parts.query).get("d", [""])[0]
    return unquote(parts.path) if parts.netloc else address


READER = SplitFormat(
    name="Label Studio JSON",
    file="a Label Studio JSON",
    folder="Label Studio's JSON files",
    suffixes=(".json",),
    content="a list of tasks with `data`, or in the short form",
    recognises=is_label_studio,
    load=one_split(load_label_studio),
).reader()
