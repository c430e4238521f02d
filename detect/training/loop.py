"""The training loop: data, forward, loss, gradient, update, report, validation, in order.

The compiled part (forward to update) is `step.py`; this file is what happens around it, once for every update.
"""

import math
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf

from detect.errors import RunFailure
from detect.evaluation.coco_scores import Scores
from detect.structures import Batch
from detect.training.batch_stream import Stream
from detect.training.checkpoints import Position
from detect.training.display import Display
from detect.training.distribution import chief_values
from detect.training.journal import Journal
from detect.training.meter import Meter
from detect.training.optimizers import peak_learning_rate
from detect.training.schedule import StepBudget, TimeBudget, average_decay, learning_rate, mixing
from detect.training.settings import TrainingSettings
from detect.training.step import TrainingStep

SECONDS_BETWEEN_ROWS = 5.0  # of metrics.jsonl


class Validate(Protocol):
    """Scores and saves the model in the middle of its training."""

    scores: Scores | None  # of the best model so far

    def __call__(self, position: Position) -> bool:
        """Score, save, write a checkpoint; whether the run should stop early."""

    def save(self, position: Position) -> None:
        """Write a checkpoint only."""


@dataclass
class Loop:
    """What the loop works with; `run.py` puts it together."""

    settings: TrainingSettings
    stream: Stream
    step: TrainingStep
    budget: StepBudget | TimeBudget
    position: Position
    validate: Validate
    journal: Journal
    display: Display

    @property
    def epoch(self) -> float:
        return self.position.step / self.stream.steps_per_epoch


def train(loop: Loop) -> None:
    """Run until the budget is used up or validation says stop. `loop.position` is where it ended."""
    settings, position, meter, last = loop.settings, loop.position, Meter(), None
    peak = peak_learning_rate(settings.optimizer, loop.stream.images_per_step)
    agreed = chief_values()
    strong = None  # whether mosaic and mix-up are on; not begun
    started = time.monotonic() - position.seconds
    while position.progress < 1:
        if strong is not mixing(position.progress, settings.schedule):
            strong = mixing(position.progress, settings.schedule)
            batches = loop.stream.start(position.step, strong)
            loop.step.detector.closing.assign(0.0 if strong else 1.0)

        waiting = time.monotonic()
        parts = tuple(next(batches) for _ in range(settings.accumulate))
        waited = time.monotonic() - waiting

        rate = learning_rate(peak, position.progress, settings.schedule)
        losses = loop.step(parts, image_side(parts[0]), rate, average_decay(position.step, settings.average))

        if last is not None:  # the step before this one: its numbers are there by now, so nothing waits for them
            report(loop, meter, *last)
        last = (position.step, losses, rate, waited)
        position.step += 1
        position.seconds = time.monotonic() - started
        position.progress = agreed(loop.budget.progress(position.step))
        if validation_due(position, settings.validation_count, loop.budget):
            report(loop, meter, *last)
            last = None
            if agreed(float(loop.validate(position))):
                loop.display.say(f"Stopping early: no better AP in {settings.patience} validations.")
                return
            meter.reset()
        elif position.seconds - position.saved_seconds > settings.checkpoint_seconds:
            report(loop, meter, *last)
            last = None
            loop.validate.save(position)


def validation_due(position: Position, validations: int, budget: StepBudget | TimeBudget) -> bool:
    """Whether the next of the evenly spread validations has been reached; the last one always comes."""
    reached = math.floor(position.progress * validations + 1e-9) > position.validations
    return reached and (position.progress >= 1 or budget.affords_pause(position.seconds - position.saved_seconds))


def image_side(batch: Batch) -> int:
    """Height of the images of a batch, of the first replica's where there are several; pixels."""
    images = batch.images
    return (images.values[0] if isinstance(images, tf.distribute.DistributedValues) else images).shape[1]


def report(loop: Loop, meter: Meter, step: int, losses: dict, rate: float, waited: float) -> None:
    """Check the losses of a finished step and add them to the display and, now and then, to the journal."""
    values = {name: float(loss) for name, loss in losses.items()}
    if not np.isfinite(sum(values.values())):
        raise RunFailure(describe_failure(loop, step, values))
    meter.add(loop.stream.images_per_step, waited, values)
    means = meter.values()
    loop.display.show(loop.position.progress, describe(loop, means))
    if time.monotonic() - meter.started >= SECONDS_BETWEEN_ROWS:
        loop.journal.write("train", step, loop.epoch, {**means, "learning_rate": rate})
        meter.reset()


def describe(loop: Loop, means: dict[str, float]) -> str:
    """The state of the run in one line."""
    position = loop.position
    left = position.seconds / max(position.progress, 1e-6) * (1 - position.progress)
    rates = ("images_per_second", "data_wait")
    losses = "  ".join(f"{name} {value:.3f}" for name, value in means.items() if name not in rates)
    return (
        f"epoch {loop.epoch:.1f}  step {position.step}  {losses}  {means['images_per_second']:.1f} images/s"
        f"  data wait {means['data_wait']:.0%}  {clock(left)} left"
    )


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def describe_failure(loop: Loop, step: int, values: dict[str, float]) -> str:
    """What to tell about a loss that is not a number: where, which pictures, what is kept, and what to try."""
    paths = [f"  {path}" for path in loop.stream.image_paths(step)]
    parts_text = ", ".join(f"{name} {value:g}" for name, value in values.items())
    kept = f"step {loop.position.saved_step}" if loop.position.saved_step else "none yet"
    return "\n".join(
        [
            f"The loss is not finite at step {step}: {parts_text}.",
            f"Last good checkpoint: {kept}. Images of the batch:",
            *paths,
            "Look at these pictures and their boxes (detect data show). If they are sound, lower the rate "
            "(--set optimizer.learning_rate=...) or clip harder (--set optimizer.clip_norm=1).",
        ]
    )
