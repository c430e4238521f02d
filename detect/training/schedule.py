"""How far a run has come, and what follows from it: the learning rate and the phase.

Everything is a function of the progress, a number from 0 to 1. With a number of epochs it counts steps; with a time
limit it is the share of the time that has passed, so the schedule always fits the time, however fast the machine.
"""

import math
import time
from dataclasses import dataclass, field

from detect.training.settings import AverageSettings, ScheduleSettings

TRAINING_PER_PAUSE = 12.0  # seconds of training for each second of validation, at least, under a time limit


@dataclass
class StepBudget:
    """A run of a fixed number of steps."""

    steps: int

    def progress(self, step: int) -> float:
        return min(1.0, step / self.steps)

    def affords_pause(self, since: float) -> bool:
        """Whether the run may stop to validate, `since` seconds after the last time."""
        return True


@dataclass
class TimeBudget:
    """A run of a fixed time, what happens after the last step included.

    Attributes:
        seconds: the whole time.
        spent: seconds that earlier parts of a resumed run took.
        reserve: seconds to keep for the end: the last validation and saving.
        pause: seconds that a validation takes, a guess at first.
        started: clock reading when this part of the run began, seconds.
    """

    seconds: float
    spent: float = 0.0
    reserve: float = 0.0
    pause: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        return self.spent + time.monotonic() - self.started

    def progress(self, step: int) -> float:
        return min(1.0, self.elapsed() / max(self.seconds - self.reserve, 1e-6))

    def affords_pause(self, since: float) -> bool:
        """Whether the run may stop to validate, `since` seconds after the last time: that is for training, mostly."""
        return since >= TRAINING_PER_PAUSE * self.pause


def learning_rate(peak: float, progress: float, settings: ScheduleSettings) -> float:
    """The rate at `progress`: warm-up from 0, a cosine to `final * peak`, then constant while held.

    Loshchilov and Hutter, SGDR (arXiv 1608.03983), eq. 5 without restarts; the constant end is that of
    YOLOX's published code (yolox/utils/lr_scheduler.py).
    """
    if progress < settings.warmup:
        return peak * max(progress / settings.warmup, 1e-3) ** settings.warmup_power
    falling = max(1 - settings.warmup - settings.hold, 1e-9)
    share = min(1.0, (progress - settings.warmup) / falling)
    return peak * (settings.final + (1 - settings.final) * 0.5 * (1 + math.cos(math.pi * share)))


def average_decay(step: int, settings: AverageSettings) -> float:
    """The decay of the moving average after `step` updates: it spans a ninth of the steps so far, up to its full span.

    So a short run is averaged over its last part as a long one is, and early weights are forgotten in both. The form
    is that of TensorFlow's `ExponentialMovingAverage` with `num_updates`.
    """
    return min(settings.decay, (1 + step) / (10 + step))


def mixing(progress: float, settings: ScheduleSettings) -> bool:
    """Whether mosaic and mix-up are on; they are off in the closing share, so that the model ends on real pictures."""
    return progress < 1 - settings.closing
