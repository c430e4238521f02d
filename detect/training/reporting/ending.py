"""Messages at the end of a run: what was done, whether the model has learnt, and how to go on."""

import math
import shlex
from pathlib import Path
from typing import NamedTuple

from detect.errors import counted
from detect.training.reporting.display import clock

LEAST_AP = 0.01  # of a model that has learnt something
USUAL_UPDATES = 600  # as many as `detect demo` makes


class Ending(NamedTuple):
    """A run that has come to its end."""

    folder: Path
    data: str  # the dataset, as the user named it
    model: str  # its name
    seconds: float
    updates: int  # of the weights
    epochs: float
    best: float  # highest AP of a validation, 0..1; NaN where it is not defined
    best_epoch: float

    @property
    def has_learnt(self) -> bool:
        """Whether the best model finds something; taken for granted where AP is not defined."""
        return math.isnan(self.best) or self.best >= LEAST_AP

    @property
    def updates_made(self) -> str:
        """The number of updates in words."""
        return counted(self.updates, "update", "updates")

    @property
    def usual_epochs(self) -> int:
        """Epochs with as many updates as are usual."""
        return math.ceil(USUAL_UPDATES * self.epochs / max(self.updates, 1))


def summary(ending: Ending) -> str:
    """Return what the run did, in a sentence or two."""
    done = f"Trained for {clock(ending.seconds)}: {ending.updates_made} in {ending.epochs:.1f} epochs."
    return done if math.isnan(ending.best) else f"{done} Best AP {ending.best:.3f}, in epoch {ending.best_epoch:.1f}."


def advice(ending: Ending) -> str:
    """Return what to change where the model has learnt nothing; an empty text where it has."""
    if ending.has_learnt:
        return ""
    found = f"The model has learnt next to nothing: its best AP is {ending.best:.4f} after {ending.updates_made}."
    if ending.updates < USUAL_UPDATES:
        return (
            f"{found} {USUAL_UPDATES} updates or more are usual. Train for longer, here --epochs {ending.usual_epochs} "
            "or more, or with a smaller --batch-size, which makes more updates in an epoch."
        )
    return (
        f"{found} That many are usually enough. Look at the boxes that it learns from, in batches_train.jpg of the run "
        "folder, check the dataset, and try a lower learning rate: --set optimizer.learning_rate=0.0003."
    )


def next_commands(ending: Ending) -> tuple[str, str]:
    """Return two commands to go on with."""
    folder, data = shlex.quote(str(ending.folder)), shlex.quote(ending.data)
    if ending.has_learnt:
        return f"detect predict {folder} IMAGES_OR_VIDEOS", f"detect export {folder} --data {data}"
    further = f"--weights {folder} --epochs {ending.usual_epochs}"
    return f"detect data check {data}", f"detect train --data {data} --model {ending.model} {further}"
