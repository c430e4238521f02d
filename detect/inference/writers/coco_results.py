"""A COCO results file, written as the results come."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detect.files import GrowingText
from detect.inference.result import Result
from detect.inference.sources.frames import Source


class CocoWriter:
    """One JSON array with an entry an object. `image_id` is the number that the file's name is, where all are numbers,
    as COCO's are; else pictures and frames count from 1. `file_name`, and `frame` and `timestamp` of videos, say more.
    """

    def __init__(self, path: str | Path, category_ids: Sequence[int], sources: Sequence[Source]):
        self.outputs = [Path(path)]
        self._text = GrowingText(path, ending="[]\n")
        self._category_ids = category_ids
        self._names_are_ids = _are_distinct_numbers(sources)
        self._pictures = 0
        self._separator = "[\n"

    def __enter__(self) -> "CocoWriter":
        return self

    def write(self, result: Result) -> None:
        self._pictures += 1
        image_id = _number(result.frame.source) if self._names_are_ids else self._pictures
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
