"""A COCO results file, written while the results arrive."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detect.files import GrowingText
from detect.inference.result import Result
from detect.inference.sources.frames import Source


class CocoWriter:
    """Writes a JSON array with an entry per object.

    `image_id` is the number in the file's name if all names are different numbers, as in COCO; otherwise images and
    frames are counted from 1. Each entry also has `file_name`, and in videos `frame` and `timestamp`.
    """

    def __init__(self, path: str | Path, category_ids: Sequence[int], sources: Sequence[Source]):
        self.outputs = [Path(path)]
        self._text = GrowingText(path, ending="[]\n")
        self._category_ids = category_ids
        self._names_are_ids = _are_distinct_numbers(sources)
        self._images = 0
        self._separator = "[\n"

    def __enter__(self) -> "CocoWriter":
        return self

    def write(self, result: Result) -> None:
        self._images += 1
        image_id = _number(result.frame.source) if self._names_are_ids else self._images
        for entry in result.to_coco(image_id, self._category_ids):
            self._text.write(self._separator + json.dumps({**entry, **_place_of(result)}))
            self._separator, self._text.ending = ",\n", "\n]\n"

    def __exit__(self, kind, error, trace) -> None:
        self._text.__exit__(kind, error, trace)


def _place_of(result: Result) -> dict[str, Any]:
    place: dict[str, Any] = {"file_name": Path(result.image_path).name}
    if result.timestamp is not None:
        place.update(frame=result.index, timestamp=result.timestamp)
    return place


def _are_distinct_numbers(sources: Sequence[Source]) -> bool:
    stems = [Path(source.shown).stem for source in sources if source.kind == "image"]
    numbers = {int(stem) for stem in stems if stem.isascii() and stem.isdigit()}
    return len(numbers) == len(sources)


def _number(source: Source) -> int:
    return int(Path(source.shown).stem)
