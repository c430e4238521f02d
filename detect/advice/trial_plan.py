"""The plan of the trials: what is tried, in which order, and how long a trial is."""

import itertools
import math
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from detect import models
from detect.errors import BadInput
from detect.models import own_files
from detect.training.model_choice import AUTO, DEFAULT_MODEL
from detect.training.settings import TrainingSettings

SHARES = (1.0, 0.25, 0.5)  # of the training images; other settings are compared with the first
REPEATS = 3  # of the learning curve, with further seeds; as many as there is time for
VALIDATIONS = 4  # of a trial: where it may be stopped early
LEAST_UPDATES = 100  # of the weights in a trial
STARTING = 15.0  # seconds until the first update of a run, most of them for compiling; more where the run took more
LOADING = 10.0  # seconds for loading the model of a trial and compiling its prediction again


@dataclass(frozen=True)
class Trial:
    """A short training run.

    Attributes:
        name: of its folder.
        text: what is tried, for the user.
        share: of the training images.
        seed: added to that of the run.
        length: in trials of usual length, which cost as much as those with the settings of the run.
        changes: settings that differ from those of the run.
    """

    name: str
    text: str
    share: float = 1.0
    seed: int = 0
    length: float = 1.0
    changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pace:
    """The speed of a run.

    Attributes:
        start: seconds until the first update of the weights.
        update: seconds of an update.
        validation: seconds of a validation.
    """

    start: float
    update: float
    validation: float

    @property
    def around(self) -> float:
        """Seconds of a trial that are not for updates."""
        return self.start + VALIDATIONS * self.validation + LOADING + self.validation

    @property
    def least(self) -> float:
        """The least seconds of a trial and of scoring it again."""
        return self.around + LEAST_UPDATES * self.update

    def updates(self, seconds: float) -> int:
        """Return the number of updates of a trial that takes so long."""
        return round((seconds - self.around) / self.update)


def curve(seed: int) -> list[Trial]:
    """Return the trials of the learning curve with a seed."""
    return [
        Trial(f"images-{100 * share:.0f}-seed-{seed}", f"{share:.0%} of the images", share, seed) for share in SHARES
    ]


def longer() -> Trial:
    """Return the trial that tells what more time brings."""
    return Trial("longer", "twice as long", length=2.0)


def candidates(settings: TrainingSettings, random: bool) -> list[Trial]:
    """Return the trials of other settings in the same time.

    Args:
        settings: of the run.
        random: whether the run started from random weights.
    """
    return [_larger_input(settings), *map(_other_model, _models(settings.model, random))]


def _larger_input(settings: TrainingSettings) -> Trial:
    # The file of a model of the user's own imports TensorFlow, and it is too early for that.
    divisor = 32 if own_files.is_own(settings.model) else models.side_limits(settings.model)[0]

    def larger(side: int) -> int:
        return math.ceil(1.5 * side / divisor) * divisor

    side = larger(settings.side)
    changes = {"image_size": side, "sizes": tuple(map(larger, settings.sizes))}
    return Trial(f"size-{side}", f"images of {side} px", changes=changes)


def _models(model: str, random: bool) -> list[str]:
    """Return models to try: the next larger one of the family, and one with published weights if the run had none."""
    family = [name for name in models.names() if name.partition("-")[0] == model.partition("-")[0]]
    place = family.index(model) + 1 if model in family else len(family)
    found = family[place : place + 1] + ([DEFAULT_MODEL] if random else [])
    return [name for name in dict.fromkeys(found) if name != model]


def _other_model(model: str) -> Trial:
    return Trial(f"model-{model}", model, changes={"model": model, "weights": AUTO, "architecture": {}})


def pace(rows: list[dict[str, Any]], settings: TrainingSettings, started: float) -> Pace:
    """Return the speed of a run.

    Args:
        rows: of its `metrics.jsonl`; the first is written after the first updates.
        settings: of the run.
        started: when its settings were written, seconds since the epoch; of a folder that was copied, it is too late.

    Raises:
        BadInput: the rows do not tell it.
    """
    images = settings.images_per_batch * settings.accumulate
    speeds = [row["images_per_second"] for row in rows if row["kind"] == "train"]
    pauses = [
        after["time"] - before["time"]
        for before, after in itertools.pairwise(rows)
        if after["kind"] == "val" and before["kind"] == "train"
    ]
    if not speeds:
        raise BadInput("metrics.jsonl of the run has no row that says how fast it was: train for longer.")
    start = max(rows[0]["time"] - started, STARTING)
    return Pace(start, images / median(speeds), min(pauses, default=0.0))


def seconds_of_trial(seconds: float, others: float, pace: Pace) -> float:
    """Return how long a trial with its scores may take: all fit into the time with two learning curves, or with one.

    Args:
        seconds: the whole time.
        others: the length of all trials but those of the learning curve, in trials of usual length.
        pace: of the run.

    Raises:
        BadInput: the time is too short.
    """
    least = len(SHARES) + others
    for trials in (least + len(SHARES), least):
        if seconds / trials >= pace.least:
            return seconds / trials
    raise BadInput(
        f"--max-time: {seconds:.0f}s are not enough for {least:g} trials of {LEAST_UPDATES} updates each. "
        f"Give {rounded_up(least * pace.least)} or more."
    )


def rounded_up(seconds: float) -> str:
    """Return a time as it is given in options, in whole minutes."""
    return f"{int(-(-seconds // 60))}m"
