"""Find the images and categories of detections by the names that a results file states beside the ids.

Who writes a results file without the dataset does not know its ids. Where an entry has a name, the name decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np

from detect.data.image_names import ImageNames
from detect.errors import BadInput
from detect.evaluation.detections import Found, unknown
from detect.evaluation.truth import Truth, positions_of

_WAY_ON = "Predict with --data, which writes the ids of the dataset, or remove the one that is wrong."


def find_by_names(found: Found, truth: Truth, where: str) -> tuple[Found, list[str]]:
    """Return the detections with the ids of the truth, and a sentence about those that are left out.

    Detections of a class whose name the truth does not have are left out, as those of a model are.

    Args:
        found: the detections.
        truth: the annotated boxes.
        where: names the detections in errors.

    Raises:
        BadInput: the truth does not have the image of an entry, or name and id of an entry contradict each other.
    """
    notes = []
    if found.file_names is not None and truth.files:
        known = _Known("image_id", "file_name", truth.image_ids, truth.files, ImageNames(truth.files).find, where)
        found = replace(found, image_ids=truth.image_ids[known.positions(found.image_ids, found.file_names)])
    if found.category_names is not None:
        rows = {name: [row] for row, name in enumerate(truth.names)}
        known = _Known(
            "category_id", "category_name", truth.category_ids, truth.names, lambda name: rows.get(name, []), where
        )
        positions = known.positions(found.category_ids, found.category_names, others_left_out=True)
        others = {name for name, row in zip(found.category_names, positions, strict=True) if row < 0 and name}
        if others:
            names = ", ".join(sorted(others)[:10])
            notes.append(f"Left out of the scores, because only the predictions have these classes: {names}.")
        found = replace(found, category_ids=truth.category_ids[positions]).select(positions >= 0)
    return found, notes


@dataclass(frozen=True)
class _Known:
    """The images or the categories of the truth."""

    id_key: str
    name_key: str
    ids: np.ndarray  # ascending
    names: Sequence[str]  # by position in `ids`
    find: Callable[[str], list[int]]  # the positions that a name may stand for
    where: str

    def positions(self, ids: np.ndarray, names: Sequence[str | None], others_left_out: bool = False) -> np.ndarray:
        """Return the position in `self.ids` of each entry with these ids and names; -1 for what is left out."""
        resolved: dict[tuple[str | None, int], int] = {}
        positions = np.empty(len(ids), np.int64)
        for row, (name, by_id) in enumerate(zip(names, positions_of(ids, self.ids).tolist(), strict=True)):
            if (name, by_id) not in resolved:
                resolved[name, by_id] = self._position(row, name, by_id, ids[row].item(), others_left_out)
            positions[row] = resolved[name, by_id]
        return positions

    def _position(self, row: int, name: str | None, by_id: int, stated: Any, others_left_out: bool) -> int:
        by_name = [by_id] if name is None else self.find(name)
        if by_id in by_name and by_id >= 0:  # which one of several images of this name, too
            return by_id
        if name is None:
            raise BadInput(f"{self.where}: entry {row} {unknown(stated, self.ids.tolist(), self.id_key)}")
        if not by_name and by_id < 0 and others_left_out:
            return -1
        if len(by_name) != 1 or (by_id >= 0 and not _is_number_of(stated, name)):
            raise BadInput(self._contradiction(row, name, by_name, by_id, stated))
        return by_name[0]

    def _contradiction(self, row: int, name: str, by_name: list[int], by_id: int, stated: Any) -> str:
        entry = f"{self.where}: entry {row} has {self.name_key} {name!r} and {self.id_key} {stated!r}"
        meant = [f"{self.names[position]!r} ({self.id_key} {self.ids[position]})" for position in by_name[:3]]
        if not by_name:
            unknown_name = f"{entry}, but the annotations have no {name!r}"
            other = f": theirs with this id is {self.names[by_id]!r}" if by_id >= 0 else ""
            ask = "Are these predictions of another dataset or split?"
            return f"{unknown_name}{other}. {ask} Entries without {self.name_key} are matched by {self.id_key}."
        if len(by_name) > 1:
            return f"{entry}, and in the annotations the name may be {' or '.join(meant)}. State more of the path."
        return f"{entry}, but in the annotations this name is {meant[0]}, and this id {self.names[by_id]!r}. {_WAY_ON}"


def _is_number_of(stated: Any, name: str) -> bool:
    """Return whether an id only repeats the number in the name of its file, and says nothing of its own."""
    stem = PurePath(name).stem
    return stem.isascii() and stem.isdigit() and stated == int(stem)
