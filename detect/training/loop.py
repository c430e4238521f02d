"""The training loop: data, forward, loss, gradient, update, report, validation, in order.

The compiled part (forward to update) is in `step.py`; this file is what happens around it, once per update.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from signal import SIGTERM
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from detect.errors import DetectError, RunFailure, counted
from detect.evaluation.coco_scores import Scores
from detect.structures import Batch
from detect.training.callbacks import Callbacks, Progress, StopTraining
from detect.training.reporting.display import Display, clock
from detect.training.reporting.journal import Journal, SilentJournal
from detect.training.reporting.meter import Meter
from detect.training.settings import TrainingSettings
from detect.training.updates.batch_stream import Stream
from detect.training.updates.checkpoints import Position
from detect.training.updates.optimizers import peak_learning_rate
from detect.training.updates.out_of_memory import is_out_of_memory, more_parts
from detect.training.updates.schedule import Budget, StepBudget, average_decay, is_closing, learning_rate
from detect.training.updates.slow_data import SlowData
from detect.training.updates.step import TrainingStep
from detect.training.updates.stop_request import Stopped, StopRequest
from detect.training.validation import Validation
from detect.training.workers.exchange import Workers

SECONDS_BETWEEN_ROWS = 5.0  # of metrics.jsonl
MOST_SKIPPED, STEPS_TOGETHER = 3, 100  # steps whose loss is not finite end the run, if so many are so near each other
NOT_PARTS = ("loss", "images_per_second", "data_wait")  # the numbers of `Meter.values` that are not parts of the loss


@dataclass
class Loop:
    """All that the loop works with; `assembly.assemble` puts it together.

    Attributes:
        validate: scores and saves the model, given the best AP so far; None on all workers but the chief.
        save: writes a checkpoint.
        check_images: raises BadInput where too many training images have turned out to be unreadable.
        report: writes what is known of the run so far, for people to look at.
        callbacks: hear of steps and validations.
        scores: of the best model; None before the first validation.
        stop: hears SIGTERM and Ctrl-C.
        skipped: the last steps whose losses were not finite.
    """

    settings: TrainingSettings
    workers: Workers
    stream: Stream
    step: TrainingStep
    budget: Budget
    position: Position
    validate: Callable[[float], Validation | None]
    save: Callable[[Position], None]
    check_images: Callable[[], None]
    journal: Journal | SilentJournal
    display: Display
    report: Callable[[], object] = lambda: None
    callbacks: Callbacks = field(default_factory=Callbacks)
    scores: Scores | None = None
    stop: StopRequest = field(default_factory=StopRequest)
    skipped: list[int] = field(default_factory=list)

    @property
    def epoch(self) -> float:
        """Passes over the training images so far."""
        return self.position.step / self.stream.steps_per_epoch

    @property
    def progress(self) -> Progress:
        """The place that the run has reached, for callbacks."""
        return Progress(self.position.step, self.epoch, self.position.progress)


class Finished(NamedTuple):
    """A step that was made and is not reported yet."""

    step: int
    losses: dict[str, tf.Tensor]
    learning_rate: float
    waited: float  # seconds, for data


def train(loop: Loop) -> None:
    """Run until the budget is used up or validations no longer improve. `loop.position` is where it ended.

    Raises:
        Stopped: by a signal; what was trained is saved.
        RunFailure: the loss was not finite too often, memory does not suffice, or a file cannot be written.
    """
    with loop.stop, loop.stop.deferred(), SlowData(loop.stream.image_paths, loop.display.say) as slow:
        try:
            run_steps(loop, slow)
        except Stopped as stopped:
            raise Stopped(stopped.number, keep(loop, stopped.name)) from None


def run_steps(loop: Loop, slow: SlowData) -> None:
    """Make step after step, with validations and checkpoints between them; see `train`.

    Args:
        loop: the run.
        slow: is told of the steps that wait for their batches.
    """
    settings, position, meter = loop.settings, loop.position, Meter()
    peak = peak_learning_rate(settings.optimizer, loop.stream.images_per_step)
    closing = finished = None  # no phase has begun, no step is made
    started = time.monotonic() - position.seconds
    if is_validation_due(position, settings.validation_count, loop.budget):  # the run ended in its first validation
        validate(loop)
    while position.progress < 1:
        if closing is not is_closing(position.progress, settings.schedule):
            closing = is_closing(position.progress, settings.schedule)
            batches = loop.stream.start(position.step, closing)
            if closing and position.closing_step is None:
                position.closing_step = position.step

        waiting = time.monotonic()
        with saved_before_failure(loop):
            with loop.stop.lossless(), slow.waiting(position.step):
                parts = tuple(next(batches) for _ in range(loop.stream.accumulate))
            loop.check_images()
        waited = time.monotonic() - waiting
        loop.stop.check()

        rate = learning_rate(peak, position.progress, settings.schedule)
        decay = average_decay(position.step, position.closing_step, settings.average)
        side = image_side(parts[0])
        try:
            with loop.stop.at_once():
                loop.step.prepare(parts, side)
            with loop.stop.lossless(position.step == position.saved_step):
                losses = loop.step(parts, side, rate, decay, closing)
        except (MemoryError, tf.errors.OpError) as error:
            divide_batches(loop, error)
            closing = None  # the same step again, with a stream of smaller batches
            continue

        if finished is not None:  # the step before this one: its losses are computed by now, so nothing waits for them
            report(loop, meter, finished)
        finished = Finished(position.step, losses, rate, waited)

        position.step += 1
        agree(loop, time.monotonic() - started)
        if is_validation_due(position, settings.validation_count, loop.budget):
            report(loop, meter, finished)
            write_row(loop, meter, finished)
            finished = None
            validate(loop)
            meter.reset()
            if settings.patience is not None and position.stale >= settings.patience:
                loop.display.say(
                    f"Stopping early: no better AP in {counted(settings.patience, 'validation', 'validations')}."
                )
                return
        elif position.seconds - position.saved_seconds > settings.checkpoint_seconds:
            report(loop, meter, finished)
            finished = None
            save(loop)


def agree(loop: Loop, seconds: float) -> None:
    """Take the time and the progress of the chief on all workers.

    Args:
        loop: the run.
        seconds: that the run has taken on this worker.

    Raises:
        Stopped: a signal has come to one of several workers.
    """
    position, stop = loop.position, loop.stop
    own = (seconds, loop.budget.progress(position.step)) if loop.workers.is_chief else (0.0, 0.0)
    position.seconds, position.progress, signalled = loop.workers.summed(*own, float(stop.number > 0))
    if stop.shared and signalled:
        raise Stopped(stop.number or SIGTERM)


def divide_batches(loop: Loop, error: Exception) -> None:
    """Divide all batches from now on into more parts, after an error of a step; other errors are raised again."""
    if not is_out_of_memory(error):
        raise error
    size, position = loop.settings.images_per_batch, loop.position
    position.parts = more_parts(size, position.parts, loop.workers.strategy.num_replicas_in_sync)
    loop.stream.parts = position.parts
    loop.display.say(
        f"Out of memory: from step {position.step} on, each batch of {size} images is trained on in {position.parts} "
        "parts, whose gradients are averaged."
    )


def is_finished(loop: Loop) -> bool:
    """Return whether the last validation has been made, or the one after which the run stops early."""
    settings, position = loop.settings, loop.position
    stopped = settings.patience is not None and position.stale >= settings.patience
    return stopped or (position.progress >= 1 and position.validations >= settings.validation_count)


def is_validation_due(position: Position, validations: int, budget: Budget) -> bool:
    """Return whether the next of the evenly spread validations has been reached; the last one always comes."""
    reached = validations_reached(position, validations) > position.validations
    return reached and (position.progress >= 1 or budget.affords_pause(position.seconds - position.saved_seconds))


def validations_reached(position: Position, validations: int) -> int:
    """Return how many of the evenly spread validations should have been made by now."""
    return math.floor(position.progress * validations + 1e-9)  # 0.1 + 0.2 is 0.30000000000000004


def validate(loop: Loop) -> None:
    """Validate, then bring position, journal, checkpoint and budget up to date on every worker."""
    position, started = loop.position, time.monotonic()
    if not position.saved_step:
        save(loop)  # if this first validation fails, the training before it is not lost
    best, ap = 0.0, 0.0  # replaced by the numbers of the chief
    with saved_before_failure(loop):
        validation = loop.validate(position.best)
    if validation:
        best, ap = float(validation.best), validation.average_precision
        loop.scores = validation.scores if validation.best else loop.scores
        loop.journal.write("val", position.step, loop.epoch, validation.metrics)
        loop.display.say(describe_validation(loop.epoch, validation))
        with contextlib.suppress(RunFailure):  # the next one, or the last one, says what is wrong
            loop.report()
    best, ap = loop.workers.numbers_of_chief(best, ap)
    position.validations = validations_reached(position, loop.settings.validation_count)
    position.validated_step = position.step
    position.stale = 0 if best else position.stale + 1
    if best:
        position.best, position.best_step = ap, position.step
    save(loop)
    loop.budget.note_pause(*loop.workers.numbers_of_chief(time.monotonic() - started))
    tell_callbacks(loop, validation)  # last, because it may end the run


def tell_callbacks(loop: Loop, validation: Validation | None) -> None:
    """Tell the callbacks of a validation; they are on the chief.

    Raises:
        StopTraining: on all workers, where a callback ends the run.
    """
    stopped = False
    try:
        if validation:
            loop.callbacks.call("on_validation", loop.progress, validation.scores, validation.best)
    except StopTraining:
        stopped = True
    if any(loop.workers.numbers_of_chief(stopped)):
        raise StopTraining


def save(loop: Loop) -> None:
    """Write a checkpoint to resume from."""
    position = loop.position
    position.saved_step, position.saved_seconds = position.step, position.seconds
    if loop.workers.is_chief:
        loop.save(position)


def keep(loop: Loop, signal: str) -> str:
    """Save what a run has trained that a signal has ended, and return what to tell the user."""
    step = loop.position.step
    if not step:
        return f"{signal}: stopped before the first step. There is nothing to save; --resume begins anew."
    if step > loop.position.saved_step:
        save(loop)
    return f"{signal}: stopped at step {step}, which is saved. The same command with --resume goes on from there."


@contextlib.contextmanager
def saved_before_failure(loop: Loop) -> Iterator[None]:
    """Save what has been trained where the block, which changes no variable, raises a `DetectError`."""
    try:
        yield
    except DetectError:
        if loop.position.step > loop.position.saved_step:
            save(loop)
            loop.display.say(f"Step {loop.position.step} is saved, for --resume to go on from.")
        raise


def image_side(batch: Batch) -> int:
    """Return the height of the images of a batch, pixels; with several replicas, that of the first one."""
    images = batch.images
    return (images.values[0] if isinstance(images, tf.distribute.DistributedValues) else images).shape[1]


def report(loop: Loop, meter: Meter, finished: Finished) -> None:
    """Check the losses of the last step and show them; every few seconds, write a row of their means.

    Raises:
        RunFailure: losses were not finite too often.
    """
    losses = {name: float(loss) for name, loss in finished.losses.items()}
    if not np.isfinite(sum(losses.values())):
        note_skipped(loop, finished.step, losses)
        return
    loop.callbacks.call("on_step", loop.progress, losses, finished.learning_rate)
    meter.add(loop.stream.images_per_step, finished.waited, losses)
    means = meter.values()
    loop.display.show(loop.position.progress, describe_course(loop, means["images_per_second"]), describe_means(means))
    if time.monotonic() - meter.started >= SECONDS_BETWEEN_ROWS:
        write_row(loop, meter, finished)


def write_row(loop: Loop, meter: Meter, finished: Finished) -> None:
    """Write the means since the last row to the journal, up to the last step, where there are any."""
    if meter.steps:
        values = {**meter.values(), "learning_rate": finished.learning_rate}
        loop.journal.write("train", finished.step, loop.epoch, values)
        meter.reset()


def describe_course(loop: Loop, images_per_second: float) -> list[str]:
    """Return how long the run will take at its present speed, and where it is."""
    position = loop.position
    left = loop.budget.seconds_left(position.step, loop.stream.images_per_step / images_per_second)
    return [f"{clock(left)} left", f"epoch {loop.epoch:.1f}{_of_epochs(loop)}", f"step {position.step}"]


def _of_epochs(loop: Loop) -> str:
    """Return the length of the run in epochs, as its whole number of steps makes it; empty under a time limit."""
    if not isinstance(loop.budget, StepBudget):
        return ""
    return f" of {round(loop.budget.steps / loop.stream.steps_per_epoch, 1):g}"


def describe_means(means: dict[str, float]) -> list[str]:
    """Return the numbers of `Meter.values` in short, the most important first."""
    loss, rate, wait = means["loss"], means["images_per_second"], means["data_wait"]
    parts = [f"{name} {value:.2f}" for name, value in means.items() if name not in NOT_PARTS]
    return [f"loss {loss:.2f}", f"{rate:.1f} images/s", *parts, f"data wait {wait:.0%}"]


def describe_validation(epoch: float, validation: Validation) -> str:
    """Return the result of a validation in one line."""
    scores, best = validation.scores, "  best so far" if validation.best else ""
    if math.isnan(scores.AP):
        return f"epoch {epoch:.1f}  AP is not defined, because the validation split has no box to find"
    return f"epoch {epoch:.1f}  AP {scores.AP:.3f}  AP50 {scores.AP50:.3f}  AP75 {scores.AP75:.3f}{best}"


def note_skipped(loop: Loop, step: int, losses: dict[str, float]) -> None:
    """Name the images of a step whose loss was not finite, and which has therefore changed nothing.

    Raises:
        RunFailure: it is the third of `STEPS_TOGETHER` steps.
    """
    loop.skipped = [*(other for other in loop.skipped if other > step - STEPS_TOGETHER), step]
    parts = ", ".join(f"{name} {value:g}" for name, value in losses.items())
    paths = [f"  {path}" for path in loop.stream.image_paths(step)]
    lines = [f"The loss or its gradient is not finite at step {step}: {parts}. Images of the batch:", *paths]
    if len(loop.skipped) == MOST_SKIPPED:
        raise RunFailure(*lines, *describe_failure(loop))
    loop.display.say("\n".join([*lines, "The step is skipped: it has changed nothing."]))


def describe_failure(loop: Loop) -> list[str]:
    """Return lines about losses that are not finite time and again: what is kept, and what to try."""
    kept = f"step {loop.position.saved_step}" if loop.position.saved_step else "none yet"
    return [
        f"It is the third such step of {STEPS_TOGETHER} at most. Last checkpoint: {kept}.",
        "Look at these images and their boxes (detect data show). If they are sound, lower the learning rate "
        "(--set optimizer.learning_rate=...) or clip harder (--set optimizer.clip_norm=1).",
    ]
