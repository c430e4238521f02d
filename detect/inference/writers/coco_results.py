"""A COCO results file, written while the results arrive."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect.files import GrowingText, require_own
from detect.inference.result import Result
from detect.inference.sources.frames import Source

_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class ResultIds:
    """The ids in a results file."""

    images: Mapping[str, int | str]  # by name of the source; what is not in it is counted from 1
    categories: Sequence[int | str | None]  # by label; None for a class without an id, whose objects are left out


def own_ids(sources: Sequence[Source], categories: Sequence[int | str]) -> ResultIds:
    """Return ids for images of which no dataset is known.

    These are the numbers in the names of the files if all names are different numbers, as in COCO. Otherwise the names
    are the ids: numbers that are made up would be those of other images in a dataset.
    """
    if any(source.kind != "image" or source.file_name is None for source in sources):
        return ResultIds({}, categories)
    numbers = {source.name: _number(source) for source in sources}
    if None not in numbers.values() and len({*numbers.values()}) == len(sources):
        return ResultIds({name: number for name, number in numbers.items() if number is not None}, categories)
    return ResultIds({source.name: source.file_name for source in sources if source.file_name}, categories)


class CocoWriter:
    """Writes a JSON array with an entry per object.

    Each entry also has `category_name`, `file_name`, and in videos `frame` and `timestamp`.
    """

    def __init__(self, path: str | Path, ids: ResultIds):
        self.outputs = [Path(path)]
        require_own(self.outputs[0], _is_results, "a COCO results file")
        self._text = GrowingText(path, ending="[]\n")
        self._ids = ids
        self._images = 0
        self._separator = "[\n"

    def __enter__(self) -> "CocoWriter":
        return self

    def write(self, result: Result) -> None:
        self._images += 1
        image_id = self._ids.images.get(result.frame.source.name, self._images)
        names = dict(zip(self._ids.categories, result.classes, strict=True))
        for entry in result.to_coco(image_id, self._ids.categories):
            named = {**entry, "category_name": names[entry["category_id"]], **_place_of(result)}
            self._text.write(self._separator + json.dumps(named))
            self._separator, self._text.ending = ",\n", "\n]\n"

    def __exit__(self, kind, error, trace) -> None:
        self._text.__exit__(kind, error, trace)


def _is_results(beginning: str) -> bool:
    return re.match(r'\s*\[\s*(\]|\{\s*"image_id")', beginning) is not None


def _place_of(result: Result) -> dict[str, Any]:
    name = result.frame.source.file_name
    place: dict[str, Any] = {} if name is None else {"file_name": name}
    if result.timestamp is not None:
        place.update(frame=result.index, timestamp=result.timestamp)
    return place


def _number(source: Source) -> int | None:
    stem = Path(source.file_name or "").stem
    return int(stem) if stem.isascii() and stem.isdigit() and int(stem) <= _LARGEST_ID else None
