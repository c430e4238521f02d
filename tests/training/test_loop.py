"""The loop around the compiled step, with a step, a stream and a clock that do nothing."""

import itertools
import math
import os
import signal
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.errors import BadInput, RunFailure
from detect.evaluation.coco_scores import METRICS
from detect.structures import Batch
from detect.training import loop as subject
from detect.training.callbacks import Callbacks, StopTraining, TrainingCallback
from detect.training.loop import (
    Loop,
    clock,
    describe_course,
    describe_validation,
    is_finished,
    is_validation_due,
    tell_callbacks,
    train,
    validate,
)
from detect.training.reporting.display import SilentDisplay
from detect.training.settings import TrainingSettings
from detect.training.updates.checkpoints import Position
from detect.training.updates.schedule import StepBudget, TimeBudget
from detect.training.updates.stop_request import Stopped, StopRequest
from detect.training.validation import Validation
from detect.training.workers.exchange import Workers


class Stream:
    """Empty pictures; remembers how it was started."""

    steps_per_epoch = 2.0
    images_per_step = 2

    def __init__(self):
        self.starts = []
        self.parts = 1

    @property
    def accumulate(self):
        return self.parts

    def start(self, step, closing):
        self.starts.append((step, closing))
        while True:
            yield Batch(np.zeros((2 // self.parts, 32, 32, 3), np.uint8), None, None)

    def image_paths(self, step):
        return [f"picture_{step}.jpg"]


class Step:
    """Gives losses from a list, then ones; remembers the learning rates and the phases."""

    def __init__(self, losses=()):
        self.losses = iter(losses)
        self.rates = []
        self.closing = []
        self.decays = []

    def prepare(self, batches, size):
        pass

    def __call__(self, batches, size, learning_rate, decay, closing):
        self.rates.append(learning_rate)
        self.closing.append(closing)
        self.decays.append(decay)
        return {"box": next(self.losses, 1.0)}


class Validations:
    """Finds the APs of a list, one after the other, then 0; remembers the best AP that it was told each time."""

    def __init__(self, aps):
        self.aps = iter(aps)
        self.told = []

    def __call__(self, best):
        self.told.append(best)
        ap = next(self.aps, 0.0)
        scores = SimpleNamespace(**dict.fromkeys(METRICS, ap))
        return Validation(scores, best=math.isnan(ap) or ap > best)


class Losses(TrainingCallback):
    """Remembers the losses that it hears of."""

    def __init__(self):
        self.losses = []

    def on_step(self, progress, losses, learning_rate):
        self.losses.append(losses["box"])


class Journal:
    """Remembers kind, step and loss or AP of its rows."""

    def __init__(self):
        self.rows = []

    def write(self, kind, step, epoch, values):
        self.rows.append((kind, step, values["loss"] if kind == "train" else values.get("AP")))


def a_loop(steps=8, losses=(), aps=(), **settings) -> Loop:
    """A run with four validations; `loop.saved` has the steps of its checkpoints."""
    saved = []
    loop = Loop(
        settings=TrainingSettings(data="d", batch_size=2, **{"validations": 4, **settings}),
        workers=Workers(tf.distribute.get_strategy()),
        stream=Stream(),
        step=Step(losses),
        budget=StepBudget(steps),
        position=Position(),
        validate=Validations(aps),
        save=lambda position: saved.append(position.step),
        check_images=lambda: None,
        journal=Journal(),
        display=SilentDisplay(),
    )
    loop.saved = saved
    return loop


def rows_of(loop, kind):
    return [row for row in loop.journal.rows if row[0] == kind]


def test_every_step_is_made_and_validations_are_spread_evenly():
    loop = a_loop()
    train(loop)
    assert len(loop.step.rates) == 8
    assert [step for kind, step, _ in loop.journal.rows if kind == "val"] == [2, 4, 6, 8]
    assert loop.saved == [2, 2, 4, 6, 8]  # before the first validation too


class Heard(TrainingCallback):
    """Remembers the steps and the validations that it hears of; fails at a step."""

    def __init__(self, fails_at=None):
        self.fails_at, self.steps, self.validations = fails_at, [], []

    def on_step(self, progress, losses, learning_rate):
        self.steps.append((progress.step, progress.epoch, progress.share, losses["box"], learning_rate))
        if progress.step == self.fails_at:
            raise KeyError("lost")

    def on_validation(self, progress, scores, best):
        self.validations.append((progress.step, scores.AP, best))


def test_callbacks_hear_of_every_step_and_validation():
    loop, heard = a_loop(losses=[3.0, 5.0], aps=[0.25, 0.5, 0.125], optimizer={"name": "sgd"}), Heard()
    loop.callbacks = Callbacks([heard])
    train(loop)
    assert [(step, share) for step, _, share, _, _ in heard.steps] == [(step, step / 8) for step in range(1, 9)]
    assert [(epoch, loss) for _, epoch, _, loss, _ in heard.steps[:3]] == [(0.5, 3.0), (1.0, 5.0), (1.5, 1.0)]
    assert [rate for *_, rate in heard.steps] == loop.step.rates
    assert heard.validations == [(2, 0.25, True), (4, 0.5, True), (6, 0.125, False), (8, 0.0, False)]


def test_the_report_is_written_after_each_validation_and_stops_no_run():
    loop, written = a_loop(aps=[0.25, 0.5, 0.125]), []

    def report():
        written.append((loop.position.step, loop.scores.AP))
        raise RunFailure("the disk is full")

    loop.report = report
    train(loop)
    assert written == [(2, 0.25), (4, 0.5), (6, 0.5), (8, 0.5)]


class Stops(TrainingCallback):
    """Ends the run at its second validation."""

    def on_validation(self, progress, scores, best):
        if progress.step == 4:
            raise StopTraining


def test_a_callback_can_end_a_run_which_is_saved_there():
    loop = a_loop(aps=[0.25, 0.5, 0.125])
    loop.callbacks = Callbacks([Stops()])
    with pytest.raises(StopTraining):
        train(loop)
    assert loop.saved[-1] == loop.position.step == 4
    assert loop.position.best == 0.5


def test_callbacks_of_keras_are_refused():
    with pytest.raises(BadInput, match=r"subclasses of detect.TrainingCallback, got <.*EarlyStopping"):
        Callbacks([Heard(), keras.callbacks.EarlyStopping()])


def test_an_error_of_a_callback_is_named_as_such():
    loop = a_loop()
    loop.callbacks = Callbacks([Heard(), Heard(fails_at=3)])
    with pytest.raises(
        RunFailure, match=r"Heard.on_step, a callback that was given.*, failed: KeyError: 'lost'"
    ) as told:
        train(loop)
    assert isinstance(told.value.__cause__, KeyError)
    assert loop.callbacks.callbacks[0].steps[-1][0] == 3


def test_the_position_follows_the_validations():
    loop = a_loop(aps=[0.25, 0.5, 0.5, 0.125])
    train(loop)
    assert loop.validate.told == [-1, 0.25, 0.5, 0.5]
    position = loop.position
    assert (position.best, position.best_step, position.stale, position.validations) == (0.5, 4, 2, 4)
    assert (position.step, position.saved_step, position.progress) == (8, 8, 1)
    assert loop.scores.AP == 0.5
    assert rows_of(loop, "val") == [("val", 2, 0.25), ("val", 4, 0.5), ("val", 6, 0.5), ("val", 8, 0.125)]


def test_the_losses_before_each_validation_are_written():
    """The means of two steps each, although no row is due for seconds."""
    loop = a_loop(losses=[1.0, 3.0, 5.0, 7.0, 8.0, 8.0, 8.0, 10.0])
    train(loop)
    assert rows_of(loop, "train") == [("train", 1, 2.0), ("train", 3, 6.0), ("train", 5, 8.0), ("train", 7, 9.0)]


def test_where_ap_is_not_defined_the_newest_model_is_the_best():
    loop = a_loop(steps=4, aps=[math.nan] * 4, patience=1)
    train(loop)
    assert (loop.position.best, loop.position.best_step, loop.position.stale) == (0, 4, 0)
    assert rows_of(loop, "val") == [("val", step, None) for step in (1, 2, 3, 4)]
    assert "AP is not defined" in describe_validation(loop.epoch, Validation(loop.scores, best=True))


def test_validations_without_a_better_ap_end_the_run():
    loop = a_loop(steps=12, aps=[0.5, 0.5, 0.25, 0.75], patience=2)
    train(loop)
    assert loop.position.step == 9
    loop = a_loop(steps=12, aps=[0.5, 0.5, 0.75, 0.5], patience=2)
    train(loop)
    assert loop.position.step == 12


def test_a_validation_under_a_time_limit_tells_the_budget_how_long_it_took(monkeypatch):
    clock = itertools.count(100.0)  # a second later at each look
    monkeypatch.setattr(subject.time, "monotonic", lambda: next(clock))
    loop = a_loop()
    loop.budget = TimeBudget(seconds=1000, reserve=10, pause=5, started=100.0)
    validate(loop)
    assert loop.budget.pause == 1
    assert loop.budget.reserve == 1.3 * 1 + 8


def test_batches_and_steps_know_the_closing_phase():
    loop = a_loop(schedule={"closing": 0.25})
    train(loop)
    assert loop.stream.starts == [(0, False), (6, True)]
    assert loop.step.closing == [False] * 6 + [True] * 2
    assert loop.position.closing_step == 6


def test_the_average_begins_anew_with_the_closing_phase_and_not_again_when_a_run_is_resumed():
    loop = a_loop(schedule={"closing": 0.25}, average={"restart": True})
    train(loop)
    assert loop.step.decays[5:] == pytest.approx([6 / 15, 1 / 10, 2 / 11])
    resumed = a_loop(schedule={"closing": 0.25}, average={"restart": True})
    resumed.position = Position(step=7, progress=7 / 8, closing_step=6)
    train(resumed)
    assert resumed.step.decays == pytest.approx([2 / 11])


def failing_validation(best):
    raise BadInput("too many images cannot be read")


def test_a_run_that_ended_in_its_first_validation_is_resumed_with_it():
    loop = a_loop(steps=2, validations=1)
    loop.validate = failing_validation
    with pytest.raises(BadInput):
        train(loop)
    assert loop.saved == [2]
    resumed = a_loop(steps=2, validations=1, aps=[0.5])
    resumed.position = loop.position
    train(resumed)
    assert (resumed.position.best, resumed.position.validations) == (0.5, 1)
    assert not resumed.step.rates


def test_a_run_is_finished_after_its_last_validation_or_where_it_stops_early():
    loop = a_loop(steps=4, patience=2)
    assert not is_finished(loop)
    loop.position = Position(step=4, progress=1, validations=3)
    assert not is_finished(loop)
    loop.position.validations = 4
    assert is_finished(loop)
    loop.position = Position(step=2, progress=0.5, validations=2, stale=1)
    assert not is_finished(loop)
    loop.position.stale = 2
    assert is_finished(loop)


def test_images_are_checked_at_every_step():
    checks = []
    loop = a_loop(steps=4)
    loop.check_images = lambda: checks.append(loop.position.step)
    train(loop)
    assert checks == [0, 1, 2, 3]


def test_a_step_without_enough_memory_is_made_again_in_parts():
    loop, numbers, said = a_loop(steps=4), [], []
    loop.display.say = said.append

    def step(batches, *_, **__):
        numbers.append((loop.position.step, [len(batch.images) for batch in batches]))
        if loop.position.step == 2 and len(batches[0].images) > 1:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return {"box": 1.0}

    loop.step = type("Step", (Step,), {"__call__": lambda self, *arguments: step(*arguments)})()
    train(loop)
    assert numbers == [(0, [2]), (1, [2]), (2, [2]), (2, [1, 1]), (3, [1, 1])]
    assert loop.stream.starts == [(0, False), (2, False)]
    assert loop.position.parts == 2
    assert [text for text in said if "Out of memory: from step 2 on, each batch of 2 images" in text]


def test_other_errors_of_a_step_end_the_run():
    def step(*_, **__):
        raise tf.errors.InvalidArgumentError(None, None, "shapes differ")

    loop = a_loop()
    loop.step = SimpleNamespace(prepare=step)
    with pytest.raises(tf.errors.InvalidArgumentError):
        train(loop)
    assert loop.position.parts == 1


def test_a_resumed_loop_starts_where_it_was():
    loop = a_loop()
    loop.position = Position(step=7, progress=7 / 8, validations=3)
    train(loop)
    assert loop.stream.starts == [(7, True)]
    assert len(loop.step.rates) == 1


def test_checkpoints_are_written_between_validations():
    loop = a_loop(checkpoint_seconds=0)
    train(loop)
    assert loop.saved == list(range(1, 9))
    assert loop.position.saved_step == 8


class Terminated(TrainingCallback):
    """Sends SIGTERM when it hears of a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, progress, losses, learning_rate):
        if progress.step == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_ends_the_run_between_two_steps_with_a_checkpoint():
    loop = a_loop()
    loop.callbacks = Callbacks([Terminated(3)])
    with pytest.raises(Stopped, match=r"^SIGTERM: stopped at step (\d), which is saved\..*--resume goes on") as stopped:
        train(loop)
    assert loop.saved == [2, 2, loop.position.step]
    assert f"step {loop.position.step}," in str(stopped.value)
    assert stopped.value.exit_code == 143


def test_a_signal_ends_a_validation_whose_place_in_the_run_is_kept():
    loop = a_loop()

    def validate(best):
        os.kill(os.getpid(), signal.SIGTERM)
        loop.stop.check()

    loop.validate = validate
    with pytest.raises(Stopped, match="stopped at step 2, which is saved"):
        train(loop)
    assert loop.saved == [2]  # by the validation, before it began
    assert is_validation_due(loop.position, 4, loop.budget)


class OfTwo(Workers):
    """A worker whose only other one adds a number to each of what is summed."""

    def __init__(self, *other):
        super().__init__(tf.distribute.get_strategy())
        self.other = other

    def summed(self, *values):
        return tuple(own + other for own, other in zip(values, self.other, strict=True))

    def numbers_of_chief(self, *values):
        return self.other


def test_a_signal_that_another_worker_has_got_ends_the_run_here_too():
    loop = a_loop()
    loop.stop, loop.workers = StopRequest(shared=True), OfTwo(0.0, 0.0, 1.0)
    with pytest.raises(Stopped, match="SIGTERM: stopped at step 1, which is saved") as stopped:
        train(loop)
    assert stopped.value.exit_code == 143
    assert loop.saved == [1]


def test_several_workers_agree_before_a_signal_ends_any():
    stop = StopRequest(shared=True)
    with stop:
        os.kill(os.getpid(), signal.SIGTERM)
        stop.check()
    assert stop.number == signal.SIGTERM


def test_a_callback_of_the_chief_ends_the_run_on_all_workers():
    loop = a_loop()
    loop.workers = OfTwo(1.0)  # what the chief says
    with pytest.raises(StopTraining):
        tell_callbacks(loop, None)


def test_what_was_trained_is_saved_before_images_end_the_run():
    loop, checks = a_loop(), itertools.count()

    def check():
        if next(checks) == 5:
            raise BadInput("3 of 20 images cannot be used")

    loop.check_images = check
    with pytest.raises(BadInput, match="3 of 20 images"):
        train(loop)
    assert loop.saved == [2, 2, 4, 5]  # around the validations, and at the end


def test_before_the_first_step_there_is_nothing_to_save():
    loop = a_loop()
    loop.step.prepare = lambda batches, size: os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(Stopped, match=r"^Ctrl-C: stopped before the first step\. There is nothing to save"):
        train(loop)
    assert loop.saved == loop.step.rates == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_skipped_with_its_images_named(bad):
    loop, said = a_loop(losses=[1.0, bad, 1.0, bad]), []
    loop.display.say = said.append
    loop.callbacks = Callbacks([heard := Losses()])
    train(loop)
    skipped = [text.splitlines() for text in said if "not finite" in text]
    assert [lines[1:] for lines in skipped] == [
        [f"  picture_{step}.jpg", "The step is skipped: it has changed nothing."] for step in (1, 3)
    ]
    assert heard.losses == [1.0] * 6
    assert loop.position.step == 8


@pytest.mark.parametrize(("between", "ends"), [(0, True), (48, True), (49, False)])
def test_the_third_loss_that_is_not_finite_within_a_hundred_steps_ends_the_run(between, ends):
    bad, good = float("nan"), [1.0] * between
    loop = a_loop(200, losses=[1.0, bad, *good, bad, *good, bad])
    if not ends:
        train(loop)
        return
    last = 3 + 2 * between
    with pytest.raises(RunFailure, match=rf"(?s)at step {last}: box nan.*picture_{last}\.jpg.*third such step of 100"):
        train(loop)
    assert loop.saved[-1:] == ([50] if between else [])


@pytest.mark.parametrize(
    ("steps_per_epoch", "steps", "course"),
    [(2.0, 200, "epoch 1.0 of 100"), (0.5, 2, "epoch 4.0 of 4"), (2.5, 2, "epoch 0.8 of 0.8")],
)
def test_the_course_ends_where_the_steps_do(steps_per_epoch, steps, course):
    """A step of a batch that is larger than the dataset is more than an epoch."""
    loop = a_loop(steps, epochs=1)
    loop.stream.steps_per_epoch = steps_per_epoch
    loop.position.step = 2
    assert describe_course(loop, images_per_second=1.0)[1] == course
    loop.budget = TimeBudget(seconds=100)
    assert describe_course(loop, images_per_second=1.0)[1] == course.partition(" of")[0]


def test_a_validation_is_due_once_for_each_share():
    budget = StepBudget(10)
    assert not is_validation_due(Position(progress=0.24), 4, budget)
    assert is_validation_due(Position(progress=0.25), 4, budget)
    assert not is_validation_due(Position(progress=0.3, validations=1), 4, budget)
    assert is_validation_due(Position(progress=0.1 + 0.2, validations=2), 10, budget)  # 0.30000000000000004


@pytest.mark.parametrize(("given", "count"), [({}, 30), ({"epochs": 100}, 30), ({"epochs": 6.5}, 6),
                                              ({"epochs": 0.5}, 1), ({"epochs": 2, "validations": 8}, 8)])  # fmt: skip
def test_an_epoch_has_one_validation_at_most_unless_told_otherwise(given, count):
    assert TrainingSettings(data="d", **given).validation_count == count


def test_under_a_time_limit_validations_wait_for_training():
    budget = TimeBudget(seconds=100, pause=2)
    assert not is_validation_due(Position(progress=0.5, seconds=30, saved_seconds=10), 4, budget)  # 20 of 24 seconds
    assert is_validation_due(Position(progress=0.5, seconds=30, saved_seconds=6), 4, budget)
    assert is_validation_due(Position(progress=1, seconds=30, saved_seconds=10), 4, budget)  # the last one always


def test_numbers_reach_the_journal(monkeypatch):
    monkeypatch.setattr(subject, "SECONDS_BETWEEN_ROWS", 0.0)
    loop = a_loop(losses=[2.0, 3.0], steps=2)
    train(loop)
    assert rows_of(loop, "train") == [("train", 0, 2.0), ("train", 1, 3.0)]


@pytest.mark.parametrize(("seconds", "text"), [(5, "0m05s"), (61, "1m01s"), (3600, "1h00m"), (7384, "2h03m")])
def test_clock(seconds, text):
    assert clock(seconds) == text
