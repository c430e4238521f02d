"""The classes that a run kept of an earlier model: their AP before and after it, on the same validation images."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from detect.errors import listed


class KeptClass(NamedTuple):
    """A class of the earlier model."""

    name: str
    before: float | None  # AP of the earlier model, 0..1; None where there is nothing to measure it on
    after: float | None  # AP of the best model of the run
    budget: float  # AP that it may lose

    @property
    def change(self) -> float | None:
        """The AP that was won."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def exceeds(self) -> bool:
        """Whether more AP was lost than the budget allows."""
        return self.change is not None and -self.change > self.budget


def kept_classes(run_folder: Path) -> list[KeptClass]:
    """Return the classes that a run kept; none where it kept none, or has not been validated yet."""
    teacher, evaluation = run_folder / "teacher.json", run_folder / "evaluation.json"
    if not teacher.is_file() or not evaluation.is_file():
        return []
    card = json.loads(teacher.read_text(encoding="utf-8"))
    after = json.loads(evaluation.read_text(encoding="utf-8"))["per_class"]
    return [
        KeptClass(name, before["AP"], after[name]["AP"], card["budget"]) for name, before in card["classes"].items()
    ]


def verdict(kept: Sequence[KeptClass]) -> str:
    """Return whether the classes were kept, in a sentence or two."""
    exceeding = [each.name for each in kept if each.exceeds]
    unknown = [each.name for each in kept if each.change is None]
    parts = []
    if exceeding:
        parts.append(f"Kept classes that lost more AP than {kept[0].budget:g}: {listed(exceeding)}.")
    elif len(unknown) < len(kept):
        parts.append(f"No kept class lost more AP than {kept[0].budget:g}.")
    if unknown:
        parts.append(f"Not known, because there are no validation images with these classes: {listed(unknown)}.")
    return " ".join(parts)
