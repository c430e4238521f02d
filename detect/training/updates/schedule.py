"""The progress of a run, and what follows from it: the learning rate and the phase.

Progress is a number from 0 to 1. With a number of epochs it counts steps; with a time limit it is the share of the time
that has passed, so the schedule fits the time on any machine.
"""

import math
import time
from dataclasses import dataclass, field

from detect.training.settings import AverageSettings, ScheduleSettings

TRAINING_PER_PAUSE = 12.0  # least seconds of training per second of validation, under a time limit
RESERVE_PER_PAUSE = 1.3  # the last validation may take longer than the one before
SECONDS_FOR_THE_END = 8.0  # writing the report and leaving, after the last validation


@dataclass
class StepBudget:
    """A run of a fixed number of steps."""

    steps: int

    def progress(self, step: int) -> float:
        """Return the share of the run that is over after `step` steps, 0..1."""
        return min(1.0, step / self.steps)

    def seconds_left(self, step: int, seconds_per_step: float) -> float:
        """Return how long the rest of the run will take at this speed, without its validations."""
        return (self.steps - step) * seconds_per_step

    def affords_pause(self, since: float) -> bool:
        """Return whether the run may stop to validate, `since` seconds after the last time: always."""
        return True

    def note_pause(self, seconds: float) -> None:
        """Take note of how long a validation took; the number of steps does not depend on it."""


@dataclass
class TimeBudget:
    """A run of a fixed time, including what happens after the last step.

    Attributes:
        seconds: the whole time.
        spent: seconds that earlier parts of a resumed run took.
        reserve: seconds kept for the end: the last validation and saving.
        pause: seconds that a validation takes; an estimate before the first one.
        started: clock reading when this part of the run began, seconds.
    """

    seconds: float
    spent: float = 0.0
    reserve: float = 0.0
    pause: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Return the seconds that the run has taken so far."""
        return self.spent + time.monotonic() - self.started

    def progress(self, step: int) -> float:
        """Return the share of the time for training that is over, 0..1."""
        return min(1.0, self.elapsed() / max(self.seconds - self.reserve, 1e-6))

    def seconds_left(self, step: int, seconds_per_step: float) -> float:
        """Return how long the rest of the run will take: what is left of the time, at any speed."""
        return max(0.0, self.seconds - self.elapsed())

    def affords_pause(self, since: float) -> bool:
        """Return whether the run may stop to validate, `since` seconds after the last time: most are for training."""
        return since >= TRAINING_PER_PAUSE * self.pause

    def note_pause(self, seconds: float) -> None:
        """Take note of how long a validation took: the next ones, and the last, are expected to take as long."""
        self.pause = seconds
        self.reserve = RESERVE_PER_PAUSE * seconds + SECONDS_FOR_THE_END


Budget = StepBudget | TimeBudget


def learning_rate(peak: float, progress: float, settings: ScheduleSettings) -> float:
    """Return the learning rate at `progress`: a warm-up from 0, a cosine to `final * peak`, then constant.

    Loshchilov and Hutter, SGDR (arXiv 1608.03983), eq. 5 without restarts; the constant end is that of YOLOX's
    published code (yolox/utils/lr_scheduler.py).
    """
    if progress < settings.warmup:
        return peak * max(progress / settings.warmup, 1e-3) ** settings.warmup_power
    falling = max(1 - settings.warmup - settings.hold, 1e-9)
    share = min(1.0, (progress - settings.warmup) / falling)
    return peak * (settings.final + (1 - settings.final) * 0.5 * (1 + math.cos(math.pi * share)))


def average_decay(step: int, closing_step: int | None, settings: AverageSettings) -> float:
    """Return the decay of the moving average after `step` updates, or since it began anew at `closing_step`.

    The average spans a ninth of the steps so far, up to its full span, so that short and long runs alike are averaged
    over their last part and forget early weights. The form is that of TensorFlow's `ExponentialMovingAverage` with
    `num_updates`.
    """
    if settings.restart and closing_step is not None:
        step -= closing_step
    return min(settings.decay, (1 + step) / (10 + step))


def is_closing(progress: float, settings: ScheduleSettings) -> bool:
    """Return whether the run is in its closing phase, the last part of it.

    Images are then only flipped and changed in colour, without mosaic and mix-up, so that training ends on images like
    those that the model will see (YOLOX, section 2.1); some models add a loss.
    """
    return progress >= 1 - settings.closing
