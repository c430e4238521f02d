"""Detections by column, in COCO's terms: from batches, or from a results file of any program."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.readers.assembly.ids import key as id_key
from detect.errors import BadInput, did_you_mean
from detect.evaluation.json_files import collection_paused, read_json, shorten
from detect.evaluation.truth import Truth, id_column, positions_of
from detect.files import write_text

_KEYS = ("image_id", "category_id", "bbox", "score")


@dataclass(frozen=True)
class Found:
    """n detections in any order."""

    image_ids: np.ndarray  # [n], integers or strings
    category_ids: np.ndarray  # [n], integers or strings
    boxes: np.ndarray  # float64 [n, 4]: x, y, width, height in pixels
    scores: np.ndarray  # float64 [n]
    # As results of this program have them, to find ids by: a text or None for each; None where no entry has one.
    file_names: Sequence[str | None] | None = None
    category_names: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, rows: np.ndarray) -> "Found":
        """Return the detections for which `rows`, bool [n], is true; names are dropped."""
        return Found(self.image_ids[rows], self.category_ids[rows], self.boxes[rows], self.scores[rows])


def joined(parts: Iterable[Found]) -> Found:
    """Join the detections of all parts, in order; names are dropped."""
    parts = list(parts)
    if not parts:
        return Found(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0))
    columns = zip(*((part.image_ids, part.category_ids, part.boxes, part.scores) for part in parts), strict=True)
    image_ids, category_ids, boxes, scores = map(np.concatenate, columns)
    return Found(image_ids, category_ids, boxes, scores)


def write_detections(path: str | Path, found: Found) -> None:
    """Write a COCO results file. Raises `RunFailure` if that is not possible."""
    columns = (found.image_ids, found.category_ids, found.boxes, found.scores)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    write_text(path, json.dumps([dict(zip(_KEYS, row, strict=True)) for row in rows]) + "\n")


@collection_paused()
def read_detections(path: str | Path) -> Found:
    """Read a COCO results file.

    Raises:
        BadInput: it cannot be read, or an entry is malformed; the message names the entry.
    """
    content = read_json(Path(path))
    if not isinstance(content, list):
        raise BadInput(
            f"{path}: expected a COCO results file, a list of {{image_id, category_id, bbox, score}}, "
            f"got {_kind(content)}."
        )
    return from_entries(content, str(path))


def from_entries(entries: Sequence[dict[str, Any]], where: str = "detections") -> Found:
    """Convert COCO results `{image_id, category_id, bbox: [x, y, width, height], score}`, and the names beside the ids.

    Args:
        entries: the results.
        where: names them in errors.

    Raises:
        BadInput: an entry is malformed; the message names it.
    """
    if not entries:
        return joined([])
    try:
        images, categories, boxes, scores = ([entry[key] for entry in entries] for key in _KEYS)
        found = Found(
            id_column(images),
            id_column(categories),
            _numbers(boxes, 4),
            _numbers([scores], len(scores))[0],
            _names(entries, "file_name"),
            _names(entries, "category_name"),
        )
    except (TypeError, KeyError, ValueError, OverflowError):
        raise BadInput(_first_problem(entries, where)) from None
    if not np.isfinite(found.scores).all() or not np.isfinite(found.boxes).all() or found.boxes[:, 2:].min() < 0:
        raise BadInput(_first_problem(entries, where))
    return found


def places_in(truth: Truth, found: Found, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions, int64 [n], of the image and of the category of each detection in those of the truth.

    Raises:
        BadInput: a detection is of an image or of a category that the truth does not have; the first one is named.
    """
    places = []
    for key, known, ids in (
        ("image_id", truth.image_ids, found.image_ids),
        ("category_id", truth.category_ids, found.category_ids),
    ):
        positions = positions_of(ids, known)
        if (positions < 0).any():
            row = int(np.argmax(positions < 0))
            raise BadInput(f"{where}: entry {row} {unknown(ids[row].item(), known.tolist(), key)}")
        places.append(positions)
    images, categories = places
    return images, categories


def _names(entries: Sequence[dict[str, Any]], key: str) -> list[str | None] | None:
    """Return the names under `key`, None for entries without one; None where no entry has one."""
    names = [name if isinstance(name := entry.get(key), str) else None for entry in entries]
    return names if any(names) else None


def _numbers(rows: Sequence[Sequence[float]], length: int) -> np.ndarray:
    """Return float64 [n, length]. Raises `ValueError` for a row that is not made of `length` numbers."""
    kinds = {*map(type, chain.from_iterable(rows))}
    if not all(issubclass(kind, int | float) and kind is not bool for kind in kinds) or {*map(len, rows)} != {length}:
        raise ValueError
    return np.fromiter(chain.from_iterable(rows), np.float64, len(rows) * length).reshape(-1, length)


def _first_problem(entries: Sequence[Any], where: str) -> str:
    problems = ((row, _problem(entry)) for row, entry in enumerate(entries))
    row, problem = next((row, problem) for row, problem in problems if problem)
    return f"{where}: entry {row} {problem}"


def _problem(entry: Any) -> str | None:
    """Return what makes an entry impossible to score, as the end of a sentence; None for a sound entry."""
    if not isinstance(entry, dict):
        return f"is {_kind(entry)}; expected an object with image_id, category_id, bbox and score."
    missing = [key for key in _KEYS if key not in entry]
    if missing:
        return f"lacks {', '.join(missing)}; it has {', '.join(entry) or 'nothing'}."
    if not _is_number(entry["score"]):
        return f"(image {entry['image_id']}) has score {entry['score']!r}; expected a number."
    box = entry["bbox"]
    if not isinstance(box, list | tuple) or len(box) != 4 or not all(map(_is_number, box)) or min(box[2:]) < 0:
        return f"(image {entry['image_id']}) has bbox {box!r}; expected [x, y, width, height], finite, sizes >= 0."
    for key in ("image_id", "category_id"):
        if id_key(entry[key]) is None:
            return f"has {key} {shorten(entry[key])}; expected an integer or a string."
    return None


def unknown(value: Any, known: list[Any], key: str) -> str:
    """Return the end of a sentence about an entry whose id is not one of those that are known."""
    if len(known) <= 20:
        return f"has {key} {value!r}, which the annotations do not have. {did_you_mean(str(value), map(str, known))}"
    return (
        f"has {key} {value!r}, which is not one of the {len(known)} in the annotations "
        f"({', '.join(map(str, known[:3]))}, ...). Are these predictions of another dataset or split?"
    )


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer for which there is no float
        return False


def _kind(value: Any) -> str:
    """Return JSON's name for the type of a value."""
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
